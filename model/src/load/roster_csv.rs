//! What `roster.csv` has: who is on duty from when to when, every day.

use jiff::civil::Time;

use super::csv_lines::{Line, read_lines};
use super::names::{plain, said, shown};
use crate::{DutyShift, Fault};

/// The file's name.
pub(super) const FILE: &str = "roster.csv";

const COLUMNS: &[&str] = &["person", "role", "phone", "from", "to"];

/// Reads the shifts that are right; all mistakes are told.
pub(super) fn read(text: &str) -> (Vec<DutyShift>, Vec<Fault>) {
    read_lines(FILE, text, COLUMNS, shift)
}

fn shift(line: &Line<'_, '_>) -> Option<DutyShift> {
    let text = |column| line.parsed(column, |text| said(text).map(str::to_owned));
    let (person, role) = (text("person"), text("role"));
    let phone = line.parsed("phone", |text| plain(text).map(str::to_owned));
    let (from, to) = (line.parsed("from", time_of_day), line.parsed("to", time_of_day));
    Some(DutyShift {
        person: person?,
        role: role?,
        phone: phone?,
        from: from?,
        to: to?,
    })
}

fn time_of_day(text: &str) -> Result<Time, String> {
    let wrong = || {
        format!(
            "`{}` is no time of day: write `08:00`, or `00:00` for midnight",
            shown(text)
        )
    };
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let two_digits = |part: &str| part.parse::<i8>().ok().filter(|_| part.len() == 2);
    let (hour, minute) = (
        two_digits(hour).ok_or_else(wrong)?,
        two_digits(minute).ok_or_else(wrong)?,
    );
    Time::new(hour, minute, 0, 0).map_err(|_| wrong())
}
