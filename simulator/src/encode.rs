//! Turns a value into what stands on the wire, and back into what a right reader makes of it.

use model::{DataType, Order, Point, Reading, Scale, Value};
use serde_json::{Number, Value as Json};

/// The registers that show a value as nearly as the point's type can; as many as the type takes.
pub(crate) fn words(point: &Point, value: &Value) -> Vec<u16> {
    let state = value.as_number().is_some_and(|number| number != 0.0);
    let raw = raw_number(point, value);
    let bytes = match point.data_type {
        DataType::Bool => vec![0, u8::from(state)],
        DataType::Bit(bit) => (u16::from(state) << (bit & 15)).to_be_bytes().to_vec(),
        DataType::U16 => (raw as u16).to_be_bytes().to_vec(),
        DataType::I16 => (raw as i16).to_be_bytes().to_vec(),
        DataType::Bcd => to_bcd(raw as u16).to_be_bytes().to_vec(),
        DataType::U32 => (raw as u32).to_be_bytes().to_vec(),
        DataType::I32 => (raw as i32).to_be_bytes().to_vec(),
        DataType::U64 => (raw as u64).to_be_bytes().to_vec(),
        DataType::I64 => (raw as i64).to_be_bytes().to_vec(),
        DataType::F32 => (raw as f32).to_be_bytes().to_vec(),
        DataType::F64 => raw.to_be_bytes().to_vec(),
        DataType::String(length) => text_bytes(value, length),
    };
    ordered(bytes.chunks(2).map(word_of).collect(), point)
}

/// The value that a right reader takes from registers: the inverse of [`words`]. `None`: they mean "no value" to it.
pub(crate) fn value_of_words(point: &Point, words: &[u16]) -> Option<Value> {
    let words = ordered(words.to_vec(), point);
    let low = words.last().copied().unwrap_or(0);
    let whole = words
        .iter()
        .fold(0_u64, |whole, word| (whole << 16) | u64::from(*word));
    let raw = match point.data_type {
        DataType::Bool | DataType::Bit(_) if point.missing.contains(&f64::from(low)) => return None,
        DataType::Bool => return Some(Value::Bool(low != 0)),
        DataType::Bit(bit) => return Some(Value::Bool((low >> (bit & 15)) & 1 == 1)),
        DataType::String(length) => return Some(Value::Text(text_of(&words, length).into())),
        DataType::U16 => f64::from(low),
        DataType::I16 => f64::from(low as i16),
        DataType::Bcd => f64::from(of_bcd(low)?),
        DataType::U32 => f64::from(whole as u32),
        DataType::I32 => f64::from(whole as u32 as i32),
        DataType::U64 => whole as f64,
        DataType::I64 => whole as i64 as f64,
        DataType::F32 => f64::from(f32::from_bits(whole as u32)),
        DataType::F64 => f64::from_bits(whole),
    };
    point.reading_of_number(raw).value().cloned()
}

/// The JSON value that shows a value in a message.
pub(crate) fn json(point: &Point, value: &Value) -> Json {
    if point.data_type.is_text() {
        return match value {
            Value::Text(text) => Json::from(text.as_ref()),
            Value::Number(number) => Json::from(number.to_string()),
            Value::Bool(state) => Json::from(state.to_string()),
        };
    }
    if point.data_type.is_bool() {
        return Json::Bool(value.as_number().is_some_and(|number| number != 0.0));
    }
    let raw = raw_number(point, value);
    if raw.fract() == 0.0 && raw.abs() < 9e15 {
        return Json::from(raw as i64);
    }
    Number::from_f64(raw).map_or(Json::Null, Json::Number)
}

/// The value that a right reader takes from a message's JSON value: the inverse of [`json`].
pub(crate) fn value_of_json(point: &Point, json: &Json) -> Option<Value> {
    match json {
        Json::String(text) if point.data_type.is_text() => Some(Value::Text(text.as_str().into())),
        Json::Bool(state) if point.data_type.is_bool() => Some(Value::Bool(*state)),
        Json::Number(number) => point.reading_of_number(number.as_f64()?).value().cloned(),
        _ => None,
    }
}

/// Whether the point can show a value outside its range: whether a reader would find it uncertain.
pub(crate) fn is_doubtful(point: &Point, number: f64) -> bool {
    let raw = raw_number(point, &Value::Number(number));
    matches!(point.reading_of_number(raw), Reading::Uncertain(..))
}

