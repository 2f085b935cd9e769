//! The month or quarter that a report is of, in the site's zone.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A calendar day, month or quarter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// `2026-11-24`
    Day(Date),
    /// `2026-11`
    Month {
        /// The year.
        year: i16,
        /// 1 to 12.
        month: i8,
    },
    /// `2026-Q4`
    Quarter {
        /// The year.
        year: i16,
        /// 1 to 4.
        quarter: i8,
    },
}

impl Period {
    /// The month that a moment falls in.
    pub fn month_of(at: Timestamp, timezone: &TimeZone) -> Self {
        let date = at.to_zoned_datetime(timezone.clone()).date();
        Self::Month {
            year: date.year(),
            month: date.month(),
        }
    }

    /// Its days, in order.
    pub fn days(self) -> Vec<Date> {
        let (first, months) = match self {
            Self::Day(day) => return vec![day],
            Self::Month { year, month } => (Date::new(year, month, 1), 1),
            Self::Quarter { year, quarter } => (Date::new(year, quarter * 3 - 2, 1), 3),
        };
        let Ok(first) = first else { return Vec::new() };
        let Ok(after) = first.checked_add(months.months()) else {
            return Vec::new();
        };
        first.series(1.day()).take_while(|day| *day < after).collect()
    }

    /// From its first moment up to, without, the first one after it.
    pub fn bounds(self, timezone: &TimeZone) -> (Timestamp, Timestamp) {
        let days = self.days();
        let (first, last) = (days.first().copied(), days.last().copied());
        let begin = |day: Option<Date>| day.and_then(|day| start_of(day, timezone));
        let after = last.and_then(|day| day.tomorrow().ok());
        (
            begin(first).unwrap_or(Timestamp::MIN),
            begin(after).unwrap_or(Timestamp::MAX),
        )
    }
}

/// The first moment of a day in a zone.
pub fn start_of(day: Date, timezone: &TimeZone) -> Option<Timestamp> {
    Some(day.to_zoned_datetime(timezone.clone()).ok()?.timestamp())
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(formatter, "{day}"),
            Self::Month { year, month } => write!(formatter, "{year:04}-{month:02}"),
            Self::Quarter { year, quarter } => write!(formatter, "{year:04}-Q{quarter}"),
        }
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).ok_or_else(|| {
            let right = "a day such as 2026-11-24, a month such as 2026-11 or a quarter such as 2026-Q4";
            format!("`{text}` is not {right}")
        })
    }
}

fn parse(text: &str) -> Option<Period> {
    let mut parts = text.split('-');
    let year: i16 = digits(parts.next()?, 4)?;
    if !(2000..=2200).contains(&year) {
        return None;
    }
    let part = parts.next()?;
    let period = match (part.strip_prefix('Q'), parts.next()) {
        (Some(quarter), None) => Period::Quarter {
            year,
            quarter: digits(quarter, 1).filter(|quarter| (1..=4).contains(quarter))?,
        },
        (None, None) => Period::Month {
            year,
            month: digits(part, 2).filter(|month| (1..=12).contains(month))?,
        },
        (None, Some(day)) => Period::Day(Date::new(year, digits(part, 2)?, digits(day, 2)?).ok()?),
        (Some(_), Some(_)) => return None,
    };
    parts.next().is_none().then_some(period)
}

/// A number of exactly so many digits.
fn digits<T: FromStr>(text: &str, count: usize) -> Option<T> {
    let whole = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    whole.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_reads_back_as_it_was_written_and_nothing_else_is_one() {
        for text in ["2026-01", "2026-12", "2026-Q1", "2026-Q4", "2028-02-29"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-0",
            "2026-1",
            "2026-Q5",
            "2026-Q",
            "1999-01",
            "26-01",
            "2026-+1",
            "2026-02-29",
            "2026-Q1-01",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_month_begins_and_ends_at_midnight_in_the_sites_zone() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let (from, to) = "2026-12".parse::<Period>().unwrap().bounds(&zone);
        assert_eq!(from.to_string(), "2026-11-30T16:00:00Z");
        assert_eq!(to.to_string(), "2026-12-31T16:00:00Z");
    }

    #[test]
    fn a_quarter_has_its_three_months() {
        assert_eq!("2026-Q1".parse::<Period>().unwrap().days().len(), 90);
        assert_eq!("2028-Q1".parse::<Period>().unwrap().days().len(), 91);
    }
}
