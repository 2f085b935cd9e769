//! The entries of a commit's batches one after another: whose each is, and when it was read.

use super::varint::{Bytes, put_signed, put_unsigned};

/// An entry of a chain, with its device and time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry<'bytes> {
    /// The file's number of the device.
    pub(super) device: i64,
    /// When, in nanoseconds.
    pub(super) at: i64,
    /// What its chain says.
    pub(super) said: &'bytes [u8],
}

/// Entries in the making; times are differences, the first from the slot's beginning.
pub(super) struct Group {
    pub(super) bytes: Vec<u8>,
    before: i64,
}

impl Group {
    /// A group that counts its times from a moment.
    pub(super) fn new(from: i64) -> Self {
        Self::with_room(from, 0)
    }

    /// The same with room for so many bytes.
    pub(super) fn with_room(from: i64, bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            before: from,
        }
    }

    /// Appends an entry.
    pub(super) fn put(&mut self, entry: Entry<'_>) {
        put_signed(&mut self.bytes, entry.device);
        put_signed(&mut self.bytes, entry.at.wrapping_sub(self.before));
        put_unsigned(&mut self.bytes, entry.said.len() as u64);
        self.bytes.extend_from_slice(entry.said);
        self.before = entry.at;
    }
}

/// The entries of a group, up to its end or to where it is spoiled.
pub(super) fn entries(bytes: &[u8], from: i64) -> impl Iterator<Item = Entry<'_>> {
    let mut bytes = Bytes(bytes);
    let mut at = from;
    std::iter::from_fn(move || {
        let device = bytes.signed()?;
        at = at.wrapping_add(bytes.signed()?);
        let length = usize::try_from(bytes.unsigned()?).ok()?;
        Some(Entry {
            device,
            at,
            said: bytes.take(length)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_read_back_in_their_order() {
        let written = [
            (7, 1_000, &b"one"[..]),
            (7, 999, b""),
            (i64::MAX, i64::MAX, b"far"),
            (0, i64::MIN, b"late"),
        ]
        .map(|(device, at, said)| Entry { device, at, said });
        let mut group = Group::new(500);
        written.iter().for_each(|entry| group.put(*entry));
        assert_eq!(entries(&group.bytes, 500).collect::<Vec<_>>(), written);
        for end in 0..group.bytes.len() {
            assert!(entries(&group.bytes[..end], 500).count() < written.len());
        }
    }
}
