//! Frames as a serial line has them: no header, but a check sum (Modbus over Serial Line 2.5.1), and which of them is our answer.

use super::question::{Question, Said};

/// A read request.
pub(super) const REQUEST_BYTES: usize = 8;
/// The longest frame that the specification allows (Modbus over Serial Line 2.5.1.1).
const LONGEST_FRAME_BYTES: usize = 256;
/// Unit, function, and what stands for a count or a code; and the check sum.
const HEAD_BYTES: usize = 3;
const SUM_BYTES: usize = 2;

/// The check sum of bytes (Modbus over Serial Line 2.5.1.2).
pub(crate) fn sum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xa001 } else { sum >> 1 }
        })
    })
}

/// How many bytes the answer to a question has.
pub(super) fn answer_bytes(question: &Question) -> usize {
    HEAD_BYTES + question.data_bytes() + SUM_BYTES
}

/// The request as it is written.
pub(crate) fn request(question: &Question) -> [u8; REQUEST_BYTES] {
    let body = question.body();
    let [low, high] = sum(&body).to_le_bytes();
    let [a, b, c, d, e, f] = body;
    [a, b, c, d, e, f, low, high]
}

/// Looks for the answer in what has arrived, past the frames of others, noise, and the echo that some adapters make of our own
/// request: how many bytes are done with, and what was said, if anything was. What is left is never longer than a frame.
///
/// At addresses 768 to 1023 the echo has the form of an answer with three bytes of data and a right check sum, so what equals the
/// request is never the answer: a unit that says just these bytes is silent rather than an echo a value.
pub(crate) fn find(arrived: &[u8], question: &Question) -> (usize, Option<Said>) {
    let echo = request(question);
    let mut done = 0;
    while let Some(rest) = arrived.get(done..).filter(|rest| !rest.is_empty()) {
        match whole(rest) {
            Some(frame) if frame == echo => done += frame.len(),
            Some(frame) => {
                done += frame.len();
                let said = frame
                    .split_last_chunk::<SUM_BYTES>()
                    .and_then(|(body, _)| question.judge(body));
                if said.is_some() {
                    return (done, said);
                }
            }
            None if may_begin(rest, question) || echo.starts_with(rest) => break,
            None => done += 1,
        }
    }
    (done, None)
}

/// Whether bytes that are no whole frame may be the beginning of the answer.
fn may_begin(bytes: &[u8], question: &Question) -> bool {
    let is_part = |head: &[u8], length: usize| {
        bytes.len() < length && bytes.iter().zip(head).all(|(byte, expected)| byte == expected)
    };
    let head @ [_, _, data_bytes] = question.answer_head();
    is_part(&head, HEAD_BYTES + usize::from(data_bytes) + SUM_BYTES)
        || is_part(&question.refusal_head(), HEAD_BYTES + SUM_BYTES)
}

/// The whole frame that bytes begin with, if they begin with one: an answer to a read, or a refusal, with a right check sum.
fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let (function, third) = (*bytes.get(1)?, *bytes.get(2)?);
    let length = match function {
        1..=4 => HEAD_BYTES + usize::from(third) + SUM_BYTES,
        0x81..=0x84 => HEAD_BYTES + SUM_BYTES,
        _ => return None,
    };
    let frame = bytes.get(..length).filter(|_| length <= LONGEST_FRAME_BYTES)?;
    let (body, found) = frame.split_last_chunk::<SUM_BYTES>()?;
    (u16::from_le_bytes(*found) == sum(body)).then_some(frame)
}

#[cfg(test)]
mod tests {
    use super::super::question::Answer;
    use super::*;
    use crate::modbus::plan::Read;
    use model::RegisterTable;
    use proptest::prelude::*;

    fn question() -> Question {
        let read = Read {
            table: RegisterTable::Holding,
            first: 0x10,
            count: 2,
            slots: Vec::new(),
        };
        Question::new(7, &read).unwrap()
    }

    fn framed(body: &[u8]) -> Vec<u8> {
        let mut frame = body.to_vec();
        frame.extend(sum(body).to_le_bytes());
        frame
    }

