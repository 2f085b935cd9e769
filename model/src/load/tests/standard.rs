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

#[test]
fn a_site_asks_for_more_or_less_of_a_class_and_for_a_number_where_the_standard_has_none() {
    let text = "[availability.lighting]\ntarget_percent = 98\n[availability.elevator]\ntarget_percent = 99.5\nquote = \"合同\"\n";
    let loading = load(&changed(FILE, "", text), []);
    assert_eq!(told(&loading), Vec::<String>::new());
    let targets = &loading.site.standard.availability;
    let percent = |class: &str| targets.get(class).map(|target| target.target_percent);
    assert_eq!(
        [
            percent("fire_water"),
            percent("lighting"),
            percent("elevator"),
            percent("power")
        ],
        [Some(100.0), Some(98.0), Some(99.5), None]
    );
    assert_eq!(targets["lighting"].quote, "小区路面保证99%正常照明");
    assert_eq!(targets["elevator"].quote, "合同");

    check(
        FILE,
        "",
        "[availability.ligthing]\ntarget_percent = 98\n[availability.power]\ntarget_percent = 101\n[availability.elevator]\npercent = 99\n",
        &[
            "standard.toml:1:15: no profile has the class `ligthing`; did you mean `lighting`?",
            "standard.toml:4:18: `availability.power.target_percent`: write percent of the time, above 0 and up to 100, such as 99.5",
            "standard.toml:5:1: `availability.elevator.target_percent` is missing: write percent of the time, above 0 and up to 100, such as 99.5",
            "standard.toml:6:1: unknown key `availability.elevator.percent`; known here: covers, quote, target_percent",
        ],
    );
}

#[test]
fn a_site_says_when_its_lamps_should_be_lit_by_the_sun_or_by_the_clock() {
    let schedule = |text: &str| {
        let loading = load(&changed(FILE, "", text), []);
        assert_eq!(told(&loading), Vec::<String>::new());
        loading.site.standard.lighting.unwrap()
    };
    let clock = schedule("[lighting]\nfrom = \"18:30\"\nto = \"06:00\"\n");
    assert_eq!(
        clock.from,
        crate::LightingMoment::Clock(jiff::civil::time(18, 30, 0, 0))
    );
    let sun = schedule(
        "[lighting]\nfrom = \"sunset-10m\"\nto = \"sunrise\"\nlatitude = 31.23\nlongitude = 121.47\n",
    );
    let place = crate::Coordinates {
        latitude_degrees: 31.23,
        longitude_degrees: 121.47,
    };
    let ten = jiff::SignedDuration::from_mins(-10);
    assert_eq!(sun.from, crate::LightingMoment::Sunset(place, ten));

    check(
        FILE,
        "",
        "[lighting]\nfrom = \"sunset+15\"\nto = \"6:00\"\nlatitude = 70\n",
        &[
            "standard.toml:2:8: `lighting.from`: `15` is not a span of time: write a whole number with ms, s, m or h, such as `500ms` or `1s`",
            "standard.toml:3:6: `lighting.to`: `6:00` is no moment of the day: write `sunset`, `sunrise`, `sunset+15m` or a time such as `18:30`",
            "standard.toml:4:12: `lighting.latitude`: write degrees from -65 to 65",
        ],
    );
    check(
        FILE,
        "",
        "[lighting]\nfrom = \"sunset\"\nto = \"22:00\"\n",
        &[
            "standard.toml:1:1: `lighting.latitude` is missing: write degrees from -65 to 65, since the sun is seen from there",
            "standard.toml:1:1: `lighting.longitude` is missing: write degrees from -180 to 180, since the sun is seen from there",
        ],
    );
    check(
        FILE,
        "",
        "[lighting]\nfrom = \"18:00\"\nto = \"18:00\"\n",
        &[
            "standard.toml:3:6: `lighting.to`: it is the same moment as `from`: lamps would be lit all day or never",
        ],
    );
}
