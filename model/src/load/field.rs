//! One value of a TOML file or of an environment variable, before anybody has asked what type it is.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::source::Spot;

/// A value, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Given<'site, T> {
    /// The value.
    pub(super) value: T,
    /// Where it stands.
    pub(super) spot: Spot<'site>,
}

/// A value of no certain type yet.
#[derive(Clone, Copy)]
pub(super) struct Field<'site> {
    raw: Raw<'site>,
    /// Where it stands.
    pub(super) spot: Spot<'site>,
}

#[derive(Clone, Copy)]
enum Raw<'site> {
    Toml(&'site DeValue<'site>),
    Variable(&'site str),
}

impl<'site> Field<'site> {
    /// A value of the file.
    pub(super) fn of_file(value: &'site Spanned<DeValue<'site>>) -> Self {
        Self {
            raw: Raw::Toml(value.get_ref()),
            spot: Spot::Offset(value.span().start),
        }
    }

    /// What a variable says.
    pub(super) fn of_variable(variable: &'site str, value: &'site str) -> Self {
        Self {
            raw: Raw::Variable(value),
            spot: Spot::Variable(variable),
        }
    }

    /// The text, if it is one.
    pub(super) fn string(self) -> Option<Given<'site, &'site str>> {
        let value = match self.raw {
            Raw::Toml(DeValue::String(text)) => text.as_ref(),
            Raw::Variable(text) => text,
            Raw::Toml(_) => return None,
        };
        Some(Given {
            value,
            spot: self.spot,
        })
    }

    /// The whole number, if it is one. A variable's text is read as one here, and nowhere earlier.
    pub(super) fn whole(self) -> Option<i64> {
        match self.raw {
            Raw::Toml(DeValue::Integer(integer)) => {
                i64::from_str_radix(integer.as_str(), integer.radix()).ok()
            }
            Raw::Variable(text) => text.parse().ok(),
            Raw::Toml(_) => None,
        }
    }

    /// The number, if it is a finite one.
    pub(super) fn number(self) -> Option<f64> {
        let value = match self.raw {
            // Whole numbers in a site's files are raw values and limits, far below where `f64` starts to skip some.
            Raw::Toml(DeValue::Integer(_)) => self.whole()? as f64,
            Raw::Toml(DeValue::Float(float)) => float.as_str().parse().ok()?,
            Raw::Variable(text) => text.parse().ok()?,
            Raw::Toml(_) => return None,
        };
        Some(value).filter(|value: &f64| value.is_finite())
    }

    /// Yes or no, if it is that. A variable's text is read as one here, and nowhere earlier.
    pub(super) fn yes(self) -> Option<bool> {
        match self.raw {
            Raw::Toml(DeValue::Boolean(yes)) => Some(*yes),
            Raw::Variable("true") => Some(true),
            Raw::Variable("false") => Some(false),
            _ => None,
        }
    }

    /// The items of the array, if it is one.
    pub(super) fn items(self) -> Option<impl Iterator<Item = Field<'site>>> {
        match self.raw {
            Raw::Toml(DeValue::Array(items)) => Some(items.iter().map(Self::of_file)),
            _ => None,
        }
    }

    /// The entries of the table, if it is one.
    pub(super) fn entries(self) -> Option<&'site DeTable<'site>> {
        match self.raw {
            Raw::Toml(DeValue::Table(entries)) => Some(entries),
            _ => None,
        }
    }
}
