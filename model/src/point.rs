//! One readable quantity of a device: where it stands on the wire and what its raw value means.

use std::collections::BTreeMap;

use crate::{Doubt, Missing, Reading, Text, Value};

/// One readable quantity of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// `[a-z][a-z0-9_]*`, unique in its profile; what rules and telemetry call it.
    pub name: String,
    /// What people call it.
    pub title: Text,
    /// The unit of its value, for people; empty for a state.
    pub unit: String,
    /// Where it stands.
    pub address: Address,
    /// How it is written there.
    pub data_type: DataType,
    /// Byte and word order of types over one register.
    pub order: Order,
    /// `value = raw * scale + offset`.
    pub scale: Scale,
    /// See `scale`.
    pub offset: f64,
    /// Outside it a value is uncertain.
    pub range: Option<Range>,
    /// Raw values that mean "no value".
    pub missing: Vec<f64>,
    /// Read at every n-th poll, n >= 1.
    pub every: u32,
    /// What single values mean, by value.
    pub labels: BTreeMap<i64, Text>,
    /// What it adds up, if it is a meter's register that only counts up: monthly totals are worked out from it.
    pub meter: Option<Metered>,
}

/// What a meter's register adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metered {
    /// Electricity.
    Energy,
    /// Water.
    Water,
}

impl Metered {
    /// All of them by the name that a profile gives them.
    pub const NAMES: [(&'static str, Self); 2] = [("energy", Self::Energy), ("water", Self::Water)];

    /// The name that a profile gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Energy => "energy",
            Self::Water => "water",
        }
    }
}

/// Where a point stands in its device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A Modbus register or bit, zero-based.
    Register {
        /// Which of the four tables.
        table: RegisterTable,
        /// The first register's or bit's number.
        number: u16,
    },
    /// A JSON pointer (RFC 6901) into an MQTT message; empty for the whole message.
    Pointer(String),
}

/// The four tables of a Modbus device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegisterTable {
    /// Bits, read with function 1.
    Coil,
    /// Bits, read with function 2.
    Discrete,
    /// Registers, read with function 4.
    Input,
    /// Registers, read with function 3.
    Holding,
}

impl RegisterTable {
    /// Whether it holds bits, not 16-bit registers.
    pub fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::Discrete)
    }

    /// The name as a profile writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coil => "coil",
            Self::Discrete => "discrete",
            Self::Input => "input",
            Self::Holding => "holding",
        }
    }
}

/// How a value is written on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// A coil or discrete input; in a register: not zero. In JSON: true or false, or 1 and 0.
    Bool,
    /// 16 bits, unsigned.
    U16,
    /// 16 bits, two's complement.
    I16,
    /// 32 bits, unsigned.
    U32,
    /// 32 bits, two's complement.
    I32,
    /// 64 bits, unsigned.
    U64,
    /// 64 bits, two's complement.
    I64,
    /// IEEE 754 single.
    F32,
    /// IEEE 754 double; any JSON number.
    F64,
    /// Four decimal digits in a register.
    Bcd,
    /// A text of so many bytes, two a register; any JSON string.
    String(u16),
    /// One bit of a register, 0 the lowest.
    Bit(u8),
}

impl DataType {
    /// How many registers it takes (in a table of bits: how many bits).
    pub fn registers(self) -> u16 {
        match self {
            Self::Bool | Self::U16 | Self::I16 | Self::Bcd | Self::Bit(_) => 1,
            Self::U32 | Self::I32 | Self::F32 => 2,
            Self::U64 | Self::I64 | Self::F64 => 4,
            Self::String(bytes) => bytes.div_ceil(2),
        }
    }

    /// Whether its value is a state.
    pub fn is_bool(self) -> bool {
        matches!(self, Self::Bool | Self::Bit(_))
    }

    /// Whether its value is a text.
    pub fn is_text(self) -> bool {
        matches!(self, Self::String(_))
    }
}

/// The order in which the bytes ABCD of a value over one register arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Highest byte first: the standard's own order.
    #[default]
    Abcd,
    /// Words swapped.
    Cdab,
    /// Bytes of each word swapped.
    Badc,
    /// Lowest byte first.
    Dcba,
}

