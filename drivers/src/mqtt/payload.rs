//! What a message means: JSON by pointers, or one bare number or text, into a device's samples.

use jiff::Timestamp;
use model::{Address, DataType, Device, Missing, Point, PointId, Reading, Sample, Value};
use serde_json::Value as Json;

const MALFORMED: Reading = Reading::Missing(Missing::Malformed);

/// Readings of one message; a device that has saved up more sends them in several.
const MOST_ITEMS: usize = 10_000;

/// One reading of a device in a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DeviceReading {
    /// The time that the reading itself has.
    pub(crate) at: Option<Timestamp>,
    /// A sample for each point.
    pub(crate) samples: Vec<Sample>,
}

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

    /// The readings of the device in the message, each with a sample for each point in its profile's order: one, or as many as the
    /// list has that the profile names. A list that isn't there, or a time that is none, makes everything malformed.
    pub(crate) fn readings(&self, device: &Device) -> Vec<DeviceReading> {
        let form = &device.profile.mqtt;
        let Some(pointer) = &form.items else {
            return vec![self.one(device)];
        };
        let items = match self {
            Self::Json(json) => json.pointer(pointer).and_then(Json::as_array),
            Self::Text(_) | Self::Binary => None,
        };
        let Some(items) = items else {
            return vec![DeviceReading::malformed(device)];
        };
        let mut readings: Vec<_> = items
            .iter()
            .take(MOST_ITEMS)
            .map(|item| Payload::Json(item.clone()).one(device))
            .collect();
        readings.sort_by_key(|reading| reading.at);
        readings
    }

    fn one(&self, device: &Device) -> DeviceReading {
        let mut at = None;
        if let Some(pointer) = &device.profile.mqtt.time {
            let time = match self {
                Self::Json(json) => json.pointer(pointer).and_then(time),
                Self::Text(_) | Self::Binary => None,
            };
            at = match time {
                Some(time) => Some(time),
                None => return DeviceReading::malformed(device),
            };
        }
        let sample = |(point, of): (PointId, &Point)| Sample {
            point,
            reading: self.reading(of),
        };
        DeviceReading {
            at,
            samples: device.points().map(sample).collect(),
        }
    }

    /// What the message says of a point.
    pub(crate) fn reading(&self, point: &Point) -> Reading {
        let Address::Pointer(pointer) = &point.address else {
            return MALFORMED;
        };
        match self {
            Self::Json(json) => match json.pointer(pointer) {
                None => Reading::Missing(Missing::Absent),
                Some(value) => reading_of_json(point, value),
            },
            Self::Text(text) if pointer.is_empty() => bare_reading(point, text),
            Self::Text(_) | Self::Binary => MALFORMED,
        }
    }
}

impl DeviceReading {
    fn malformed(device: &Device) -> Self {
        let sample = |(point, _)| Sample {
            point,
            reading: MALFORMED,
        };
        Self {
            at: None,
            samples: device.points().map(sample).collect(),
        }
    }

    /// Whether anything in it is not of the form that the profile describes.
    pub(crate) fn is_malformed(&self) -> bool {
        self.samples.iter().any(|sample| sample.reading == MALFORMED)
    }
}

/// A time as devices write it: RFC 3339, or seconds or milliseconds since 1970.
fn time(json: &Json) -> Option<Timestamp> {
    if let Some(text) = json.as_str() {
        return text.parse().ok();
    }
    let number = json.as_f64()?;
    // Seconds reach this number in the year 5138, and milliseconds had it in 1973.
    let millis = if number < 100_000_000_000.0 {
        number * 1_000.0
    } else {
        number
    };
    Timestamp::from_millisecond(millis.round() as i64)
        .ok()
        .filter(|_| number > 0.0)
}

/// What a value means to a point: exactly its type, and nothing guessed at.
pub(crate) fn reading_of_json(point: &Point, value: &Json) -> Reading {
    match (point.data_type, value) {
        (_, Json::Null) => Reading::Missing(Missing::NoValue),
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
    use crate::test_site::{connection, point_in_json, profile, site};
    use model::{Link, Profile, Unit};
    use proptest::prelude::*;
    use std::sync::Arc;

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

    #[test]
    fn a_list_of_readings_is_taken_oldest_first_with_its_own_times() {
        let mut profile = Profile::clone(&profile(vec![point_in_json("/v", DataType::F64)]));
        profile.mqtt.items = Some("/data".into());
        profile.mqtt.time = Some("/t".into());
        let link = Link::Mqtt {
            host: "b".into(),
            port: 1883,
        };
        let site = site(connection(link), [(Unit::Topic("t".into()), Arc::new(profile))]);
        let device = site.devices.values().next().unwrap();
        let read = |message: &str| {
            let readings = Payload::of(message.as_bytes()).readings(device);
            let one = |reading: &DeviceReading| {
                (
                    reading.at.map(|at| at.as_second()),
                    reading.samples[0].reading.clone(),
                )
            };
            readings.iter().map(one).collect::<Vec<_>>()
        };
        let list = r#"{"data": [{"t": 1700000002, "v": 2}, {"t": "2023-11-14T22:13:21Z", "v": 1}, {"t": 1700000003500, "v": 3}]}"#;
        let expected = [(1_700_000_001, 1.0), (1_700_000_002, 2.0), (1_700_000_003, 3.0)];
        assert_eq!(read(list), expected.map(|(at, value)| (Some(at), number(value))));
        assert_eq!(read(r#"{"data": []}"#), []);
        for wrong in [
            r#"{"v": 1}"#,
            r#"{"data": 1}"#,
            "x",
            r#"{"data": [{"v": 1}]}"#,
            r#"{"data": [{"t": -1, "v": 1}]}"#,
        ] {
            assert_eq!(read(wrong), [(None, MALFORMED)], "{wrong}");
        }
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
