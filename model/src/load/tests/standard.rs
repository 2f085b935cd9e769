//! What is told of a `standard.toml`, and what it changes.

use super::*;
use crate::{DayKind, Target};

const FILE: &str = "standard.toml";

#[test]
fn a_site_changes_one_clock_and_keeps_the_others() {
    let loading = load(
        &changed(FILE, "", "[deadlines.fire-water]\narrive = \"3s\"\n"),
        [],
    );
    assert_eq!(told(&loading), Vec::<String>::new());
    let row = &loading.site.standard.deadlines["fire-water"];
    assert_eq!(
        (row.respond, row.arrive, row.resolve),
        (None, Some(Target::Seconds(3)), Some(Target::Minutes(30)))
    );
    assert_eq!(row.class.as_ref().map(crate::Class::as_str), Some("fire_water"));
    assert!(row.quote.contains("急修应在30分钟内到达现场"));
}

#[test]
fn a_site_adds_a_row_of_its_own() {
    let text = "[deadlines.fire-water-2]\ncovers = { zh = \"二\", en = \"Second\" }\nrespond = \"1wd\"\n";
    let loading = load(&changed(FILE, "", text), []);
    assert_eq!(told(&loading), Vec::<String>::new());
    assert_eq!(
        loading.site.standard.deadlines["fire-water-2"].respond,
        Some(Target::WorkingDays(1))
    );

    check(
        FILE,
        "",
        "[deadlines.pool]\nquote = \"\"\n",
        &[
            "standard.toml:1:1: `deadlines.pool.covers` is missing: write `{ zh = \"…\", en = \"…\" }`: a new row says what it covers",
            "standard.toml:1:1: row `pool` has no clock: write at least one of respond, arrive, resolve",
        ],
    );
}

#[test]
fn a_row_that_is_a_slip_is_answered_with_the_one_that_was_meant() {
    check(
        FILE,
        "",
        "[deadlines.fire-wter]\narrive = \"3s\"\n",
        &["standard.toml:1:12: the standard has no row `fire-wter`; did you mean `fire-water`?"],
    );
    check(
        FILE,
        "",
        "[deadlines.fire-water]\narive = \"3s\"\nresolve = \"1d\"\n",
        &[
            "standard.toml:2:1: unknown key `deadlines.fire-water.arive`; did you mean `arrive`?",
            "standard.toml:3:11: `deadlines.fire-water.resolve`: `1d` is not a target: write a whole number above zero with s, m, h or wd, such as `30m`",
        ],
    );
}

#[test]
fn a_site_names_days_of_its_own() {
    let text = "[[calendar.off]]\nfrom = \"2027-02-05\"\nto = \"2027-02-06\"\n[[calendar.make_up]]\ndate = \"2027-02-07\"\n";
    let loading = load(&changed(FILE, "", text), []);
    assert_eq!(told(&loading), Vec::<String>::new());
    let day = |day: &str| {
        loading
            .site
            .standard
            .calendar
            .days
            .get(&day.parse().unwrap())
            .copied()
    };
    assert_eq!(
        [
            day("2027-02-04"),
            day("2027-02-05"),
            day("2027-02-06"),
            day("2027-02-07")
        ],
        [
            None,
            Some(DayKind::Off),
            Some(DayKind::Off),
            Some(DayKind::Working)
        ]
    );
    check(
        FILE,
        "",
        "[[calendar.off]]\nfrom = \"2027-02-05\"\nto = \"2072-02-06\"\n[[calendar.make_up]]\ndate = \"7.2.2027\"\n",
        &[
            "standard.toml:1:1: from 2027-02-05 to 2072-02-06 is not 1 to 62 days",
            "standard.toml:5:8: `calendar.make_up.date`: `7.2.2027` is no date: write `2026-10-01`",
        ],
    );
}

#[test]
fn a_site_can_load_a_year_of_its_own() {
    let own = "[calendar]\nyears = [2027]\noff = [{ name = { zh = \"元旦\", en = \"New Year\" }, from = \"2027-01-01\", to = \"2027-01-03\" }]\n";
    let mut folder = small_site();
    folder.set_text("standard.toml", own);
    let loading = load(&folder, []);
    assert_eq!(told(&loading), Vec::<String>::new());
    let calendar = loading.site.standard.calendar;
    assert_eq!(calendar.years, [2026, 2027]);
    assert!(calendar.days.contains_key(&jiff::civil::date(2027, 1, 3)));
    folder.set_text("standard.toml", "[calendar]\nyears = [\"2027\"]\n");
    assert_eq!(
        told(&load(&folder, [])),
        ["standard.toml:2:10: `calendar.years`: write years as whole numbers: `years = [2027]`"]
    );
}

#[test]
fn the_row_of_planned_work_is_nobody_elses() {
    let mut folder = small_site();
    let own = "[deadlines.planned]\ncovers = { zh = \"计划\", en = \"Plan\" }\nresolve = \"8h\"\n";
    folder.set_text("standard.toml", own);
    assert_eq!(
        told(&load(&folder, [])),
        [
            "standard.toml:1:12: `planned` is the row of planned work, whose deadline is its day: see planned.toml"
        ]
    );
}
