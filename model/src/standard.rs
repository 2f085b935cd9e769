//! The service standard: what was promised for each kind of fault, and the calendar that working days are counted on.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Class, LightingSchedule, Text};

/// What was promised, bundled and overridden.
#[derive(Clone, Debug, Default)]
pub struct Standard {
    /// Rows by id.
    pub deadlines: BTreeMap<String, Deadlines>,
    /// Which days are working days.
    pub calendar: Calendar,
    /// The site's recurring work, as its `planned.toml` has it.
    pub planned: Vec<PlannedWork>,
    /// How much of the time a class must work, by its name; one that is not named must be in working order, without a number.
    pub availability: BTreeMap<String, AvailabilityTarget>,
    /// When public lighting should be lit; none: while it is commanded on.
    pub lighting: Option<LightingSchedule>,
}

/// How much of the time a class must work.
#[derive(Clone, Debug, PartialEq)]
pub struct AvailabilityTarget {
    /// In percent of the time.
    pub target_percent: f64,
    /// The sentence of the published standard, or of the site's own contract, that it comes from; may be empty.
    pub quote: String,
}

/// Recurring work that the site has planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedWork {
    /// Its own id: `water-tanks`, …
    pub id: String,
    /// What is to be done.
    pub what: Text,
    /// On which device, if it is one's.
    pub device: Option<String>,
    /// How often.
    pub every: Every,
    /// The first day that it is due.
    pub first_due: Date,
    /// So many days before it is due its ticket opens; less than the time between two runs.
    pub lead_days: u16,
    /// What is to be ticked, in order; may be empty.
    pub checklist: Vec<Text>,
    /// What must be attached before it can be closed.
    pub evidence: Text,
    /// The sentence of the published standard that asks for it; empty for a site's own.
    pub quote: String,
}

/// How often planned work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Every {
    /// Every day.
    Day,
    /// Every seven days.
    Week,
    /// Every month, on the day of the first; on the month's last where it is shorter.
    Month,
    /// Every three months.
    Quarter,
    /// Every six months.
    HalfYear,
    /// Every twelve months.
    Year,
}

impl Every {
    /// All of them by the name that a file gives them.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("daily", Self::Day),
        ("weekly", Self::Week),
        ("monthly", Self::Month),
        ("quarterly", Self::Quarter),
        ("twice_a_year", Self::HalfYear),
        ("yearly", Self::Year),
    ];

    /// The time between two runs, `count` times over.
    pub fn times(self, count: i32) -> Span {
        match self {
            Self::Day => Span::new().days(count),
            Self::Week => Span::new().days(count.saturating_mul(7)),
            Self::Month => Span::new().months(count),
            Self::Quarter => Span::new().months(count.saturating_mul(3)),
            Self::HalfYear => Span::new().months(count.saturating_mul(6)),
            Self::Year => Span::new().months(count.saturating_mul(12)),
        }
    }

    /// The least days between two runs.
    pub fn least_days(self) -> u16 {
        match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 28,
            Self::Quarter => 89,
            Self::HalfYear => 181,
            Self::Year => 365,
        }
    }

    /// How long before its due day a run's ticket opens where the site does not say: in days.
    pub fn usual_lead_days(self) -> u16 {
        match self {
            Self::Day => 0,
            Self::Week => 2,
            Self::Month => 7,
            Self::Quarter => 14,
            Self::HalfYear | Self::Year => 30,
        }
    }
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
    /// `2026-11-30`: 24:00 of that day; only planned work is promised so, and no row of the standard can be.
    Day(Date),
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(count) => write!(formatter, "{count}s"),
            Self::Minutes(count) => write!(formatter, "{count}m"),
            Self::Hours(count) => write!(formatter, "{count}h"),
            Self::WorkingDays(count) => write!(formatter, "{count}wd"),
            Self::Day(day) => write!(formatter, "{day}"),
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
        match text.parse() {
            Ok(day) => Ok(Self::Day(day)),
            Err(_) => text.parse(),
        }
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
