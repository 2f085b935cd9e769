//! What the service standard's files have: deadlines, availability and the calendar; then what a site's `standard.toml` changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

use super::availability_toml::{self, Known};
use super::document::read_document;
use super::environment::Overrides;
use super::lighting_toml;
use super::names::{check_id, check_name, shown};
use super::nearest::nearest;
use super::table::Table;
use crate::{BundledFile, Calendar, Class, DayKind, Deadlines, Fault, Standard, Target};

/// The file's name.
pub(super) const FILE: &str = "standard.toml";

/// The row that planned work's tickets have; nobody else's may.
const PLANNED: &str = "planned";

/// The longest stretch of days off, in days: a slip in a year would otherwise turn a century into holidays.
const LONGEST_STRETCH_DAYS: i32 = 62;

/// Reads the bundled standard. A fault in it is one of the program's own; tests keep it free of them.
pub(super) fn read_bundled(files: &[BundledFile]) -> (Standard, Vec<Fault>) {
    let mut standard = Standard::default();
    let mut faults = Vec::new();
    for file in files {
        let ((), found) = match file.path.as_str() {
            "deadlines.toml" => read_document(&file.path, &file.text, &Overrides::default(), |root| {
                let rows = root.table("deadlines", |table| rows(table, &BTreeMap::new()));
                standard.deadlines = rows.unwrap_or_default();
            }),
            availability_toml::FILE => {
                read_document(&file.path, &file.text, &Overrides::default(), |root| {
                    let targets = root.table("availability", |table| availability_toml::targets(table, None));
                    standard.availability = targets.unwrap_or_default();
                    // Said for people alone: what has no number must be in working order.
                    root.table("working_order", |table| {
                        table.bilingual("covers");
                        table.string("quote");
                    });
                })
            }
            path if path.starts_with("calendar/") => {
                read_document(path, &file.text, &Overrides::default(), |root| {
                    year(root, &mut standard.calendar);
                })
            }
            _ => continue,
        };
        faults.extend(found);
    }
    standard.calendar.years.sort_unstable();
    (standard, faults)
}

/// Reads a site's own file over the bundled standard; `classes` are those that the site's profiles have.
pub(super) fn read_own(
    text: &str,
    mut standard: Standard,
    classes: &BTreeSet<&str>,
) -> (Standard, Vec<Fault>) {
    let ((), faults) = read_document(FILE, text, &Overrides::default(), |root| {
        if let Some(own) = root.table("deadlines", |table| rows(table, &standard.deadlines)) {
            standard.deadlines.extend(own);
        }
        let known = Known {
            classes,
            targets: &standard.availability,
        };
        if let Some(own) = root.table("availability", |table| {
            availability_toml::targets(table, Some(&known))
        }) {
            standard.availability.extend(own);
        }
        standard.lighting = root.table("lighting", lighting_toml::schedule).flatten();
        root.table("calendar", |table| {
            own_years(table, &mut standard.calendar);
            named_days(table, &mut standard.calendar);
        });
    });
    (standard, faults)
}

fn rows(table: &Table<'_>, known: &BTreeMap<String, Deadlines>) -> BTreeMap<String, Deadlines> {
    let mut rows = BTreeMap::new();
    for id in table.own_keys() {
        if let Err(text) = check_id(id.value) {
            table.fault(id.spot, text);
        }
        if id.value == PLANNED {
            table.fault(
                id.spot,
                "`planned` is the row of planned work, whose deadline is its day: see planned.toml",
            );
        }
        let base = known.get(id.value);
        let near = nearest(id.value, known.keys().map(String::as_str)).filter(|_| base.is_none());
        let row = table.table(id.value, |row| {
            // A new row says what it covers; one that doesn't, and is called nearly like another, is a slip.
            let slip = near.filter(|_| !row.has("covers"));
            let base = base.or_else(|| known.get(slip?));
            if let Some(near) = slip {
                table.fault(
                    id.spot,
                    format!(
                        "the standard has no row `{}`; did you mean `{near}`?",
                        shown(id.value)
                    ),
                );
            }
            deadlines(row, id.value, base)
        });
        let row = row.flatten();
        rows.extend(row.map(|row| (id.value.to_owned(), row)));
    }
    rows
}