/// A closed range of values, `low <= high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The lowest plausible value.
    pub low: f64,
    /// The highest plausible value.
    pub high: f64,
}

/// What raw numbers are multiplied by, so that a decimal factor gives the nearest decimal value: 153 by 0.001 is 0.153, not
/// 0.15300000000000002.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    factor: f64,
    /// One whole number in `factor`'s stead, where there is one: 0.001 itself is only near to a thousandth.
    divisor: Option<f64>,
}

impl Scale {
    /// Leaves every number as it is.
    pub const ONE: Self = Self {
        factor: 1.0,
        divisor: None,
    };

    /// The number that raw ones are multiplied by.
    pub fn factor(self) -> f64 {
        self.factor
    }

    /// A raw number, multiplied.
    pub fn of(self, raw: f64) -> f64 {
        match self.divisor {
            Some(divisor) => raw / divisor,
            None => raw * self.factor,
        }
    }
}

impl From<f64> for Scale {
    fn from(factor: f64) -> Self {
        let inverse = factor.recip();
        let whole = inverse.round();
        let is_near = whole.abs() >= 2.0 && (inverse - whole).abs() < whole.abs() * 1e-12;
        Self {
            factor,
            divisor: is_near.then_some(whole),
        }
    }
}

impl Point {
    /// The value of a raw number: `raw * scale + offset`.
    pub fn scaled(&self, raw: f64) -> f64 {
        let product = self.scale.of(raw);
        if self.offset == 0.0 {
            product
        } else {
            product + self.offset
        }
    }

    /// The reading that a raw number on the wire means: scaled, or no value, or out of range.
    pub fn reading_of_number(&self, raw: f64) -> Reading {
        let mut reading = Reading::Missing(Missing::NoValue);
        self.read_number(raw, &mut reading);
        reading
    }

    /// Writes the [reading](Self::reading_of_number) of a raw number in its place: a device has a hundred of them in an answer.
    #[inline]
    pub fn read_number(&self, raw: f64, reading: &mut Reading) {
        let value = self.scaled(raw);
        if !raw.is_finite() || !value.is_finite() || self.missing.contains(&raw) {
            *reading = Reading::Missing(Missing::NoValue);
        } else if self
            .range
            .is_some_and(|range| value < range.low || value > range.high)
        {
            *reading = Reading::Uncertain(Value::Number(value), Doubt::OutOfRange);
        } else {
            *reading = Reading::Good(Value::Number(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(scale: f64, offset: f64) -> Point {
        Point {
            name: "pressure".into(),
            title: Text::default(),
            unit: "MPa".into(),
            address: Address::Register {
                table: RegisterTable::Holding,
                number: 0,
            },
            data_type: DataType::U16,
            order: Order::Abcd,
            scale: scale.into(),
            offset,
            range: Some(Range { low: 0.0, high: 1.6 }),
            missing: vec![65535.0],
            every: 1,
            labels: BTreeMap::new(),
            meter: None,
        }
    }

    #[test]
    fn a_decimal_scale_gives_the_nearest_decimal_value() {
        for raw in 0..=1600_u32 {
            let expected: f64 = format!("{}e-3", raw).parse().unwrap();
            assert_eq!(point(0.001, 0.0).scaled(f64::from(raw)), expected);
        }
        assert_eq!(point(2.5, -40.0).scaled(100.0), 210.0);
        assert_eq!(point(-0.1, 0.0).scaled(3.0), -0.3);
    }

    #[test]
    fn a_sentinel_is_no_value_and_an_implausible_value_is_uncertain() {
        assert_eq!(
            point(0.001, 0.0).reading_of_number(65535.0),
            Reading::Missing(Missing::NoValue)
        );
        assert_eq!(
            point(1.0, 0.0).reading_of_number(f64::NAN),
            Reading::Missing(Missing::NoValue)
        );
        assert_eq!(
            point(0.001, 0.0).reading_of_number(1601.0),
            Reading::Uncertain(Value::Number(1.601), Doubt::OutOfRange)
        );
        assert_eq!(
            point(0.001, 0.0).reading_of_number(1600.0),
            Reading::Good(Value::Number(1.6))
        );
    }
}
