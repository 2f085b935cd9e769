//! The service standard: what was promised for each kind of fault, and the calendar that working days are counted on.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Class, Text};

/// What was promised, bundled and overridden.
#[derive(Clone, Debug, Default)]
pub struct Standard {
    /// Rows by id.
    pub deadlines: BTreeMap<String, Deadlines>,
    /// Which days are working days.
    pub calendar: Calendar,
}

/// A row of the standard: the clocks that run on a ticket of its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Deadlines {
    /// `fire-water`, …
    pub id: String,
    /// What it covers.
    pub covers: Text,
    /// Someone takes it and tells the reporter.
    pub respond: Option<Target>,
    /// Someone is on site.
    pub arrive: Option<Target>,
    /// It works again.
    pub resolve: Option<Target>,
    /// The sentence of the published standard that it comes from.
    pub quote: String,
    /// The class whose faults it covers, if it is one class's own.
    pub class: Option<Class>,
}

/// A span that was promised, kept as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Target {
    /// `3s`
    Seconds(u32),
    /// `30m`
    Minutes(u32),
    /// `8h`
    Hours(u32),
    /// `5wd`: working days by the site's calendar, the day of filing not counted, due at 24:00 of the last.
    WorkingDays(u32),
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(count) => write!(formatter, "{count}s"),
            Self::Minutes(count) => write!(formatter, "{count}m"),
            Self::Hours(count) => write!(formatter, "{count}h"),
            Self::WorkingDays(count) => write!(formatter, "{count}wd"),
        }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right = || {
            format!(
                "`{text}` is not a target: write a whole number above zero with s, m, h or wd, such as `30m`"
            )
        };
        let split = text
            .find(|character: char| !character.is_ascii_digit())
            .ok_or_else(right)?;
        let (count, unit) = text.split_at(split);
        let count: u32 = count.parse().ok().filter(|count| *count > 0).ok_or_else(right)?;
        match unit {
            "s" => Ok(Self::Seconds(count)),
            "m" => Ok(Self::Minutes(count)),
            "h" => Ok(Self::Hours(count)),
            "wd" => Ok(Self::WorkingDays(count)),
            _ => Err(right()),
        }
    }
}

/// Which days are working days: Monday to Friday, but for the days that a year's table names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Days that differ from the week's rule.
    pub days: BTreeMap<Date, DayKind>,
    /// The years that a table was loaded for, ascending.
    pub years: Vec<i16>,
}

/// What a named day is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayKind {
    /// A public holiday.
    Off,
    /// A make-up working day (调休).
    Working,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_reads_back_as_it_was_written() {
        for text in ["3s", "30m", "8h", "48h", "5wd"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for text in ["", "30", "m", "0m", "-1h", "1.5h", "5 wd", "5d"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
