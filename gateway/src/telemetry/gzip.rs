//! Lines as gzip files of which several can be made one, without unpacking them: bodies are packed once and sent together.
//!
//! Gzip members one after another are gzip, too, but InfluxDB 3 before 3.8 reads the first of them, and says that all is written. So the
//! deflate part of a body ends on a whole byte (a sync flush) and with a final block that has nothing in it, and is continued by that of
//! the next where this block is left out.

use std::io::{self, Read, Write};

use crc32fast::Hasher;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

/// Text that is held before it is packed, in bytes: enough that packing it at once costs no more than packing all.
const TEXT_BYTES: usize = 64 << 10;

/// In the place of a file's time, of which nobody has a use here, stands that the body can be joined to others. Gateways before wrote none
/// (0), and ended a body in the middle of a byte.
const JOINABLE: u32 = u32::from_le_bytes(*b"JOIN");
/// How such a body begins: gzip, deflate, no further fields, the mark, packed quickly, on no system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, b'J', b'O', b'I', b'N', 4, 255];
/// A final block of deflate with nothing in it.
const FINAL_BLOCK: [u8; 2] = [3, 0];
/// The checksum and the length of what is packed.
const TRAILER_BYTES: usize = 8;
/// Bodies are smaller by far; what a spoiled one unpacks to beyond this is not read.
const TEXT_MOST: u64 = 64 << 20;

/// Packs lines, quickly rather than tightly: the outbox is on the way of every sample.
pub fn compressed(lines: &str) -> Vec<u8> {
    let mut encoder = encoder(lines.len() / 6);
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(lines.as_bytes());
    finished(encoder)
}

fn encoder(capacity: usize) -> GzEncoder<Vec<u8>> {
    GzBuilder::new()
        .mtime(JOINABLE)
        .write(Vec::with_capacity(capacity), Compression::fast())
}

/// Ends a body so that it can be joined.
fn finished(mut encoder: GzEncoder<Vec<u8>>) -> Vec<u8> {
    // Writing to a vector cannot fail.
    let _ = encoder.flush();
    let end = encoder.get_ref().len();
    let mut body = encoder.finish().unwrap_or_default();
    // Which final block is written is the library's business; joining wants this one.
    let trailer = body.len().saturating_sub(TRAILER_BYTES);
    if end <= trailer {
        body.splice(end..trailer, FINAL_BLOCK);
    }
    body
}

/// A body that can be joined, in its parts.
struct Parts<'a> {
    /// All but the final block.
    deflate: &'a [u8],
    crc: u32,
    /// Of the text, modulo 2³².
    length: u32,
}

/// The parts of a body; none where it was not packed to be joined.
fn parts(body: &[u8]) -> Option<Parts<'_>> {
    let packed = body.strip_prefix(&HEADER)?;
    let (packed, length) = packed.split_last_chunk::<4>()?;
    let (packed, crc) = packed.split_last_chunk::<4>()?;
    Some(Parts {
        deflate: packed.strip_suffix(&FINAL_BLOCK)?,
        crc: u32::from_le_bytes(*crc),
        length: u32::from_le_bytes(*length),
    })
}

/// Whether a body can be joined to others.
pub fn is_joinable(body: &[u8]) -> bool {
    parts(body).is_some()
}

/// Several bodies as one gzip file of one member. One body stays as it is; of several, those that cannot be joined are left out: see
/// [`is_joinable`].
pub fn joined<'a>(bodies: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let mut two = bodies.clone();
    if let (Some(only), None) = (two.next(), two.next()) {
        return only.to_vec();
    }
    let bytes = bodies.clone().map(<[u8]>::len).sum::<usize>();
    let mut whole = Vec::with_capacity(bytes.max(HEADER.len() + FINAL_BLOCK.len() + TRAILER_BYTES));
    whole.extend_from_slice(&HEADER);
    let (mut crc, mut length) = (Hasher::new(), 0_u32);
    for part in bodies.filter_map(parts) {
        whole.extend_from_slice(part.deflate);
        crc.combine(&Hasher::new_with_initial_len(part.crc, u64::from(part.length)));
        length = length.wrapping_add(part.length);
    }
    whole.extend_from_slice(&FINAL_BLOCK);
    whole.extend_from_slice(&crc.finalize().to_le_bytes());
    whole.extend_from_slice(&length.to_le_bytes());
    whole
}

/// The lines of a body; and where it is not what was packed, for example after a bit has turned on the disk, why not. The lines before that
/// place may be right, and may be not; none of them is cut off.
pub fn unpacked(body: &[u8]) -> (String, Option<String>) {
    let mut text = Vec::new();
    let spoiled = unpack(body, &mut text);
    if spoiled.is_some() {
        let end = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        text.truncate(end);
    }
    (String::from_utf8_lossy(&text).into_owned(), spoiled)
}

/// Whether a body is not what was packed, and why not.
pub fn spoiled(body: &[u8]) -> Option<String> {
    unpack(body, &mut io::sink())
}