/// The raw number nearest to a value that the type can hold and that does not mean "no value".
fn raw_number(point: &Point, value: &Value) -> f64 {
    let number = value.as_number().unwrap_or(0.0);
    let raw = (number - point.offset) / point.scale.factor();
    let bounds = match point.data_type {
        DataType::U16 => (0.0, 65_535.0),
        DataType::I16 => (-32_768.0, 32_767.0),
        DataType::Bcd => (0.0, 9_999.0),
        DataType::U32 => (0.0, f64::from(u32::MAX)),
        DataType::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        // The largest doubles that the 64-bit types hold.
        DataType::U64 => (0.0, 18_446_744_073_709_549_568.0),
        DataType::I64 => (-9_223_372_036_854_775_808.0, 9_223_372_036_854_774_784.0),
        DataType::F32 => (-f64::from(f32::MAX), f64::from(f32::MAX)),
        DataType::F64 if point.scale == Scale::ONE && point.offset == 0.0 => return raw,
        // Division leaves dust such as 451.22999999999996; nine decimals are finer than any sensor.
        DataType::F64 => {
            return if raw.abs() < 1e6 {
                (raw * 1e9).round() / 1e9
            } else {
                raw
            };
        }
        DataType::Bool | DataType::Bit(_) | DataType::String(_) => return raw,
    };
    let raw = raw.clamp(bounds.0, bounds.1);
    let raw = if point.data_type == DataType::F32 {
        raw
    } else {
        raw.round()
    };
    if !point.missing.contains(&raw) {
        return raw;
    }
    if raw >= bounds.1 { raw - 1.0 } else { raw + 1.0 }
}

/// Words of the standard's order in the point's order, and the other way: each of the four orders undoes itself. One register
/// of a number has no order, and no device reverses the registers of a text.
fn ordered(mut words: Vec<u16>, point: &Point) -> Vec<u16> {
    let is_text = point.data_type.is_text();
    if words.len() < 2 && !is_text {
        return words;
    }
    if matches!(point.order, Order::Badc | Order::Dcba) {
        words.iter_mut().for_each(|word| *word = word.swap_bytes());
    }
    if matches!(point.order, Order::Cdab | Order::Dcba) && !is_text {
        words.reverse();
    }
    words
}

fn word_of(bytes: &[u8]) -> u16 {
    bytes
        .iter()
        .chain(&[0])
        .take(2)
        .fold(0, |word, byte| (word << 8) | u16::from(*byte))
}

fn to_bcd(number: u16) -> u16 {
    [1000, 100, 10, 1]
        .iter()
        .fold(0, |word, place| (word << 4) | (number / place % 10))
}

fn of_bcd(word: u16) -> Option<u16> {
    [12, 8, 4, 0].iter().try_fold(0, |number, shift| {
        let digit = (word >> shift) & 15;
        (digit < 10).then_some(number * 10 + digit)
    })
}

fn text_bytes(value: &Value, length: u16) -> Vec<u8> {
    let Value::Text(text) = value else {
        return vec![0; usize::from(length)];
    };
    let mut end = text.len().min(usize::from(length));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut bytes = text.as_bytes().get(..end).unwrap_or_default().to_vec();
    bytes.resize(usize::from(length), 0);
    bytes
}

