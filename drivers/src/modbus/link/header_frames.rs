//! Frames as Modbus TCP has them: a header with a transaction id (MBAP), so that a late answer is known for what it is.

use model::TransactionIds;

use super::question::{Question, Said};

/// Transaction id, protocol id, length; the unit that the header ends with belongs to what is counted by the length.
const HEAD_BYTES: usize = 6;
/// A read request.
const REQUEST_BYTES: usize = 12;
/// The longest frame that the specification allows: the header, the unit, and a PDU of 253 bytes.
pub(super) const LONGEST_FRAME_BYTES: usize = HEAD_BYTES + 1 + 253;

/// Bytes that are no header of a Modbus TCP frame.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the other side sent is not Modbus TCP (a frame of {length} bytes was announced)")]
pub(crate) struct BrokenHeader {
    length: usize,
}

/// The request as it is written.
pub(crate) fn request(question: &Question, transaction: u16) -> [u8; REQUEST_BYTES] {
    let [t, u] = transaction.to_be_bytes();
    let [unit, function, a, b, c, d] = question.body();
    [t, u, 0, 0, 0, 6, unit, function, a, b, c, d]
}

/// Looks for the answer among the frames that have arrived: how many bytes are done with, and what was said, if anything was.
///
/// With [`TransactionIds::Ignore`] the id says nothing, so a frame of another unit or function is taken for somebody else's.
///
/// # Errors
/// Where the next frame begins is not known any more, so the connection is of no more use.
pub(crate) fn find(
    arrived: &[u8],
    question: &Question,
    transaction: u16,
    ids: TransactionIds,
) -> Result<(usize, Option<Said>), BrokenHeader> {
    let mut done = 0;
    while let Some(frame) = first(arrived.get(done..).unwrap_or_default())? {
        done += frame.len();
        if let Some(said) = judge(frame, question, transaction, ids) {
            return Ok((done, Some(said)));
        }
    }
    Ok((done, None))
}

/// How many bytes the whole frames take that have arrived unasked.
///
/// # Errors
/// As [`find`].
pub(super) fn unasked(arrived: &[u8]) -> Result<usize, BrokenHeader> {
    let mut done = 0;
    while let Some(frame) = first(arrived.get(done..).unwrap_or_default())? {
        done += frame.len();
    }
    Ok(done)
}

fn judge(frame: &[u8], question: &Question, transaction: u16, ids: TransactionIds) -> Option<Said> {
    let (head, body) = frame.split_at_checked(HEAD_BYTES)?;
    match (ids, question.judge(body)) {
        (TransactionIds::Ignore, said) => said,
        (TransactionIds::Strict, _) if !head.starts_with(&transaction.to_be_bytes()) => None,
        (TransactionIds::Strict, said) => Some(said.unwrap_or(Said::Malformed)),
    }
}

/// The whole frame that bytes begin with, once it is there.
fn first(bytes: &[u8]) -> Result<Option<&[u8]>, BrokenHeader> {
    let [_, _, protocol_high, protocol_low, high, low, ..] = *bytes else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let frame = HEAD_BYTES + length;
    // Unit and function at least; an answer without a function would be no frame at all.
    if (protocol_high, protocol_low) != (0, 0) || length < 2 || frame > LONGEST_FRAME_BYTES {
        return Err(BrokenHeader { length });
    }
    Ok(bytes.get(..frame))
}

#[cfg(test)]
mod tests {
    use super::super::question::Answer;
    use super::*;
    use crate::modbus::plan::Read;
    use TransactionIds::{Ignore, Strict};
    use model::RegisterTable;
    use proptest::prelude::*;

    fn question() -> Question {
        let read = Read {
            table: RegisterTable::Holding,
            first: 0,
            count: 2,
            slots: Vec::new(),
        };
        Question::new(5, &read).unwrap()
    }

    fn found(arrived: &[u8], ids: TransactionIds) -> (usize, Option<Said>) {
        find(arrived, &question(), 0x0102, ids).unwrap()
    }

    fn right() -> Option<Said> {
        Some(Said::Answer(Answer::Registers(vec![1, 2])))
    }

    const RIGHT: [u8; 13] = [1, 2, 0, 0, 0, 7, 5, 3, 4, 0, 1, 0, 2];

    #[test]
    fn a_request_is_written_as_the_specification_has_it() {
        assert_eq!(request(&question(), 0x0102), [1, 2, 0, 0, 0, 6, 5, 3, 0, 0, 0, 2]);
    }

    #[test]
    fn only_a_whole_answer_to_this_very_request_is_taken() {
        let malformed = Some(Said::Malformed);
        type Case = (&'static str, &'static [u8], Option<Said>, Option<Said>);
        let cases: &[Case] = &[
            ("whole", &RIGHT, right(), right()),
            (
                "an older id",
                &[1, 1, 0, 0, 0, 7, 5, 3, 4, 0, 1, 0, 2],
                None,
                right(),
            ),
            (
                "short",
                &[1, 2, 0, 0, 0, 5, 5, 3, 2, 0, 1],
                malformed.clone(),
                malformed.clone(),
            ),
            (
                "refusal",
                &[1, 2, 0, 0, 0, 3, 5, 0x83, 2],
                Some(Said::Refused(2)),
                Some(Said::Refused(2)),
            ),
            (
                "another unit",
                &[1, 2, 0, 0, 0, 7, 6, 3, 4, 0, 1, 0, 2],
                malformed.clone(),
                None,
            ),
            (
                "another function",
                &[1, 2, 0, 0, 0, 7, 5, 4, 4, 0, 1, 0, 2],
                malformed.clone(),
                None,
            ),
        ];
        for (name, frame, strict, ignore) in cases {
            assert_eq!(found(frame, Strict), (frame.len(), strict.clone()), "{name}");
            assert_eq!(found(frame, Ignore), (frame.len(), ignore.clone()), "{name}");
        }
    }

    #[test]
    fn late_answers_before_the_right_one_are_passed_over_and_a_part_is_kept() {
        let late = [1, 1, 0, 0, 0, 7, 5, 3, 4, 9, 9, 9, 9];
        let glued = [late, RIGHT, RIGHT].concat();
        assert_eq!(found(&glued, Strict), (26, right()));
        assert_eq!(found(&glued[..25], Strict), (13, None));
        assert_eq!(unasked(&glued[..25]), Ok(13));
    }

    #[test]
    fn a_header_that_is_none_is_told_before_anything_is_waited_for() {
        assert_eq!(first(&[0, 0, 0, 0, 0]), Ok(None));
        for header in [
            [0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0xff, 0xff],
            [0, 0, 0, 1, 0, 6],
            *b"HTTP/1",
        ] {
            assert!(first(&header).is_err(), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_break_the_reader_or_pile_up(mut bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            while let Ok((done, said)) = find(&bytes, &question(), 0x0102, Strict) {
                bytes.drain(..done);
                if said.is_none() {
                    prop_assert!(bytes.len() < LONGEST_FRAME_BYTES);
                    break;
                }
            }
        }
    }
}