/// Unpacks a body as far as that is possible; says why it was not possible to the end, or why that is not what was packed.
fn unpack(body: &[u8], into: &mut impl Write) -> Option<String> {
    match io::copy(&mut MultiGzDecoder::new(body).take(TEXT_MOST), into) {
        Err(error) => Some(error.to_string()),
        Ok(TEXT_MOST..) => Some(format!("it has more than {TEXT_MOST} bytes")),
        Ok(_) => None,
    }
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

    /// Bytes of text since the last body was finished.
    pub fn text_bytes(&self) -> usize {
        self.packed_bytes + self.text.len()
    }

    /// Ends the body, and begins the next.
    pub fn finish(&mut self) -> Vec<u8> {
        self.pack();
        self.packed_bytes = 0;
        // A message of a broker can be as long as a megabyte, once.
        self.text.shrink_to(2 * TEXT_BYTES);
        self.encoder.take().map(finished).unwrap_or_default()
    }

    fn pack(&mut self) {
        let encoder = self.encoder.get_or_insert_with(|| encoder(0));
        // Writing to a vector cannot fail.
        let _ = encoder.write_all(self.text.as_bytes());
        self.packed_bytes += self.text.len();
        self.text.clear();
    }
}

/// A body as gateways packed it before bodies could be joined.
#[cfg(test)]
pub fn compressed_unmarked(lines: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(lines.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[cfg(test)]
mod tests {
    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    /// As a server reads it that knows nothing of further members; the rest is not read, nor is there any.
    fn first_member(gzip: &[u8]) -> String {
        let mut decoder = GzDecoder::new(gzip);
        let mut text = String::new();
        decoder.read_to_string(&mut text).unwrap();
        text
    }

    fn join(bodies: &[Vec<u8>]) -> Vec<u8> {
        joined(bodies.iter().map(Vec::as_slice))
    }

    proptest! {
        #[test]
        fn bodies_that_are_joined_are_one_member_with_every_line_of_theirs_in_order(
            texts in proptest::collection::vec(r"[ -~\n]{0,40}|(pump,device=p[0-9]{1,3} a=[0-9]\.[0-9]{1,5} [0-9]{1,9}\n){0,50}", 0..12),
        ) {
            let bodies: Vec<_> = texts.iter().map(|text| compressed(text)).collect();
            for (body, text) in bodies.iter().zip(&texts) {
                prop_assert!(is_joinable(body));
                prop_assert_eq!(&first_member(body), text);
            }
            let whole = join(&bodies);
            prop_assert_eq!(first_member(&whole), texts.concat());
            let mut all = String::new();
            MultiGzDecoder::new(whole.as_slice()).read_to_string(&mut all).unwrap();
            prop_assert_eq!(all, texts.concat());
        }
    }

    #[test]
    fn a_request_of_many_large_bodies_is_one_member() {
        let texts: Vec<String> = (0..40)
            .map(|body| {
                (0..5_000 * (body % 3))
                    .map(|number| format!("pump,device=p{number} a={body} {number}\n"))
                    .collect()
            })
            .collect();
        let bodies: Vec<_> = texts.iter().map(|text| compressed(text)).collect();
        assert!(first_member(&join(&bodies)) == texts.concat());
    }

    #[test]
    fn a_body_of_an_older_gateway_cannot_be_joined_and_is_sent_as_it_is() {
        let old = compressed_unmarked("pump a=1 5\n");
        assert!(!is_joinable(&old));
        assert_eq!(join(std::slice::from_ref(&old)), old);
        let new = compressed("pump a=1 5\n");
        assert_eq!(join(std::slice::from_ref(&new)), new);
        assert!(!is_joinable(&[]) && !is_joinable(&HEADER) && !is_joinable(&new[..new.len() - 1]));
    }

    #[test]
    fn lines_that_are_packed_as_they_come_are_those_that_came_body_by_body() {
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
        assert!(bodies.iter().all(|body| is_joinable(body)));
        assert_eq!(first_member(&join(&bodies)), said);
    }

    #[test]
    fn of_a_spoiled_body_no_line_is_cut_off_and_one_that_is_whole_is_not_spoiled() {
        let text: String = (0..1000)
            .map(|number| format!("pump,device=p{number} a=1 {number}\n"))
            .collect();
        for body in [compressed(&text), compressed_unmarked(&text), compressed("")] {
            assert_eq!(spoiled(&body), None);
        }
        let body = compressed(&text);
        let mut wrong_sum = body.clone();
        wrong_sum[body.len() - 6] ^= 1;
        let mut turned = body.clone();
        turned[body.len() / 2] ^= 4;
        for broken in [
            wrong_sum,
            turned,
            body[..body.len() / 2].to_vec(),
            body[..5].to_vec(),
        ] {
            let (lines, why) = unpacked(&broken);
            assert!(why.is_some() && spoiled(&broken).is_some());
            assert!(lines.is_empty() || lines.ends_with('\n'));
        }
    }
}
