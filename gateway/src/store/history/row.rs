//! A batch as it is first kept: for each sample the series' number, a tag, and what the tag is followed by.

use model::{Doubt, Reading, Value};

use super::column::{code_of, missing_of};

const NUMBER: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const TEXT: u8 = 3;
const DOUBTFUL: u8 = 16;
const STALE: u8 = 24;
const MISSING: u8 = 32;

/// Appends a sample to a batch's body.
pub(super) fn encode(body: &mut Vec<u8>, series: u32, reading: &Reading) {
    body.extend_from_slice(&series.to_le_bytes());
    match reading {
        Reading::Good(value) => encode_value(body, 0, value),
        Reading::Uncertain(value, Doubt::OutOfRange) => encode_value(body, DOUBTFUL, value),
        Reading::Uncertain(value, Doubt::Stale) => encode_value(body, STALE, value),
        Reading::Missing(missing) => {
            let (code, detail) = code_of(*missing);
            body.extend_from_slice(&[MISSING + code, detail]);
        }
    }
}

fn encode_value(body: &mut Vec<u8>, quality: u8, value: &Value) {
    match value {
        Value::Number(number) => {
            body.push(quality + NUMBER);
            body.extend_from_slice(&number.to_le_bytes());
        }
        Value::Bool(state) => body.push(quality + if *state { TRUE } else { FALSE }),
        Value::Text(text) => {
            let bytes = text.as_bytes();
            let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
            body.push(quality + TEXT);
            body.extend_from_slice(&length.to_le_bytes());
            body.extend_from_slice(bytes.get(..usize::from(length)).unwrap_or(bytes));
        }
    }
}

/// The samples of a body, up to its end or to where it is spoiled.
pub(super) fn samples(body: &[u8]) -> impl Iterator<Item = (u32, Reading)> {
    let mut body = body;
    std::iter::from_fn(move || {
        let (series, rest) = body.split_first_chunk::<4>()?;
        let (reading, rest) = decode(rest)?;
        body = rest;
        Some((u32::from_le_bytes(*series), reading))
    })
}

fn decode(body: &[u8]) -> Option<(Reading, &[u8])> {
    let (tag, rest) = body.split_first()?;
    if *tag >= MISSING {
        let (detail, rest) = rest.split_first()?;
        return Some((Reading::Missing(missing_of(tag - MISSING, *detail)?), rest));
    }
    let (value, rest) = match tag % (STALE - DOUBTFUL) {
        NUMBER => {
            let (bytes, rest) = rest.split_first_chunk::<8>()?;
            (Value::Number(f64::from_le_bytes(*bytes)), rest)
        }
        FALSE => (Value::Bool(false), rest),
        TRUE => (Value::Bool(true), rest),
        TEXT => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            let (bytes, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            (Value::Text(String::from_utf8_lossy(bytes).into()), rest)
        }
        _ => return None,
    };
    let reading = match *tag {
        STALE.. => Reading::Uncertain(value, Doubt::Stale),
        DOUBTFUL.. => Reading::Uncertain(value, Doubt::OutOfRange),
        _ => Reading::Good(value),
    };
    Some((reading, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Missing;

    #[test]
    fn every_kind_of_reading_is_read_back_as_it_was() {
        let readings = [
            Reading::Good(Value::Number(-0.153)),
            Reading::Good(Value::Bool(true)),
            Reading::Good(Value::Bool(false)),
            Reading::Good(Value::Text("检修".into())),
            Reading::Uncertain(Value::Number(9.9), Doubt::OutOfRange),
            Reading::Uncertain(Value::Bool(true), Doubt::Stale),
            Reading::Missing(Missing::NoAnswer),
            Reading::Missing(Missing::Refused(0x0B)),
            Reading::Missing(Missing::Absent),
        ];
        let mut body = Vec::new();
        for (series, reading) in (7..).zip(&readings) {
            encode(&mut body, series, reading);
        }
        let read: Vec<_> = samples(&body).collect();
        assert_eq!(read, (7..).zip(readings).collect::<Vec<_>>());
        for length in 0..body.len() {
            assert!(
                samples(body.get(..length).unwrap()).count() < 9,
                "a body cut short is read as far as it goes"
            );
        }
    }
}
