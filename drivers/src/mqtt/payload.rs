//! What a message means: JSON by pointers, or one bare number or text, into a device's samples.

use model::{Address, DataType, Device, Missing, Point, Reading, Sample, Value};
use serde_json::Value as Json;

const MALFORMED: Reading = Reading::Missing(Missing::Malformed);

/// A message's content, read once for all devices that share its topic.
#[derive(Debug, PartialEq)]
pub(crate) enum Payload<'message> {
    /// It is JSON, as a bare number is.
    Json(Json),
    /// It is a text, but not JSON: only a point that stands for the whole message can use it.
    Text(&'message str),
    /// It isn't even a text.
    Binary,
}

impl<'message> Payload<'message> {
    /// Reads a message; anything is some payload.
    pub(crate) fn of(message: &'message [u8]) -> Self {
        match (serde_json::from_slice(message), std::str::from_utf8(message)) {
            (Ok(json), _) => Self::Json(json),
            (Err(_), Ok(text)) => Self::Text(text),
            (Err(_), Err(_)) => Self::Binary,
        }
    }

    /// One sample for each point of the device, in its profile's order.
    pub(crate) fn samples(&self, device: &Device) -> Vec<Sample> {
        device
            .points()
            .map(|(id, point)| Sample {
                point: id,
                reading: self.reading(point),
            })
            .collect()
    }

    /// What the message says of a point.
    fn reading(&self, point: &Point) -> Reading {
        let Address::Pointer(pointer) = &point.address else {
            return MALFORMED;
        };
        match self {
            Self::Json(json) => match json.pointer(pointer) {
                None => Reading::Missing(Missing::Absent),
                Some(Json::Null) => Reading::Missing(Missing::NoValue),
                Some(value) => json_reading(point, value),
            },
            Self::Text(text) if pointer.is_empty() => bare_reading(point, text),
            Self::Text(_) | Self::Binary => MALFORMED,
        }
    }
}

fn json_reading(point: &Point, value: &Json) -> Reading {
    match (point.data_type, value) {
        (DataType::Bool, Json::Bool(state)) => Reading::Good(Value::Bool(*state)),
        (DataType::Bool, Json::Number(number)) => match number.as_f64() {
            Some(raw) if point.missing.contains(&raw) => Reading::Missing(Missing::NoValue),
            Some(1.0) => Reading::Good(Value::Bool(true)),
            Some(0.0) => Reading::Good(Value::Bool(false)),
            _ => MALFORMED,
        },
        (DataType::String(_), Json::String(text)) => Reading::Good(Value::Text(text.as_str().into())),
        (data_type, Json::Number(number)) => match number.as_f64() {
            Some(raw) if fits(data_type, raw) => point.reading_of_number(raw),
            _ => MALFORMED,
        },
        _ => MALFORMED,
    }
}

/// A whole message that is no JSON: a text as it stands, or a number in a form that JSON does not know, such as `+21.5`.
fn bare_reading(point: &Point, text: &str) -> Reading {
    match point.data_type {
        DataType::String(_) => Reading::Good(Value::Text(text.into())),
        DataType::Bool => MALFORMED,
        data_type => match text.trim().parse() {
            Ok(raw) if fits(data_type, raw) || !f64::is_finite(raw) => point.reading_of_number(raw),
            _ => MALFORMED,
        },
    }
}

/// Whether a number can be of the type: what a device sends as a whole number of 16 bits is never 3.5 or 70,000.
fn fits(data_type: DataType, raw: f64) -> bool {
    let (low, high) = match data_type {
        DataType::F32 | DataType::F64 => return true,
        DataType::U16 => (0.0, f64::from(u16::MAX)),
        DataType::I16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
        DataType::U32 => (0.0, f64::from(u32::MAX)),
        DataType::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        DataType::U64 => (0.0, u64::MAX as f64),
        DataType::I64 => (i64::MIN as f64, i64::MAX as f64),
        DataType::Bool | DataType::Bcd | DataType::String(_) | DataType::Bit(_) => return false,
    };
    raw.fract() == 0.0 && (low..=high).contains(&raw)
}