/// A row: what it says itself, and for the rest what `base` says; a new row must say what it covers and have a clock.
fn deadlines(row: &Table<'_>, id: &str, base: Option<&Deadlines>) -> Option<Deadlines> {
    let target = |key, of_base: fn(&Deadlines) -> Option<Target>| {
        let given = row.parsed(key, str::parse).map(|given| given.value);
        given.or_else(|| base.and_then(of_base))
    };
    let respond = target("respond", |base| base.respond);
    let arrive = target("arrive", |base| base.arrive);
    let resolve = target("resolve", |base| base.resolve);
    let covers = row.bilingual("covers").map(|given| given.value);
    let quote = row.string("quote").map(|given| given.value.to_owned());
    let class = row.parsed("class", |class| {
        check_name(class).map(|()| Class(Arc::from(class)))
    });
    if base.is_none() {
        row.needed(
            "covers",
            "`{ zh = \"…\", en = \"…\" }`: a new row says what it covers",
            covers.as_ref(),
        );
        if !["respond", "arrive", "resolve"]
            .into_iter()
            .any(|key| row.has(key))
        {
            let text = format!("row `{id}` has no clock: write at least one of respond, arrive, resolve");
            row.fault(row.spot(), text);
        }
    }
    Some(Deadlines {
        id: id.to_owned(),
        covers: covers.or_else(|| base.map(|base| base.covers.clone()))?,
        respond,
        arrive,
        resolve,
        quote: quote
            .or_else(|| base.map(|base| base.quote.clone()))
            .unwrap_or_default(),
        class: class
            .map(|given| given.value)
            .or_else(|| base.and_then(|base| base.class.clone())),
    })
}

/// A year's file: which year it is of, where it is from, and its days.
fn year(root: &Table<'_>, calendar: &mut Calendar) {
    let year = root.whole("year", 2_000..=2_200);
    let year = root.needed("year", "the year that these days are of", year);
    calendar
        .years
        .extend(year.and_then(|given| i16::try_from(given.value).ok()));
    root.string("source");
    named_days(root, calendar);
}

/// `years = [2027]`: the years that the site's own days complete. Without it a year counts as not loaded, whatever it names.
fn own_years(table: &Table<'_>, calendar: &mut Calendar) {
    let Some(given) = table.array("years") else { return };
    for item in given.value {
        let year = item.whole().filter(|year| (2_000..=2_200).contains(year));
        match year.and_then(|year| i16::try_from(year).ok()) {
            Some(year) if calendar.years.contains(&year) => {}
            Some(year) => calendar.years.push(year),
            None => table.fault_of(
                "years",
                item.spot,
                "write years as whole numbers: `years = [2027]`",
            ),
        }
    }
    calendar.years.sort_unstable();
}

/// `[[off]]` with `from` and `to`, both included, and `[[make_up]]` with `date`.
fn named_days(table: &Table<'_>, calendar: &mut Calendar) {
    for (from, to) in table.tables("off", stretch).into_iter().flatten() {
        let days = from
            .series(jiff::Span::new().days(1))
            .take_while(|day| *day <= to);
        calendar.days.extend(days.map(|day| (day, DayKind::Off)));
    }
    let make_ups = table.tables("make_up", |day| {
        day.bilingual("name");
        date(day, "date")
    });
    calendar
        .days
        .extend(make_ups.into_iter().flatten().map(|day| (day, DayKind::Working)));
}

/// The first and the last of a stretch of days off.
fn stretch(table: &Table<'_>) -> Option<(Date, Date)> {
    table.bilingual("name");
    let (from, to) = (date(table, "from"), date(table, "to"));
    let (from, to) = (from?, to?);
    let days = (to - from).get_days() + 1;
    if (1..=LONGEST_STRETCH_DAYS).contains(&days) {
        return Some((from, to));
    }
    let text = format!("from {from} to {to} is not 1 to {LONGEST_STRETCH_DAYS} days");
    table.fault(table.spot(), text);
    None
}

fn date(table: &Table<'_>, key: &str) -> Option<Date> {
    let given = table.parsed(key, |text| {
        text.parse::<Date>()
            .map_err(|_| format!("`{}` is no date: write `2026-10-01`", shown(text)))
    });
    table
        .needed(key, "a date, such as `2026-10-01`", given)
        .map(|given| given.value)
}
