//! What the frames of Modbus TCP say (MBAP header and PDU): which answer is ours, whole, and which is somebody else's.
//!
//! This gateway only reads, so every request is one of functions 1 to 4 and twelve bytes long, and the length of its answer is known.

use model::TransactionIds;

/// The MBAP header: transaction id, protocol id, length, and the unit id that the length counts already.
pub(crate) const HEADER_BYTES: usize = 7;
/// A read request: the header, the function, the first address, the count.
pub(crate) const REQUEST_BYTES: usize = 12;
/// The longest frame that the specification allows: the header and a PDU of 253 bytes.
pub(crate) const LONGEST_FRAME_BYTES: usize = HEADER_BYTES + 253;

/// What the answer to a request has to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    transaction: [u8; 2],
    unit: u8,
    function: u8,
    data_bytes: u8,
}

/// What becomes of a frame that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the answer, or a refusal, and whole.
    Ours,
    /// It is meant to be the answer and isn't what was asked for.
    Malformed,
    /// It answers something else: an earlier request that was given up, or nothing.
    NotOurs,
}

impl Expected {
    /// What is expected after a read request; `None` when the bytes are none.
    pub(crate) fn after(request: &[u8; REQUEST_BYTES]) -> Option<Self> {
        let [first, second, _, _, _, _, unit, function, _, _, high, low] = *request;
        let count = usize::from(u16::from_be_bytes([high, low]));
        let data_bytes = match function {
            1 | 2 => count.div_ceil(8),
            3 | 4 => count * 2,
            _ => return None,
        };
        Some(Self {
            transaction: [first, second],
            unit,
            function,
            data_bytes: u8::try_from(data_bytes).ok()?,
        })
    }

    /// Judges a whole frame.
    ///
    /// With [`TransactionIds::Ignore`] the id says nothing, so a frame of another unit or function is taken for somebody else's.
    pub(crate) fn judge(&self, frame: &[u8], ids: TransactionIds) -> Verdict {
        let [first, second, _, _, _, _, unit, function, data @ ..] = frame else {
            return Verdict::NotOurs;
        };
        let addressed = *unit == self.unit && function & 0x7f == self.function;
        match ids {
            TransactionIds::Strict if [*first, *second] != self.transaction => return Verdict::NotOurs,
            TransactionIds::Ignore if !addressed => return Verdict::NotOurs,
            _ => {}
        }
        let refused = function & 0x80 != 0 && data.len() == 1;
        let whole = *function == self.function
            && data.len() == 1 + usize::from(self.data_bytes)
            && data.first() == Some(&self.data_bytes);
        if addressed && (refused || whole) {
            Verdict::Ours
        } else {
            Verdict::Malformed
        }
    }

    /// The frame as the client is to see it: with the transaction id that it asked with.
    pub(crate) fn adopt(&self, frame: &mut [u8]) {
        if let Some(id) = frame.first_chunk_mut::<2>() {
            *id = self.transaction;
        }
    }

    /// An answer without any data, which stands for one that was malformed: the client takes it for a short answer.
    pub(crate) fn empty_answer(&self) -> [u8; 9] {
        let [first, second] = self.transaction;
        [first, second, 0, 0, 0, 3, self.unit, self.function, 0]
    }
}

/// The length of the frame that the bytes begin with, once its header is there.
///
/// # Errors
/// The header can't be one of Modbus TCP; where the next frame begins is then unknown, so the connection is of no more use.
pub(crate) fn frame_length(bytes: &[u8]) -> Result<Option<usize>, BrokenHeader> {
    let [_, _, protocol_high, protocol_low, high, low, ..] = *bytes else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let frame = HEADER_BYTES - 1 + length;
    // Unit and function at least; an answer without a function would be no frame at all.
    if (protocol_high, protocol_low) != (0, 0) || length < 2 || frame > LONGEST_FRAME_BYTES {
        return Err(BrokenHeader { length });
    }
    Ok(Some(frame))
}

/// Bytes that are no header of a Modbus TCP frame.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the other side sent is not Modbus TCP (a frame of {length} bytes was announced)")]
pub(crate) struct BrokenHeader {
    length: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use TransactionIds::{Ignore, Strict};
    use proptest::prelude::*;

    /// Transaction 0x0102, unit 5, function 3, address 0, two registers.
    const REQUEST: [u8; 12] = [1, 2, 0, 0, 0, 6, 5, 3, 0, 0, 0, 2];

    fn judge(frame: &[u8], ids: TransactionIds) -> Verdict {
        Expected::after(&REQUEST).unwrap().judge(frame, ids)
    }

    #[test]
    fn only_a_whole_answer_to_this_very_request_is_ours() {
        let cases: &[(&str, &[u8], Verdict, Verdict)] = &[
            (
                "whole",
                &[1, 2, 0, 0, 0, 7, 5, 3, 4, 0, 1, 0, 2],
                Verdict::Ours,
                Verdict::Ours,
            ),
            (
                "an older id",
                &[1, 1, 0, 0, 0, 7, 5, 3, 4, 0, 1, 0, 2],
                Verdict::NotOurs,
                Verdict::Ours,
            ),
            (
                "short",
                &[1, 2, 0, 0, 0, 5, 5, 3, 2, 0, 1],
                Verdict::Malformed,
                Verdict::Malformed,
            ),
            (
                "count without data",
                &[1, 2, 0, 0, 0, 5, 5, 3, 4, 0, 1],
                Verdict::Malformed,
                Verdict::Malformed,
            ),
            (
                "long",
                &[1, 2, 0, 0, 0, 9, 5, 3, 6, 0, 1, 0, 2, 0, 3],
                Verdict::Malformed,
                Verdict::Malformed,
            ),
            (
                "refusal",
                &[1, 2, 0, 0, 0, 3, 5, 0x83, 2],
                Verdict::Ours,
                Verdict::Ours,
            ),
            (
                "refusal without code",
                &[1, 2, 0, 0, 0, 2, 5, 0x83],
                Verdict::Malformed,
                Verdict::Malformed,
            ),
            (
                "another unit",
                &[1, 2, 0, 0, 0, 7, 6, 3, 4, 0, 1, 0, 2],
                Verdict::Malformed,
                Verdict::NotOurs,
            ),
            (
                "another function",
                &[1, 2, 0, 0, 0, 7, 5, 4, 4, 0, 1, 0, 2],
                Verdict::Malformed,
                Verdict::NotOurs,
            ),
        ];
        for (name, frame, strict, ignore) in cases {
            assert_eq!(frame_length(frame), Ok(Some(frame.len())), "{name}");
            assert_eq!(judge(frame, Strict), *strict, "{name}");
            assert_eq!(judge(frame, Ignore), *ignore, "{name}");
        }
    }

    #[test]
    fn a_header_that_is_none_is_told_before_anything_is_waited_for() {
        assert_eq!(frame_length(&[0, 0, 0, 0, 0]), Ok(None));
        for header in [
            [0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0xff, 0xff],
            [0, 0, 0, 1, 0, 6],
            *b"HTTP/1",
        ] {
            assert!(frame_length(&header).is_err(), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_break_the_judge(frame in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = frame_length(&frame);
            let verdict = judge(&frame, Strict);
            if verdict == Verdict::Ours {
                prop_assert_eq!(&frame[..2], &[1, 2]);
            }
        }
    }
}
