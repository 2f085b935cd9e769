//! Reads how a value is written on the wire: `u16`, `string(16)`, `bit(3)`, and the order of its bytes.

use super::names::{one_of, shown};
use crate::{DataType, Order};

const TYPES: [(&str, DataType); 11] = [
    ("bool", DataType::Bool),
    ("u16", DataType::U16),
    ("i16", DataType::I16),
    ("u32", DataType::U32),
    ("i32", DataType::I32),
    ("u64", DataType::U64),
    ("i64", DataType::I64),
    ("f32", DataType::F32),
    ("f64", DataType::F64),
    ("bcd", DataType::Bcd),
    ("string(n)", DataType::String(0)),
];

/// The longest text that one Modbus answer can hold, in bytes: 125 registers.
const LONGEST_STRING_BYTES: u16 = 250;

/// Reads a type.
///
/// # Errors
/// What would be right.
pub(super) fn data_type(text: &str) -> Result<DataType, String> {
    if let Some(inner) = argument(text, "string") {
        let bytes = inner
            .parse()
            .ok()
            .filter(|bytes| (1..=LONGEST_STRING_BYTES).contains(bytes));
        return bytes
            .map(DataType::String)
            .ok_or_else(|| format!("write string(1) to string({LONGEST_STRING_BYTES}): a length in bytes"));
    }
    if let Some(inner) = argument(text, "bit") {
        let bit = inner.parse().ok().filter(|bit| *bit <= 15);
        return bit
            .map(DataType::Bit)
            .ok_or_else(|| "write bit(0), the lowest, to bit(15)".to_owned());
    }
    match text {
        "string" | "string(n)" => Err("write its length in bytes, too, such as `string(16)`".to_owned()),
        "bit" | "bit(n)" => Err("write which bit, too: bit(0), the lowest, to bit(15)".to_owned()),
        _ => one_of("type", text, &TYPES).map_err(|error| {
            let right = "write one of bool u16 i16 u32 i32 u64 i64 f32 f64 bcd string(n) bit(n)";
            if error.contains("did you mean") {
                error
            } else {
                format!("unknown type `{}`: {right}", shown(text))
            }
        }),
    }
}

/// Reads an order of bytes and words.
///
/// # Errors
/// What would be right.
pub(super) fn order(text: &str) -> Result<Order, String> {
    one_of(
        "order",
        text,
        &[
            ("ABCD", Order::Abcd),
            ("CDAB", Order::Cdab),
            ("BADC", Order::Badc),
            ("DCBA", Order::Dcba),
        ],
    )
}

/// Whether the type can have that raw number, so that a `missing` value can ever be seen.
pub(super) fn can_be(data_type: DataType, raw: f64) -> bool {
    let (low, high) = match data_type {
        DataType::U16 => (0.0, f64::from(u16::MAX)),
        DataType::I16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
        DataType::U32 => (0.0, f64::from(u32::MAX)),
        DataType::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        DataType::U64 => (0.0, u64::MAX as f64),
        DataType::I64 => (i64::MIN as f64, i64::MAX as f64),
        DataType::Bcd => (0.0, 9_999.0),
        DataType::F32 | DataType::F64 => return true,
        DataType::Bool | DataType::Bit(_) | DataType::String(_) => return false,
    };
    raw.fract() == 0.0 && (low..=high).contains(&raw)
}

fn argument<'text>(text: &'text str, name: &str) -> Option<&'text str> {
    text.strip_prefix(name)?
        .strip_prefix('(')?
        .strip_suffix(')')
        .filter(|inner| *inner != "n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_reads_as_the_profile_writes_it() {
        assert_eq!(data_type("u16"), Ok(DataType::U16));
        assert_eq!(data_type("string(16)"), Ok(DataType::String(16)));
        assert_eq!(data_type("bit(15)"), Ok(DataType::Bit(15)));
        for (wrong, expected) in [
            ("U16", "did you mean `u16`?"),
            ("uint16", "write one of bool"),
            ("string", "string(16)"),
            ("string(0)", "string(1) to string(250)"),
            ("string(251)", "string(1) to string(250)"),
            ("bit(16)", "bit(15)"),
            ("bit", "bit(15)"),
        ] {
            let error = data_type(wrong).unwrap_err();
            assert!(error.contains(expected), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_raw_value_that_the_type_never_has_is_known() {
        assert!(
            can_be(DataType::U16, 65535.0) && !can_be(DataType::I16, 65535.0) && !can_be(DataType::U16, 0.5)
        );
        assert!(
            can_be(DataType::F32, 0.5) && !can_be(DataType::Bool, 1.0) && !can_be(DataType::Bcd, 10_000.0)
        );
    }
}
