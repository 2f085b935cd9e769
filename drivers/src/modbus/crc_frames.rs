//! Frames as a serial line has them: no header, but a check sum (Modbus over Serial Line 2.5.1), and which of them is our answer.

use model::RegisterTable;

use super::client::Answer;
use super::plan::Read;

/// The longest frame that the specification allows (Modbus over Serial Line 2.5.1.1).
const LONGEST_FRAME_BYTES: usize = 256;
/// Unit, function, and what stands for a count or a code; and the check sum.
const HEAD_BYTES: usize = 3;
const CRC_BYTES: usize = 2;

/// What a request's answer has to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    unit: u8,
    function: u8,
    count: u16,
    data_bytes: u8,
}

/// What the bytes that have arrived are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// Nothing whole yet.
    Part,
    /// The answer.
    Answer(Answer),
    /// A refusal with this code.
    Refused(u8),
    /// An answer of the unit and the function that was asked, but not as long as what was asked for.
    Malformed,
}

/// The number of the function that reads a table (Modbus Application Protocol 6.1 to 6.4).
pub(crate) fn function(table: RegisterTable) -> u8 {
    match table {
        RegisterTable::Coil => 1,
        RegisterTable::Discrete => 2,
        RegisterTable::Holding => 3,
        RegisterTable::Input => 4,
    }
}

/// The check sum of bytes, as a serial line's frames have it (Modbus over Serial Line 2.5.1.2).
pub(crate) fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xa001 } else { sum >> 1 }
        })
    })
}

/// The request for a read, and what its answer has to look like; `None` for one longer than any answer may be.
pub(crate) fn request(unit: u8, read: &Read) -> Option<([u8; 8], Expected)> {
    let data_bytes = match read.table.is_bits() {
        true => read.count.div_ceil(8),
        false => read.count.checked_mul(2)?,
    };
    let expected = Expected {
        unit,
        function: function(read.table),
        count: read.count,
        data_bytes: u8::try_from(data_bytes).ok().filter(|bytes| *bytes <= 250)?,
    };
    let ([first_high, first_low], [count_high, count_low]) =
        (read.first.to_be_bytes(), read.count.to_be_bytes());
    let body = [
        unit,
        expected.function,
        first_high,
        first_low,
        count_high,
        count_low,
    ];
    let [a, b, c, d, e, f] = body;
    let [low, high] = crc(&body).to_le_bytes();
    Some(([a, b, c, d, e, f, low, high], expected))
}

impl Expected {
    /// Looks for the answer in what has arrived, past the frames of others, noise, and the echo that some adapters make of
    /// our own request; what is done with is removed. What is left is never longer than a frame.
    pub(crate) fn find(&self, arrived: &mut Vec<u8>) -> Arrived {
        let mut start = 0;
        while let Some(rest) = arrived.get(start..).filter(|rest| !rest.is_empty()) {
            match whole(rest) {
                Some(frame) => {
                    let (judged, length) = (self.judge(frame), frame.len());
                    if let Some(judged) = judged {
                        arrived.drain(..start + length);
                        return judged;
                    }
                    start += length;
                }
                None if self.begins(rest) => break,
                None => start += 1,
            }
        }
        let kept = arrived.len().saturating_sub(start).min(LONGEST_FRAME_BYTES);
        arrived.drain(..arrived.len() - kept);
        Arrived::Part
    }

    /// Whether bytes may be the beginning of the answer.
    fn begins(&self, bytes: &[u8]) -> bool {
        let head = [self.unit, self.function, self.data_bytes];
        let refusal = [self.unit, self.function | 0x80];
        let is_answer = bytes.iter().zip(head).all(|(byte, expected)| *byte == expected)
            && bytes.len() < HEAD_BYTES + usize::from(self.data_bytes) + CRC_BYTES;
        let is_refusal = bytes
            .iter()
            .zip(refusal)
            .all(|(byte, expected)| *byte == expected)
            && bytes.len() < HEAD_BYTES + CRC_BYTES;
        is_answer || is_refusal
    }

    /// What a whole frame is to us; `None` when it is not for us.
    fn judge(&self, frame: &[u8]) -> Option<Arrived> {
        let [unit, function, third, rest @ ..] = frame else {
            return None;
        };
        if *unit != self.unit || function & 0x7f != self.function {
            return None;
        }
        if function & 0x80 != 0 {
            return Some(Arrived::Refused(*third));
        }
        if *third != self.data_bytes {
            return Some(Arrived::Malformed);
        }
        let data = rest.get(..usize::from(self.data_bytes))?;
        Some(Arrived::Answer(self.answer(data)))
    }

