//! Whole numbers in as few bytes as they need: seven bits a byte, the lowest first.

/// Puts a number.
pub(super) fn put_unsigned(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Puts a number that may be below zero; small ones of either sign are short.
pub(super) fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put_unsigned(bytes, ((number << 1) ^ (number >> 63)) as u64);
}

/// Bytes that are read from the front; everything is `None` where they end too soon.
pub(super) struct Bytes<'bytes>(pub(super) &'bytes [u8]);

impl<'bytes> Bytes<'bytes> {
    /// One byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// So many bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'bytes [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number.
    pub(super) fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        for ((position, byte), shift) in self.0.iter().enumerate().zip((0..64).step_by(7)) {
            number |= u64::from(byte & 0x7F) << shift;
            if *byte < 0x80 {
                self.0 = self.0.get(position + 1..)?;
                return Some(number);
            }
        }
        None
    }

    /// A number that may be below zero.
    pub(super) fn signed(&mut self) -> Option<i64> {
        let folded = self.unsigned()?;
        Some((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }

    /// A text with its length before it.
    pub(super) fn text(&mut self) -> Option<&'bytes str> {
        let length = usize::try_from(self.unsigned()?).ok()?;
        std::str::from_utf8(self.take(length)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_reads_back_as_it_was(number in any::<i64>(), whole in any::<u64>()) {
            let mut bytes = Vec::new();
            put_signed(&mut bytes, number);
            put_unsigned(&mut bytes, whole);
            let mut bytes = Bytes(&bytes);
            prop_assert_eq!((bytes.signed(), bytes.unsigned()), (Some(number), Some(whole)));
        }
    }

    #[test]
    fn a_small_number_is_one_byte() {
        for number in [-64, -1, 0, 1, 63] {
            let mut bytes = Vec::new();
            put_signed(&mut bytes, number);
            assert_eq!(bytes.len(), 1, "{number}");
        }
    }
}
