//! What comes with the gateway is right: the profiles, the service standard, and the demo site.

use std::collections::BTreeSet;

use super::*;
use crate::load::document::read_document;
use crate::load::table::Table;
use crate::{DayKind, Target};

const CLASSES: [&str; 8] = [
    "drainage",
    "elevator",
    "fire_water",
    "lighting",
    "lightning",
    "low_current",
    "power",
    "water_supply",
];

#[test]
fn the_demo_site_is_right_and_as_large_as_it_should_be() {
    let loading = load(&Folder::demo(), []);
    assert_eq!(told(&loading), Vec::<String>::new());
    let site = loading.site;
    let classes: BTreeSet<&str> = site
        .devices
        .values()
        .map(|device| device.profile.class.as_str())
        .collect();
    assert!(site.devices.len() >= 60, "{} devices", site.devices.len());
    assert!(site.point_count() >= 800, "{} points", site.point_count());
    assert_eq!(classes, BTreeSet::from(CLASSES));
}

#[test]
fn no_bundled_file_has_a_mistake() {
    let faults = load(&small_site(), []).faults;
    assert_eq!(faults, []);
    let profiles = crate::bundled_profiles();
    assert!(profiles.len() >= 8);
}

#[test]
fn every_fire_water_profile_has_the_pressure_of_its_main() {
    let site = load(&small_site(), []).site;
    let fire_water: Vec<_> = site
        .profiles
        .values()
        .filter(|profile| profile.class.as_str() == "fire_water")
        .collect();
    assert!(!fire_water.is_empty());
    for profile in fire_water {
        let (_, point) = profile
            .point("main_pressure")
            .unwrap_or_else(|| panic!("{} has none", profile.id));
        assert_eq!(point.unit, "MPa");
    }
}

#[test]
fn the_bundled_deadlines_are_the_published_standards() {
    let standard = load(&small_site(), []).site.standard;
    let rows: Vec<_> = standard
        .deadlines
        .values()
        .map(|row| {
            let written =
                |target: Option<Target>| target.map_or("–".to_owned(), |target| target.to_string());
            format!(
                "{} {} {} {}",
                row.id,
                written(row.respond),
                written(row.arrive),
                written(row.resolve)
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            "complaint 4h 1h 8h",
            "complaint-severe 4h 1h 5wd",
            "drainage – 30m –",
            "elevator – – 30m",
            "elevator-entrapment – 30m 30m",
            "fire-water – 30m 30m",
            "general-fault 4h – –",
            "lighting – – 8h",
            "lighting-complex – – 48h",
            "power – – 30m",
            "repair-report 4h – –",
            "urgent-repair – 30m –",
            "water-supply – – 30m",
        ]
    );
    for row in standard.deadlines.values() {
        assert!(!row.quote.is_empty(), "{} has no source", row.id);
    }
}

#[test]
fn the_year_2026_has_248_working_days() {
    let calendar = load(&small_site(), []).site.standard.calendar;
    assert_eq!(calendar.years, [2026]);
    let first = jiff::civil::date(2026, 1, 1);
    let working = first
        .series(jiff::Span::new().days(1))
        .take_while(|day| day.year() == 2026)
        .filter(|day| match calendar.days.get(day) {
            Some(kind) => *kind == DayKind::Working,
            None => day.weekday().to_monday_one_offset() <= 5,
        });
    assert_eq!(working.count(), 248);
}

#[test]
fn the_bundled_availability_targets_are_the_published_standards() {
    let files = crate::bundled_standard();
    let file = files
        .iter()
        .find(|file| file.path == "availability.toml")
        .unwrap();
    let (targets, faults) = read_document(&file.path, &file.text, &Overrides::default(), |root| {
        root.table("working_order", |row| {
            (row.bilingual("covers"), row.string("quote"))
        });
        let targets = root.table("availability", |table| {
            let target = |class| {
                let read = |row: &Table<'_>| {
                    row.bilingual("covers");
                    let quote = row.string("quote").map_or("", |quote| quote.value).to_owned();
                    (row.number("target_percent").map(|target| target.value), quote)
                };
                table.table(class, read)
            };
            [target("fire_water"), target("lighting")]
        });
        targets.unwrap()
    });
    assert_eq!(faults, []);
    let row = |percent, quote: &str| Some((Some(percent), quote.to_owned()));
    assert_eq!(
        targets,
        [
            row(100.0, "消防供水 100%正常运作"),
            row(99.0, "小区路面保证99%正常照明")
        ]
    );
}

#[test]
fn the_eight_classes_have_their_names_in_both_languages() {
    let files = crate::bundled_standard();
    let file = files.iter().find(|file| file.path == "classes.toml").unwrap();
    let (named, faults) = read_document(&file.path, &file.text, &Overrides::default(), |root| {
        let name = |table: &Table<'_>, class| table.table(class, |class| class.bilingual("name").is_some());
        root.table("classes", |table| CLASSES.map(|class| name(table, class)))
    });
    assert_eq!(faults, []);
    assert_eq!(named, Some([Some(true); 8]));
}

/// Monthly totals are of these; a volume in a tank goes up and down and is no meter.
#[test]
fn whatever_counts_energy_or_water_in_a_bundled_profile_is_a_meter() {
    for profile in load(&Folder::demo(), []).site.profiles.values() {
        for point in &profile.points {
            let counts = point.unit == "kWh" || point.name == "water_total";
            assert_eq!(point.meter.is_some(), counts, "{} of {}", point.name, profile.id);
        }
    }
}
