//! Lines as one gzip member; members one after another are gzip again, so that bodies can be sent together as they are.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Packs lines, quickly rather than tightly: the outbox is on the way of every sample.
pub fn compressed(lines: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(lines.len() / 6), Compression::fast());
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(lines.as_bytes());
    encoder.finish().unwrap_or_default()
}
