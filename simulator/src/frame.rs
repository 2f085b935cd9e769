//! Modbus frames as a server sees them: a request's bytes to what is asked, and an answer to bytes.

use model::RegisterTable;

use crate::registers::{Refusal, Stretch};

/// Bytes of the header before the unit id.
pub(crate) const HEADER_BYTES: usize = 6;
/// The longest that a frame may say it is after its header: the unit id and 253 bytes (Modbus application protocol 4.1).
const MOST_BYTES: u16 = 254;

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Given back as it came.
    pub(crate) transaction: u16,
    /// How many bytes follow.
    pub(crate) length: u16,
}

/// Reads a header; `None`: it isn't Modbus TCP, and nothing after it can be trusted.
pub(crate) fn header(bytes: [u8; HEADER_BYTES]) -> Option<Header> {
    let [transaction_high, transaction_low, 0, 0, length_high, length_low] = bytes else {
        return None;
    };
    let length = u16::from_be_bytes([length_high, length_low]);
    let transaction = u16::from_be_bytes([transaction_high, transaction_low]);
    (2..=MOST_BYTES)
        .contains(&length)
        .then_some(Header { transaction, length })
}

/// How frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// With the header of Modbus TCP.
    Header,
    /// With a check sum, as on a serial line.
    Crc,
}

/// A read request with a check sum: unit, function, first, count, sum.
pub(crate) const CRC_REQUEST_BYTES: usize = 8;

/// The check sum of bytes (Modbus over Serial Line 2.5.1.2).
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xa001 } else { sum >> 1 }
        })
    })
}

/// What a request with a check sum asks; `None`: the sum is wrong.
pub(crate) fn crc_request(bytes: &[u8; CRC_REQUEST_BYTES]) -> Option<Request> {
    let (body, sum) = bytes.split_last_chunk::<2>()?;
    (u16::from_le_bytes(*sum) == crc(body)).then(|| request(body))?
}

/// What a frame asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Of which unit.
    pub(crate) unit: u8,
    /// The function's number, given back in the answer.
    pub(crate) function: u8,
    /// The stretch to read, or why no device of ours would do what is asked.
    pub(crate) read: Result<Stretch, Refusal>,
}

/// Reads what follows the header; `None`: not even a function.
pub(crate) fn request(body: &[u8]) -> Option<Request> {
    let (unit, function) = (*body.first()?, *body.get(1)?);
    let table = match function {
        1 => Some(RegisterTable::Coil),
        2 => Some(RegisterTable::Discrete),
        3 => Some(RegisterTable::Holding),
        4 => Some(RegisterTable::Input),
        _ => None,
    };
    let read = match (table, body.get(2..)) {
        (None, _) => Err(Refusal::IllegalFunction),
        (Some(table), Some(&[first_high, first_low, count_high, count_low])) => Ok(Stretch {
            table,
            first: u16::from_be_bytes([first_high, first_low]),
            count: u16::from_be_bytes([count_high, count_low]),
        }),
        _ => Err(Refusal::IllegalCount),
    };
    Some(Request { unit, function, read })
}

/// The frame that answers a read with words, or refuses it; without a header it has a check sum.
pub(crate) fn answer(header: Option<Header>, request: &Request, words: Result<&[u16], Refusal>) -> Vec<u8> {
    let mut body = body(request, words);
    let Some(header) = header else {
        body.extend(crc(&body).to_le_bytes());
        return body;
    };
    let mut frame = header.transaction.to_be_bytes().to_vec();
    frame.extend([0, 0]);
    frame.extend((body.len() as u16).to_be_bytes());
    frame.extend(body);
    frame
}

fn body(request: &Request, words: Result<&[u16], Refusal>) -> Vec<u8> {
    let mut body = vec![request.unit];
    match words {
        Err(refusal) => body.extend([request.function | 0x80, refusal as u8]),
        Ok(words) => {
            let is_bits = request.read.is_ok_and(|read| read.table.is_bits());
            let data = if is_bits {
                packed(words)
            } else {
                words.iter().flat_map(|word| word.to_be_bytes()).collect()
            };
            body.extend([request.function, data.len() as u8]);
            body.extend(data);
        }
    }
    body
}

/// Bits eight to a byte, the first one lowest.
fn packed(bits: &[u16]) -> Vec<u8> {
    let byte = |bits: &[u16]| {
        bits.iter()
            .zip(0..)
            .fold(0, |byte, (bit, shift)| byte | u8::from(*bit != 0) << shift)
    };
    bits.chunks(8).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        transaction: 0x1234,
        length: 6,
    };

    #[test]
    fn a_read_of_holding_registers_is_understood_and_answered_byte_for_byte() {
        assert_eq!(header([0x12, 0x34, 0, 0, 0, 6]), Some(HEADER));
        let request = request(&[7, 3, 0, 16, 0, 2]).unwrap();
        assert_eq!(
            request.read,
            Ok(Stretch {
                table: RegisterTable::Holding,
                first: 16,
                count: 2
            })
        );
        let frame = answer(Some(HEADER), &request, Ok(&[0x0102, 0xfffe]));
        assert_eq!(frame, [0x12, 0x34, 0, 0, 0, 7, 7, 3, 4, 1, 2, 0xff, 0xfe]);
    }

    #[test]
    fn bits_are_packed_lowest_first() {
        let request = request(&[1, 2, 0, 0, 0, 10]).unwrap();
        let frame = answer(Some(HEADER), &request, Ok(&[1, 0, 1, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!(frame[6..], [1, 2, 2, 0b0000_0101, 0b0000_0010]);
    }

    #[test]
    fn a_refusal_carries_the_function_with_its_highest_bit_and_the_code() {
        let request = request(&[1, 4, 0, 0, 0, 1]).unwrap();
        assert_eq!(
            answer(Some(HEADER), &request, Err(Refusal::NoSuchUnit))[6..],
            [1, 0x84, 0x0b]
        );
    }

    #[test]
    fn on_a_serial_line_a_check_sum_stands_for_the_header() {
        let mut bytes = [7, 3, 0, 16, 0, 1, 0, 0];
        bytes[6..].copy_from_slice(&crc(&[7, 3, 0, 16, 0, 1]).to_le_bytes());
        let request = crc_request(&bytes).unwrap();
        let frame = answer(None, &request, Ok(&[0x0102]));
        assert_eq!((&frame[..5], crc(&frame)), (&[7, 3, 2, 1, 2][..], 0));
        bytes[5] = 2;
        assert_eq!(crc_request(&bytes), None);
    }

    #[test]
    fn what_is_not_a_read_is_refused_and_what_is_not_modbus_is_not_read() {
        assert_eq!(
            request(&[1, 6, 0, 0, 0, 1]).unwrap().read,
            Err(Refusal::IllegalFunction)
        );
        assert_eq!(request(&[1, 3, 0]).unwrap().read, Err(Refusal::IllegalCount));
        assert_eq!(request(&[1]), None);
        assert_eq!(header([0, 1, 0, 9, 0, 6]), None);
        assert_eq!(header([0, 1, 0, 0, 0, 255]), None);
        assert_eq!(header([0, 1, 0, 0, 0, 1]), None);
    }
}
