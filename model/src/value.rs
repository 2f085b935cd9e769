//! What a point says: a value, a doubtful value, or nothing and why.

use std::fmt;
use std::sync::Arc;

/// A value in the point's own unit.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A finite number, scaled.
    Number(f64),
    /// A state.
    Bool(bool),
    /// A text.
    Text(ThinText),
}

/// A text that is shared, and one word long: nearly all values are numbers, and each reading is as long as the longest kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThinText(Arc<Box<str>>);

impl std::ops::Deref for ThinText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ThinText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<Whole: Into<Box<str>>> From<Whole> for ThinText {
    fn from(text: Whole) -> Self {
        Self(Arc::new(text.into()))
    }
}

impl fmt::Display for ThinText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Value {
    /// The number, or 1 and 0 for a state; `None` for a text.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Bool(state) => Some(f64::from(u8::from(*state))),
            Self::Text(_) => None,
        }
    }
}

/// A point's value with its quality, which therefore cannot disagree.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// The device said so, and it is plausible.
    Good(Value),
    /// The device said so, but it is not to be believed as it stands.
    Uncertain(Value, Doubt),
    /// There is no value. Silence is a reading, too.
    Missing(Missing),
}

impl Reading {
    /// The value, if it is good.
    pub fn good(&self) -> Option<&Value> {
        match self {
            Self::Good(value) => Some(value),
            _ => None,
        }
    }

    /// Whether it is good.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good(_))
    }

    /// The value, good or uncertain.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Good(value) | Self::Uncertain(value, _) => Some(value),
            Self::Missing(_) => None,
        }
    }
}

/// Why a value is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// Outside the range that the profile gives.
    OutOfRange,
    /// The last that was said, too long ago: later messages left it out.
    Stale,
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Missing {
    /// Nothing has been read since the gateway started.
    NotReadYet,
    /// The device did not answer in time, or its connection is down.
    NoAnswer,
    /// The device answered with this Modbus exception code.
    Refused(u8),
    /// The device answered with one of the profile's `missing` raw values, or with NaN or an infinity.
    NoValue,
    /// The answer was not of the form that was asked for (wrong length, wrong type, not JSON).
    Malformed,
    /// The message had no value at the point's pointer.
    Absent,
}

impl fmt::Display for Doubt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OutOfRange => "out_of_range",
            Self::Stale => "stale",
        })
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReadYet => formatter.write_str("not_read_yet"),
            Self::NoAnswer => formatter.write_str("no_answer"),
            Self::Refused(code) => write!(formatter, "refused_{code}"),
            Self::NoValue => formatter.write_str("no_value"),
            Self::Malformed => formatter.write_str("malformed"),
            Self::Absent => formatter.write_str("absent"),
        }
    }
}
