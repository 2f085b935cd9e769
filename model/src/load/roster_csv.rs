//! What `roster.csv` has: who is on duty from when to when, on which days, and who stands in for whom.

use jiff::civil::{Date, Time};

use super::csv_lines::read_lines;
use super::lines::Line;
use super::names::{plain, said, shown};
use crate::{DutyDays, DutyShift, Fault};

/// The file's name.
pub(super) const FILE: &str = "roster.csv";

/// Every day the same: the short form.
const EVERY_DAY: &[&str] = &["person", "role", "phone", "from", "to"];
/// With days, dates and swaps.
const WITH_DAYS: &[&str] = &[
    "person", "role", "phone", "from", "to", "days", "first", "last", "replaces",
];

const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads the shifts that are right; all mistakes are told.
pub(super) fn read(text: &str) -> (Vec<DutyShift>, Vec<Fault>) {
    let header = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let is_short = header.split(',').count() <= EVERY_DAY.len();
    let columns = if is_short { EVERY_DAY } else { WITH_DAYS };
    let mut people = Vec::new();
    let mut replacing = Vec::new();
    let (shifts, mut faults) = read_lines(FILE, text, columns, |line| {
        people.push(line.text("person").to_owned());
        let shift = shift(line)?;
        if let Some(replaced) = &shift.replaces {
            replacing.push((replaced.clone(), line.place("replaces")));
        }
        Some(shift)
    });
    for (replaced, place) in replacing {
        if !people.contains(&replaced) {
            let text = format!("replaces: nobody in the roster is called `{}`", shown(&replaced));
            faults.push(Fault::new(place, text));
        }
    }
    (shifts, faults)
}

fn shift(line: &Line<'_>) -> Option<DutyShift> {
    let text = |column| line.parsed(column, |text| said(text).map(str::to_owned));
    let (person, role) = (text("person"), text("role"));
    let phone = line.parsed("phone", |text| plain(text).map(str::to_owned));
    let (from, to) = (line.parsed("from", time_of_day), line.parsed("to", time_of_day));
    let days = line.parsed("days", days);
    let (first, last) = (line.parsed("first", date), line.parsed("last", date));
    let (first, last) = (first?, last?);
    if let (Some(first), Some(last)) = (first, last)
        && last < first
    {
        line.fault("last", format!("{last} is before the first day, {first}"));
        return None;
    }
    let replaces = Some(line.text("replaces").to_owned()).filter(|name| !name.is_empty());
    if replaces.is_some() && (first.is_none() || last.is_none()) {
        line.fault("replaces", "a swap needs its `first` and its `last` day");
        return None;
    }
    Some(DutyShift {
        person: person?,
        role: role?,
        phone: phone?,
        from: from?,
        to: to?,
        days: days?,
        first,
        last,
        replaces,
        place: line.place("person"),
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

/// `mon-fri`, `sat`, `fri-mon`, several with spaces between; `workdays` or `holidays` by the site's calendar; empty: every day.
fn days(text: &str) -> Result<DutyDays, String> {
    match text {
        "" => return Ok(DutyDays::EVERY),
        "workdays" => return Ok(DutyDays::Workdays),
        "holidays" => return Ok(DutyDays::Holidays),
        _ => {}
    }
    let mut week = [false; 7];
    for part in text.split_whitespace() {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let position = |day: &str| WEEK.iter().position(|known| *known == day);
        let (Some(first), Some(last)) = (position(first), position(last)) else {
            return Err(format!(
                "`{}` is no day: write `mon-fri`, `sat`, `mon wed fri`, `workdays`, `holidays`, or nothing for every day",
                shown(part)
            ));
        };
        let length = (last + 7 - first) % 7;
        for (position, day) in week.iter_mut().enumerate() {
            *day |= (position + 7 - first) % 7 <= length;
        }
    }
    Ok(DutyDays::Week(week))
}

fn date(text: &str) -> Result<Option<Date>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("`{}` is no date: write `2026-10-01`", shown(text));
    text.parse().map(Some).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[&str]) {
        let text = format!("{}\n{line}\n", WITH_DAYS.join(","));
        let told: Vec<String> = read(&text).1.iter().map(ToString::to_string).collect();
        assert_eq!(told, expected, "{line}");
    }

    #[test]
    fn days_of_the_week_may_be_several_and_go_over_the_weekend() {
        let week = |text| match days(text) {
            Ok(DutyDays::Week(week)) => {
                let named = WEEK.iter().zip(week).filter(|(_, is_in)| *is_in);
                named.map(|(day, _)| *day).collect::<Vec<_>>().join(" ")
            }
            other => format!("{other:?}"),
        };
        assert_eq!(week("mon-fri"), "mon tue wed thu fri");
        assert_eq!(week("sat"), "sat");
        assert_eq!(week("fri-mon wed"), "mon wed fri sat sun");
        assert_eq!(week(""), "mon tue wed thu fri sat sun");
        assert_eq!(days("workdays"), Ok(DutyDays::Workdays));
        assert_eq!(days("holidays"), Ok(DutyDays::Holidays));
    }

    #[test]
    fn a_roster_that_says_every_day_may_be_as_short_as_it_always_was() {
        let (shifts, faults) = read("person,role,phone,from,to\n张,technician,,08:00,20:00\n");
        assert_eq!(faults, []);
        assert_eq!((shifts[0].days, shifts[0].first), (DutyDays::EVERY, None));
        assert_eq!(shifts[0].place.to_string(), "roster.csv:2:1");
    }

    #[test]
    fn what_is_wrong_with_days_dates_and_swaps_is_told_where_it_stands() {
        check("张,lead,,08:00,20:00,mon-fri,2026-01-01,2026-12-31,", &[]);
        check(
            "张,lead,,08:00,20:00,monday,,,",
            &[
                "roster.csv:2:21: days: `monday` is no day: write `mon-fri`, `sat`, `mon wed fri`, `workdays`, `holidays`, or nothing for every day",
            ],
        );
        check(
            "张,lead,,08:00,20:00,,2026-02-30,,",
            &["roster.csv:2:22: first: `2026-02-30` is no date: write `2026-10-01`"],
        );
        check(
            "张,lead,,08:00,20:00,,2026-02-02,2026-02-01,",
            &["roster.csv:2:33: last: 2026-02-01 is before the first day, 2026-02-02"],
        );
        check(
            "张,lead,,08:00,20:00,,,,张",
            &["roster.csv:2:24: replaces: a swap needs its `first` and its `last` day"],
        );
        check(
            "张,lead,,08:00,20:00,,2026-02-01,2026-02-01,李",
            &["roster.csv:2:44: replaces: nobody in the roster is called `李`"],
        );
    }
}
