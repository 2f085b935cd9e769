//! Lines as one gzip member; members one after another are gzip again, so that bodies can be sent together as they are.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Text that is held before it is packed, in bytes: enough that packing it at once costs no more than packing all.
const TEXT_BYTES: usize = 64 << 10;

/// Packs lines, quickly rather than tightly: the outbox is on the way of every sample.
pub fn compressed(lines: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(lines.len() / 6), Compression::fast());
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(lines.as_bytes());
    encoder.finish().unwrap_or_default()
}

/// Lines that are packed while more come: a second of a campus is two megabytes of text, and never held as such.
#[derive(Default)]
pub struct Packing {
    /// What is not packed yet; its room is used again and again.
    text: String,
    /// What is packed, once there was enough.
    encoder: Option<GzEncoder<Vec<u8>>>,
    packed_bytes: usize,
}

impl Packing {
    /// Where a line is appended. A line is not taken back from before what is there now.
    pub fn text(&mut self) -> &mut String {
        if self.text.len() >= TEXT_BYTES {
            self.pack();
        }
        &mut self.text
    }

    /// Bytes of text since the last member was finished.
    pub fn text_bytes(&self) -> usize {
        self.packed_bytes + self.text.len()
    }

    /// Ends the member, and begins the next.
    pub fn finish(&mut self) -> Vec<u8> {
        self.pack();
        self.packed_bytes = 0;
        // A message of a broker can be as long as a megabyte, once.
        self.text.shrink_to(2 * TEXT_BYTES);
        let encoder = self.encoder.take();
        encoder
            .and_then(|encoder| encoder.finish().ok())
            .unwrap_or_default()
    }

    fn pack(&mut self) {
        let encoder = self
            .encoder
            .get_or_insert_with(|| GzEncoder::new(Vec::new(), Compression::fast()));
        // Writing to a vector cannot fail.
        let _ = encoder.write_all(self.text.as_bytes());
        self.packed_bytes += self.text.len();
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::MultiGzDecoder;

    use super::*;

    #[test]
    fn lines_that_are_packed_as_they_come_are_those_that_came_member_by_member() {
        let mut packing = Packing::default();
        let mut bodies = Vec::new();
        let mut said = String::new();
        for count in [3, 20_000, 0, 1] {
            let before = said.len();
            for number in 0..count {
                let line = format!("pump,device=p{number} a={count} 1\n");
                packing.text().push_str(&line);
                said.push_str(&line);
            }
            assert_eq!(packing.text_bytes(), said.len() - before);
            bodies.push(packing.finish());
            assert_eq!(packing.text_bytes(), 0);
        }
        let mut read = String::new();
        let all: Vec<u8> = bodies.concat();
        MultiGzDecoder::new(all.as_slice())
            .read_to_string(&mut read)
            .unwrap();
        assert_eq!(read, said);
    }
}
