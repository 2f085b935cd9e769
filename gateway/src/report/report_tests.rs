//! A whole report: every figure once, with its tickets, in every format.

use super::testing::{acts, at, opened, site};
use super::*;
use crate::tickets::{Action, Told, Witness};

/// November of a site with one fire main: one ticket in time, one late, one that waited for parts, one on a person's word.
fn report() -> Report {
    let mut met = opened(1, 0);
    acts(&mut met, Action::Arrive, "Li", Witness::Active, 600);
    met.returned_to_normal(at(900));
    let mut late = opened(2, 10_000);
    acts(&mut late, Action::Accept, "Wang", Witness::Active, 10_100);
    acts(&mut late, Action::Arrive, "Wang", Witness::Active, 12_000);
    let mut waited = opened(3, 20_000);
    acts(&mut waited, Action::Arrive, "Li", Witness::Active, 20_100);
    let wait = Action::Wait {
        parts: "<seal>".into(),
        told: Told {
            whom: "owners".into(),
            what: "a day".into(),
            at: at(20_200),
        },
    };
    acts(&mut waited, wait, "Li", Witness::Active, 20_200);
    acts(&mut waited, Action::Resume, "Li", Witness::Active, 30_200);
    waited.returned_to_normal(at(30_300));
    let mut word = opened(4, 40_000);
    acts(&mut word, Action::Arrive, "Li", Witness::Active, 40_100);
    let reason = Some("the gauge is right".to_owned());
    acts(
        &mut word,
        Action::Resolve { reason },
        "Li",
        Witness::Active,
        40_200,
    );
    let site = site();
    let calendar = WorkCalendar::new(site.standard.calendar.clone(), site.timezone.clone());
    let evidence = Evidence {
        tickets: vec![met, late, waited, word],
        runs: vec![(at(0), at(86_400))],
        watched: BTreeSet::from(["fire-main-1".to_owned()]),
        ..Evidence::default()
    };
    let period = "2026-11".parse().unwrap();
    Report::of(&site, &calendar, period, &evidence, at(86_400))
}

#[test]
fn every_deadline_is_counted_once_in_each_table() {
    let deadlines = report().deadlines;
    let counts = |tally: &Tally| {
        [
            tally.met.count,
            tally.met_after_pause.count,
            tally.on_word.count,
            tally.missed.count,
            tally.closed.count,
            tally.running.count,
        ]
    };
    assert_eq!(counts(&deadlines.all), [4, 1, 1, 2, 0, 0]);
    assert_eq!(deadlines.all.kept_percent, Some(500.0 / 7.0));
    for groups in [
        &deadlines.by_clock,
        &deadlines.by_class,
        &deadlines.by_building,
        &deadlines.by_person,
    ] {
        let mut sum = [0; 6];
        for group in groups {
            for (sum, count) in sum.iter_mut().zip(counts(&group.tally)) {
                *sum += count;
            }
        }
        assert_eq!(sum, counts(&deadlines.all));
    }
    let people: Vec<_> = deadlines
        .by_person
        .iter()
        .map(|group| group.key.as_str())
        .collect();
    assert_eq!(people, ["Li", "Wang"]);
}

#[test]
fn what_is_not_simply_kept_is_listed_with_its_reason() {
    let report = report();
    assert_eq!(report.missed.len(), 2);
    assert!(
        report
            .missed
            .iter()
            .all(|missed| missed.ticket == "T-2026-000002")
    );
    assert_eq!(report.missed[0].person.as_deref(), Some("Wang"));
    assert_eq!(report.missed[0].late_hours, 200.0 / 3600.0);
    assert_eq!(report.paused.len(), 1);
    assert_eq!(report.paused[0].hours, 10_000.0 / 3600.0);
    let notice = report.paused[0].notice.clone().unwrap();
    assert!(
        notice.starts_with("<seal>; told owners at ") && notice.ends_with(": a day"),
        "{notice}"
    );
    assert_eq!(report.on_word[0].reason.as_deref(), Some("the gauge is right"));
}

#[test]
fn every_ticket_behind_a_figure_is_on_the_page_and_in_the_table() {
    let report = report();
    let (page, table) = (html(&report), csv(&report));
    assert_eq!(tickets_of(&report).len(), 4);
    for ticket in tickets_of(&report) {
        assert!(page.contains(ticket) && table.contains(ticket), "{ticket}");
    }
    assert!(page.contains("&lt;seal&gt;") && !page.contains("<seal>"));
    assert!(
        !page.contains("src=") && !page.contains("href="),
        "the page needs nothing from elsewhere"
    );
    assert!(table.lines().all(|line| line.matches(',').count() >= 6));
}

#[test]
fn a_month_that_is_not_over_is_reported_as_far_as_it_has_passed() {
    let report = report();
    assert!(!report.complete);
    let fire_water = &report.availability[0];
    let durations = &fire_water.durations;
    let passed = durations.available_hours + durations.unavailable_hours + durations.unknown_hours;
    assert_eq!(passed, 19.0 * 24.0);
    assert_eq!(fire_water.verdict, Some("not_proven"));
    assert_eq!(durations.available_hours, 24.0);
}

#[test]
fn what_meters_counted_is_on_the_page_and_in_the_table_and_one_that_was_not_read_has_no_number() {
    let site = model::load(&model::Folder::demo(), []).site;
    let calendar = WorkCalendar::new(site.standard.calendar.clone(), site.timezone.clone());
    let evidence = Evidence {
        meters: vec![crate::meters::MeterDay {
            device: "cabinet-01".into(),
            point: "energy".into(),
            day: jiff::civil::date(2026, 11, 20),
            counted: 123.45,
            first: (1_000.0, at(0)),
            last: (1_123.45, at(86_400)),
            resets: 2,
        }],
        ..Evidence::default()
    };
    let report = Report::of(
        &site,
        &calendar,
        "2026-11".parse().unwrap(),
        &evidence,
        at(86_400),
    );
    let (page, table) = (html(&report), csv(&report));
    let name = &site.device_by_id("cabinet-01").unwrap().1.name;
    for line in [
        format!("meters,cabinet-01.energy,{name},energy,123.4500,kWh,"),
        format!("meters,cabinet-01.energy,{name},resets,2,,"),
        "meters_by_day,cabinet-01.energy,2026-11-20,energy,123.4500,kWh,".to_owned(),
    ] {
        assert!(table.contains(&line), "{line}");
    }
    assert!(page.contains("123.5") || page.contains("123.4"));
    assert!(page.contains("not read") && table.contains("meters,cabinet-02.energy,"));
    let other = report
        .meters
        .iter()
        .find(|meter| meter.device == "cabinet-02")
        .unwrap();
    assert_eq!(other.total, None);
}
