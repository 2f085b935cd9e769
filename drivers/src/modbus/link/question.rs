//! A read request, and whether what somebody says is its answer: the part of Modbus that is the same on every line.
//!
//! This gateway only reads, so every request is one of functions 1 to 4, and the length of its answer is known beforehand.

use model::RegisterTable;
use tokio_modbus::bytes::Bytes;
use tokio_modbus::{FunctionCode, Response};

use super::super::plan::Read;

/// The most bytes of registers or bits in one answer (Modbus Application Protocol 6.1 to 6.4: 2,000 bits, or 125 registers).
const MOST_DATA_BYTES: u16 = 250;
/// What marks a function as refused (Modbus Application Protocol 7).
const REFUSED: u8 = 0x80;

/// What a read brought: exactly as many as were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Of coils or discrete inputs.
    Bits(Vec<bool>),
    /// Of input or holding registers.
    Registers(Vec<u16>),
}

/// What a unit says to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// What was asked for.
    Answer(Answer),
    /// It refuses, with this exception code.
    Refused(u8),
    /// It is meant to be the answer, and is not as long as what was asked for.
    Malformed,
}

/// One read of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    unit: u8,
    function: u8,
    first: u16,
    count: u16,
    data_bytes: u8,
}

impl Question {
    /// The question that a read asks; `None` for one longer than any answer may be.
    pub(crate) fn new(unit: u8, read: &Read) -> Option<Self> {
        let data_bytes = if read.table.is_bits() {
            read.count.div_ceil(8)
        } else {
            read.count.checked_mul(2)?
        };
        Some(Self {
            unit,
            function: function(read.table).value(),
            first: read.first,
            count: read.count,
            data_bytes: u8::try_from(data_bytes)
                .ok()
                .filter(|_| data_bytes <= MOST_DATA_BYTES)?,
        })
    }

    /// What is written of it on every line: unit, function, first address, count.
    pub(crate) fn body(&self) -> [u8; 6] {
        let ([a, b], [c, d]) = (self.first.to_be_bytes(), self.count.to_be_bytes());
        [self.unit, self.function, a, b, c, d]
    }

    /// Judges what a frame says, from its unit to the end of its data; `None` when it is of another unit or function.
    pub(crate) fn judge(&self, body: &[u8]) -> Option<Said> {
        let (unit, pdu) = body.split_first()?;
        let (function, data) = pdu.split_first()?;
        if *unit != self.unit || function & !REFUSED != self.function {
            return None;
        }
        Some(match data {
            [code] if function & REFUSED != 0 => Said::Refused(*code),
            [bytes, words @ ..]
                if *function == self.function
                    && *bytes == self.data_bytes
                    && words.len() == usize::from(self.data_bytes) =>
            {
                self.decode(pdu)
            }
            _ => Said::Malformed,
        })
    }

    /// How many bytes the data of its answer have.
    pub(crate) fn data_bytes(&self) -> usize {
        usize::from(self.data_bytes)
    }

    /// How an answer begins: unit, function, how many bytes of data follow.
    pub(crate) fn answer_head(&self) -> [u8; 3] {
        [self.unit, self.function, self.data_bytes]
    }

    /// How a refusal begins; its code follows.
    pub(crate) fn refusal_head(&self) -> [u8; 2] {
        [self.unit, self.function | REFUSED]
    }

    /// Reads an answer of the right length. Bits fill their last byte, so there may be more of them than were asked for.
    fn decode(&self, pdu: &[u8]) -> Said {
        let count = usize::from(self.count);
        match Response::try_from(Bytes::copy_from_slice(pdu)) {
            Ok(Response::ReadCoils(mut bits) | Response::ReadDiscreteInputs(mut bits))
                if bits.len() >= count =>
            {
                bits.truncate(count);
                Said::Answer(Answer::Bits(bits))
            }
            Ok(Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words))
                if words.len() == count =>
            {
                Said::Answer(Answer::Registers(words))
            }
            _ => Said::Malformed,
        }
    }
}

/// The function that reads a table (Modbus Application Protocol 6.1 to 6.4).
fn function(table: RegisterTable) -> FunctionCode {
    match table {
        RegisterTable::Coil => FunctionCode::ReadCoils,
        RegisterTable::Discrete => FunctionCode::ReadDiscreteInputs,
        RegisterTable::Holding => FunctionCode::ReadHoldingRegisters,
        RegisterTable::Input => FunctionCode::ReadInputRegisters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Unit 5, two holding registers from 0x10 on.
    pub(crate) const READ: Read = Read {
        table: RegisterTable::Holding,
        first: 0x10,
        count: 2,
        slots: Vec::new(),
    };

    fn judge(body: &[u8]) -> Option<Said> {
        Question::new(5, &READ).unwrap().judge(body)
    }

    #[test]
    fn only_what_the_asked_unit_says_in_full_length_is_the_answer() {
        let cases: &[(&str, &[u8], Option<Said>)] = &[
            (
                "whole",
                &[5, 3, 4, 0, 1, 0, 2],
                Some(Said::Answer(Answer::Registers(vec![1, 2]))),
            ),
            ("short", &[5, 3, 2, 0, 1], Some(Said::Malformed)),
            (
                "a count without its data",
                &[5, 3, 4, 0, 1],
                Some(Said::Malformed),
            ),
            ("long", &[5, 3, 6, 0, 1, 0, 2, 0, 3], Some(Said::Malformed)),
            ("a refusal", &[5, 0x83, 2], Some(Said::Refused(2))),
            ("a refusal without a code", &[5, 0x83], Some(Said::Malformed)),
            ("of another unit", &[6, 3, 4, 0, 1, 0, 2], None),
            ("of another function", &[5, 4, 4, 0, 1, 0, 2], None),
            ("nothing", &[], None),
        ];
        for (name, body, said) in cases {
            assert_eq!(judge(body), *said, "{name}");
        }
    }

    #[test]
    fn bits_are_read_lowest_first_and_no_more_than_were_asked_for() {
        let read = Read {
            table: RegisterTable::Coil,
            count: 10,
            ..READ
        };
        let bits = (0..10).map(|bit| matches!(bit, 0 | 2 | 9)).collect();
        let said = Question::new(1, &read).unwrap().judge(&[1, 1, 2, 0b101, 0b10]);
        assert_eq!(said, Some(Said::Answer(Answer::Bits(bits))));
    }

    #[test]
    fn what_no_answer_could_hold_is_not_asked() {
        assert!(Question::new(1, &Read { count: 125, ..READ }).is_some());
        assert!(Question::new(1, &Read { count: 126, ..READ }).is_none());
        let bits = |count| Read {
            table: RegisterTable::Discrete,
            count,
            ..READ
        };
        assert!(Question::new(1, &bits(2000)).is_some() && Question::new(1, &bits(2001)).is_none());
    }

    proptest! {
        #[test]
        fn a_request_reads_back_as_what_was_asked(first: u16, count in 1_u16..=125, which in 0_usize..4) {
            use RegisterTable::{Coil, Discrete, Holding, Input};
            use tokio_modbus::Request;
            let table = [Coil, Discrete, Holding, Input][which];
            let read = Read { table, first, count, slots: Vec::new() };
            let body = Question::new(9, &read).unwrap().body();
            let expected = match table {
                Coil => Request::ReadCoils(first, count),
                Discrete => Request::ReadDiscreteInputs(first, count),
                Holding => Request::ReadHoldingRegisters(first, count),
                Input => Request::ReadInputRegisters(first, count),
            };
            prop_assert_eq!(Request::try_from(Bytes::copy_from_slice(&body[1..])).unwrap(), expected);
        }
    }
}