fn text_of(words: &[u16], length: u16) -> String {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    bytes.truncate(usize::from(length));
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default())
        .trim_end_matches(' ')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::{Address, RegisterTable, Text};
    use proptest::prelude::*;

    use super::*;

    fn point(data_type: DataType, order: Order, scale: f64, offset: f64) -> Point {
        Point {
            name: "x".into(),
            title: Text::default(),
            unit: String::new(),
            address: Address::Register {
                table: RegisterTable::Holding,
                number: 0,
            },
            data_type,
            order,
            scale: scale.into(),
            offset,
            range: None,
            missing: Vec::new(),
            every: 1,
            labels: BTreeMap::new(),
            meter: None,
        }
    }

    #[test]
    fn the_four_orders_put_the_same_bytes_in_their_own_places() {
        let value = Value::Number(f64::from(0x0A0B_0C0D_u32));
        let words = |order| words(&point(DataType::U32, order, 1.0, 0.0), &value);
        assert_eq!(words(Order::Abcd), [0x0A0B, 0x0C0D]);
        assert_eq!(words(Order::Cdab), [0x0C0D, 0x0A0B]);
        assert_eq!(words(Order::Badc), [0x0B0A, 0x0D0C]);
        assert_eq!(words(Order::Dcba), [0x0D0C, 0x0B0A]);
    }

    #[test]
    fn each_type_stands_in_its_registers_as_the_wire_has_it() {
        let words =
            |data_type, number| words(&point(data_type, Order::Abcd, 1.0, 0.0), &Value::Number(number));
        assert_eq!(words(DataType::I16, -2.0), [0xFFFE]);
        assert_eq!(words(DataType::Bcd, 1234.0), [0x1234]);
        assert_eq!(words(DataType::F32, 1.5), [0x3FC0, 0]);
        assert_eq!(words(DataType::F64, 1.5), [0x3FF8, 0, 0, 0]);
        assert_eq!(words(DataType::I64, -1.0), [0xFFFF; 4]);
        assert_eq!(words(DataType::Bit(9), 1.0), [0x0200]);
        assert_eq!(words(DataType::U16, 1e9), [0xFFFF]);
        let text = point(DataType::String(5), Order::Abcd, 1.0, 0.0);
        assert_eq!(
            super::words(&text, &Value::Text("AB\u{6c34}".into())),
            [0x4142, 0xE6B0, 0xB400]
        );
        assert_eq!(
            super::words(&text, &Value::Text("ABC\u{6c34}".into())),
            [0x4142, 0x4300, 0]
        );
    }

    #[test]
    fn a_value_never_lands_on_a_raw_number_that_means_no_value() {
        let mut point = point(DataType::U16, Order::Abcd, 0.001, 0.0);
        point.missing = vec![65535.0, 0.0];
        assert_eq!(words(&point, &Value::Number(99.0)), [65534]);
        assert_eq!(words(&point, &Value::Number(0.0)), [1]);
        assert_eq!(value_of_words(&point, &[65535]), None);
        assert_eq!(
            value_of_words(&self::point(DataType::Bcd, Order::Abcd, 1.0, 0.0), &[0x00A0]),
            None
        );
    }

    fn any_number() -> impl Strategy<Value = DataType> {
        prop::sample::select(vec![
            DataType::U16,
            DataType::I16,
            DataType::U32,
            DataType::I32,
            DataType::U64,
            DataType::I64,
            DataType::F32,
            DataType::F64,
            DataType::Bcd,
        ])
    }

    fn any_order() -> impl Strategy<Value = Order> {
        prop::sample::select(vec![Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba])
    }

    proptest! {
            #[test]
            fn registers_and_values_undo_each_other(
                data_type in any_number(),
                order in any_order(),
                scale in prop::sample::select(vec![1.0, 0.1, 0.001, 2.5]),
                offset in prop::sample::select(vec![0.0, -50.0]),
                number in 0.0..900.0_f64,
            ) {
                let point = point(data_type, order, scale, offset);
                let raw = words(&point, &Value::Number(number));
                prop_assert_eq!(raw.len(), usize::from(data_type.registers()));
                let value = value_of_words(&point, &raw).unwrap();
                // The value is the nearest one that the type has: encoding it again changes nothing.
                prop_assert_eq!(&words(&point, &value), &raw);
                let step = if matches!(data_type, DataType::F32 | DataType::F64) { 1e-3 } else { scale };
    let largest = match data_type {
                    DataType::Bcd => 9_999.0,
                    DataType::I16 => 32_767.0,
                    DataType::U16 => 65_535.0,
                    _ => f64::from(i32::MAX),
                };
                let bound = largest * scale + offset;
                prop_assert!((value.as_number().unwrap() - number.clamp(offset, bound)).abs() <= step);
            }

            #[test]
            fn a_message_and_its_values_undo_each_other(ten_thousandths in -9_000_000..9_000_000_i32, scale in prop::sample::select(vec![1.0, 0.001])) {
                let number = f64::from(ten_thousandths) / 1e4;
                let point = point(DataType::F64, Order::Abcd, scale, 0.0);
                let text = json(&point, &Value::Number(number)).to_string();
                let value = value_of_json(&point, &serde_json::from_str(&text).unwrap()).unwrap();
                prop_assert!((value.as_number().unwrap() - number).abs() < 1e-6);
                prop_assert_eq!(json(&point, &value).to_string(), text);
            }

            #[test]
            fn states_and_texts_come_back_as_they_went(state: bool, bit in 0..16_u8, text in "([ -~]{0,6}[!-~])?") {
                for data_type in [DataType::Bool, DataType::Bit(bit)] {
                    let point = point(data_type, Order::Abcd, 1.0, 0.0);
                    prop_assert_eq!(value_of_words(&point, &words(&point, &Value::Bool(state))), Some(Value::Bool(state)));
                }
                let point = point(DataType::String(7), Order::Dcba, 1.0, 0.0);
                let value = Value::Text(text.as_str().into());
                prop_assert_eq!(value_of_words(&point, &words(&point, &value)), Some(value.clone()));
                prop_assert_eq!(value_of_json(&point, &json(&point, &value)), Some(value));
            }
        }
}