    fn answer(&self, data: &[u8]) -> Answer {
        if self.function <= 2 {
            let bits = data
                .iter()
                .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
            return Answer::Bits(bits.take(usize::from(self.count)).collect());
        }
        let words = data.as_chunks::<2>().0.iter();
        Answer::Registers(words.map(|word| u16::from_be_bytes(*word)).collect())
    }
}

/// The whole frame that bytes begin with, if they begin with one: an answer to a read, or a refusal, with a right check sum.
fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let (function, third) = (*bytes.get(1)?, *bytes.get(2)?);
    let length = match function {
        1..=4 => HEAD_BYTES + usize::from(third) + CRC_BYTES,
        0x81..=0x84 => HEAD_BYTES + CRC_BYTES,
        _ => return None,
    };
    let frame = bytes.get(..length).filter(|_| length <= LONGEST_FRAME_BYTES)?;
    let (body, sum) = frame.split_last_chunk::<CRC_BYTES>()?;
    (u16::from_le_bytes(*sum) == crc(body)).then_some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const READ: Read = Read {
        table: RegisterTable::Holding,
        first: 0x10,
        count: 2,
        slots: Vec::new(),
    };

    fn expected() -> Expected {
        request(7, &READ).unwrap().1
    }

    fn framed(body: &[u8]) -> Vec<u8> {
        let mut frame = body.to_vec();
        frame.extend(crc(body).to_le_bytes());
        frame
    }

    fn answer() -> Vec<u8> {
        framed(&[7, 3, 4, 0, 1, 0, 2])
    }

    const RIGHT: fn() -> Arrived = || Arrived::Answer(Answer::Registers(vec![1, 2]));

    #[test]
    fn a_request_is_written_as_the_specification_has_it() {
        // The request of the specification's own example of a check sum: unit 2, function 7 gives 0x41 0x12.
        assert_eq!(crc(&[2, 7]).to_le_bytes(), [0x41, 0x12]);
        let (bytes, _) = request(7, &READ).unwrap();
        assert_eq!(bytes[..6], [7, 3, 0, 0x10, 0, 2]);
        assert_eq!(crc(&bytes), 0);
        assert!(request(7, &Read { count: 126, ..READ }).is_none());
    }

    #[test]
    fn only_a_whole_frame_of_the_asked_unit_with_a_right_check_sum_is_the_answer() {
        let mut spoiled = answer();
        spoiled[4] ^= 1;
        let cases: &[(&str, Vec<u8>, Arrived)] = &[
            ("whole", answer(), RIGHT()),
            ("in part", answer()[..8].to_vec(), Arrived::Part),
            ("spoiled", spoiled.clone(), Arrived::Part),
            ("after a spoiled one", [spoiled, answer()].concat(), RIGHT()),
            ("of another unit", framed(&[8, 3, 4, 0, 1, 0, 2]), Arrived::Part),
            (
                "after another unit's",
                [framed(&[8, 3, 4, 9, 9, 9, 9]), answer()].concat(),
                RIGHT(),
            ),
            (
                "of another function",
                framed(&[7, 4, 4, 0, 1, 0, 2]),
                Arrived::Part,
            ),
            (
                "after an echo",
                [request(7, &READ).unwrap().0.to_vec(), answer()].concat(),
                RIGHT(),
            ),
            ("after noise", [vec![0, 255, 7], answer()].concat(), RIGHT()),
            ("a refusal", framed(&[7, 0x83, 2]), Arrived::Refused(2)),
            ("too short", framed(&[7, 3, 2, 0, 1]), Arrived::Malformed),
            (
                "too long",
                framed(&[7, 3, 6, 0, 1, 0, 2, 0, 3]),
                Arrived::Malformed,
            ),
        ];
        for (name, bytes, judged) in cases {
            assert_eq!(expected().find(&mut bytes.clone()), *judged, "{name}");
        }
    }

    #[test]
    fn an_answer_byte_by_byte_is_found_at_its_last() {
        let mut arrived = Vec::new();
        for (number, byte) in answer().into_iter().enumerate() {
            arrived.push(byte);
            let found = expected().find(&mut arrived);
            assert_eq!(found == RIGHT(), number == 8, "{number}");
        }
    }

    #[test]
    fn bits_are_read_lowest_first() {
        let read = Read {
            table: RegisterTable::Coil,
            count: 10,
            ..READ
        };
        let (_, expected) = request(1, &read).unwrap();
        let mut bytes = framed(&[1, 1, 2, 0b101, 0b10]);
        let bits = (0..10).map(|bit| matches!(bit, 0 | 2 | 9)).collect();
        assert_eq!(expected.find(&mut bytes), Arrived::Answer(Answer::Bits(bits)));
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_break_the_reader_or_pile_up(mut bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            while expected().find(&mut bytes) != Arrived::Part {}
            prop_assert!(bytes.len() <= LONGEST_FRAME_BYTES);
        }
    }
}