/// Whether a JSON message can carry the type at all.
pub(crate) fn can_carry(data_type: DataType) -> bool {
    !matches!(data_type, DataType::Bcd | DataType::Bit(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_site::point_in_json;
    use proptest::prelude::*;

    fn check(pointer: &str, data_type: DataType, message: &str, expected: Reading) {
        let reading = Payload::of(message.as_bytes()).reading(&point_in_json(pointer, data_type));
        assert_eq!(reading, expected, "{message} at {pointer:?} as {data_type:?}");
    }

    fn number(number: f64) -> Reading {
        Reading::Good(Value::Number(number))
    }

    fn state(state: bool) -> Reading {
        Reading::Good(Value::Bool(state))
    }

    fn text(text: &str) -> Reading {
        Reading::Good(Value::Text(text.into()))
    }

    #[test]
    fn a_point_is_found_by_its_pointer() {
        let message = r#"{"a": {"b": [1, 2.5]}, "x/y": -7, "on": true, "n": null, "name": "1号"}"#;
        check("/a/b/1", DataType::F64, message, number(2.5));
        check("/a/b/0", DataType::U16, message, number(1.0));
        check("/x~1y", DataType::I16, message, number(-7.0));
        check("/on", DataType::Bool, message, state(true));
        check("/name", DataType::String(20), message, text("1号"));
        check("/a/c", DataType::F64, message, Reading::Missing(Missing::Absent));
        check("/n", DataType::F64, message, Reading::Missing(Missing::NoValue));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_malformed_and_never_guessed_at() {
        for (data_type, value) in [
            (DataType::F64, r#""21.5""#),
            (DataType::F64, "true"),
            (DataType::F64, "{}"),
            (DataType::U16, "-1"),
            (DataType::U16, "65536"),
            (DataType::U16, "3.5"),
            (DataType::I32, "1e10"),
            (DataType::Bool, "2"),
            (DataType::Bool, r#""ON""#),
            (DataType::Bool, r#""true""#),
            (DataType::String(8), "5"),
            (DataType::Bcd, "1234"),
            (DataType::Bit(0), "1"),
        ] {
            check("/v", data_type, &format!(r#"{{"v": {value}}}"#), MALFORMED);
        }
        check("/v", DataType::Bool, r#"{"v": 1}"#, state(true));
        check("/v", DataType::Bool, r#"{"v": 0}"#, state(false));
    }

    #[test]
    fn a_bare_number_or_text_is_the_whole_message() {
        check("", DataType::F64, "21.5\n", number(21.5));
        check("", DataType::F64, "+021.5", number(21.5));
        check("", DataType::F64, "nan", Reading::Missing(Missing::NoValue));
        check("", DataType::U16, "+70000", MALFORMED);
        check("", DataType::Bool, "true", state(true));
        check("", DataType::Bool, "0", state(false));
        check("", DataType::Bool, "ON", MALFORMED);
        check("", DataType::String(20), "正常", text("正常"));
        check("", DataType::String(20), r#""quoted""#, text("quoted"));
        check("", DataType::F64, "", MALFORMED);
    }

    #[test]
    fn a_message_that_is_no_json_says_nothing_of_any_pointer() {
        check("/v", DataType::F64, "v=21.5", MALFORMED);
        check("/v", DataType::F64, r#"{"v": 21.5"#, MALFORMED);
        let binary = Payload::of(&[0xff, 0xfe]);
        assert_eq!(binary, Payload::Binary);
        assert_eq!(binary.reading(&point_in_json("", DataType::String(4))), MALFORMED);
    }

    proptest! {
        #[test]
        fn no_message_whatever_breaks_the_reader(message in prop::collection::vec(any::<u8>(), 0..200)) {
            let payload = Payload::of(&message);
            for data_type in [DataType::Bool, DataType::U16, DataType::F64, DataType::String(4)] {
                payload.reading(&point_in_json("", data_type));
                payload.reading(&point_in_json("/a", data_type));
            }
        }
    }
}