    fn answer() -> Vec<u8> {
        framed(&[7, 3, 4, 0, 1, 0, 2])
    }

    fn right() -> Option<Said> {
        Some(Said::Answer(Answer::Registers(vec![1, 2])))
    }

    #[test]
    fn a_request_is_written_as_the_specification_has_it() {
        // The specification's own example of a check sum: unit 2, function 7 gives 0x41 0x12.
        assert_eq!(sum(&[2, 7]).to_le_bytes(), [0x41, 0x12]);
        let bytes = request(&question());
        assert_eq!(bytes[..6], [7, 3, 0, 0x10, 0, 2]);
        assert_eq!(sum(&bytes), 0);
    }

    #[test]
    fn only_a_whole_frame_of_the_asked_unit_with_a_right_check_sum_is_the_answer() {
        let mut spoiled = answer();
        spoiled[4] ^= 1;
        let echo = request(&question()).to_vec();
        let cases: &[(&str, Vec<u8>, Option<Said>)] = &[
            ("whole", answer(), right()),
            ("in part", answer()[..8].to_vec(), None),
            ("spoiled", spoiled.clone(), None),
            ("after a spoiled one", [spoiled, answer()].concat(), right()),
            ("of another unit", framed(&[8, 3, 4, 0, 1, 0, 2]), None),
            (
                "after another unit's",
                [framed(&[8, 3, 4, 9, 9, 9, 9]), answer()].concat(),
                right(),
            ),
            ("of another function", framed(&[7, 4, 4, 0, 1, 0, 2]), None),
            ("after an echo", [echo, answer()].concat(), right()),
            ("after noise", [vec![0, 255, 7], answer()].concat(), right()),
            ("a refusal", framed(&[7, 0x83, 2]), Some(Said::Refused(2))),
            ("too short", framed(&[7, 3, 2, 0, 1]), Some(Said::Malformed)),
            (
                "too long",
                framed(&[7, 3, 6, 0, 1, 0, 2, 0, 3]),
                Some(Said::Malformed),
            ),
        ];
        for (name, bytes, said) in cases {
            assert_eq!(find(bytes, &question()).1, *said, "{name}");
        }
    }

    #[test]
    fn the_echo_of_a_request_that_reads_as_an_answer_is_passed_over() {
        type Case = (RegisterTable, u16, u8, &'static [u8], Answer);
        let bits = (0..20).map(|bit| bit == 19).collect();
        let cases: &[Case] = &[
            (RegisterTable::Coil, 20, 1, &[3, 0, 0, 8], Answer::Bits(bits)),
            (
                RegisterTable::Holding,
                1,
                3,
                &[2, 0, 9],
                Answer::Registers(vec![9]),
            ),
        ];
        for (table, count, function, data, answer) in cases {
            let read = Read {
                table: *table,
                first: 0x305,
                count: *count,
                slots: Vec::new(),
            };
            let question = Question::new(7, &read).unwrap();
            let line = [
                request(&question).to_vec(),
                framed(&[&[7, *function], *data].concat()),
            ]
            .concat();
            let mut arrived = Vec::new();
            for (number, byte) in line.iter().enumerate() {
                arrived.push(*byte);
                let (done, said) = find(&arrived, &question);
                let expected = (number + 1 == line.len()).then(|| Said::Answer(answer.clone()));
                assert_eq!(said, expected, "{table:?} after {number}");
                arrived.drain(..done);
            }
            assert_eq!(
                find(&line, &question),
                (line.len(), Some(Said::Answer(answer.clone())))
            );
        }
    }

    #[test]
    fn an_answer_byte_by_byte_is_found_at_its_last() {
        let mut arrived = Vec::new();
        for (number, byte) in answer().into_iter().enumerate() {
            arrived.push(byte);
            let (done, said) = find(&arrived, &question());
            assert_eq!(said == right(), number == 8, "{number}");
            arrived.drain(..done);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_break_the_reader_or_pile_up(mut bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            loop {
                let (done, said) = find(&bytes, &question());
                bytes.drain(..done);
                if said.is_none() {
                    break;
                }
            }
            prop_assert!(bytes.len() < LONGEST_FRAME_BYTES);
        }
    }
}
