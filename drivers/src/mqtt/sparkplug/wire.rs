//! The little of Protocol Buffers that Sparkplug needs: fields by number, read without trusting any length.

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field<'bytes> {
    /// A whole number, however long it was written.
    Number(u64),
    /// Eight bytes, little end first.
    Eight([u8; 8]),
    /// Four bytes, little end first.
    Four([u8; 4]),
    /// A text, bytes, or a message of its own.
    Bytes(&'bytes [u8]),
}

/// The fields of a message, in their order. Ends with `None` after the first that is broken.
pub(super) struct Fields<'bytes>(pub(super) &'bytes [u8]);

impl<'bytes> Iterator for Fields<'bytes> {
    type Item = Option<(u64, Field<'bytes>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'bytes> Fields<'bytes> {
    fn field(&mut self) -> Option<(u64, Field<'bytes>)> {
        let tag = self.number()?;
        let value = match tag & 7 {
            0 => Field::Number(self.number()?),
            1 => Field::Eight(self.fixed()?),
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Field::Bytes(bytes)
            }
            5 => Field::Four(self.fixed()?),
            _ => return None,
        };
        Some((tag >> 3, value))
    }

    /// Seven bits a byte, lowest first, at most ten bytes.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn fixed<const BYTES: usize>(&mut self) -> Option<[u8; BYTES]> {
        let (bytes, rest) = self.0.split_first_chunk::<BYTES>()?;
        self.0 = rest;
        Some(*bytes)
    }
}

/// Writes a whole number as a field.
pub(super) fn put_number(bytes: &mut Vec<u8>, field: u8, number: u64) {
    bytes.push(field << 3);
    put_bare(bytes, number);
}

/// Writes a text, bytes, or a message as a field.
pub(super) fn put_bytes(bytes: &mut Vec<u8>, field: u8, value: &[u8]) {
    bytes.push(field << 3 | 2);
    put_bare(bytes, value.len() as u64);
    bytes.extend(value);
}

fn put_bare(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
