//! The service report: what was promised for a month or a quarter, and what was kept of it.
//!
//! All of it is pure: [`Evidence`] is what was stored, and [`Report::of`] works every figure out of it, each with the tickets behind
//! it. [`availability`] and [`stretches`] reckon with time, [`deadlines`] with clocks, [`repairs`] with failures; `html` and `csv`
//! show the same report to people.

pub mod availability;
mod csv;
mod deadlines;
mod evidence;
mod figure;
mod html;
mod lists;
mod lit;
mod meters;
mod period;
mod places;
mod repairs;
#[cfg(test)]
mod report_tests;
mod stretches;
mod subsystems;
mod targets;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use model::Site;
use serde::Serialize;
use utoipa::ToSchema;

pub use csv::csv;
pub use deadlines::{Tally, holder};
pub use evidence::Evidence;
pub use figure::{Figure, Mean};
pub use html::{escaped, html};
pub use lists::{MissedClock, PausedClock, WordStop};
pub use meters::{MeterDayView, MeterTotal};
pub use period::Period;
pub use repairs::Repairs;
pub use subsystems::{DayView, DeviceAvailability, DurationsView, OutageView, Subsystem};

use self::deadlines::{ClockRun, Outcome, clock_runs, tallies};
use self::lists::{missed, on_word, paused};
use self::places::Places;
use self::repairs::{Failure, failures, grouped};
use self::subsystems::{Seen, subsystems};
use self::targets::Targets;
use crate::tickets::WorkCalendar;
use crate::view::{TextView, rfc3339};

/// So many devices are named as the worst.
const WORST: usize = 10;

/// A service report.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Report {
    /// The site's id.
    pub site: String,
    /// What people call it.
    pub site_name: String,
    /// `2026-11-24`, `2026-11` or `2026-Q4`.
    pub period: String,
    /// Its first moment.
    pub from: String,
    /// The first moment after it.
    pub to: String,
    /// Whether the period is over.
    pub complete: bool,
    /// When the report was made.
    pub made_at: String,
    /// The head of the journal's chain then, against a cut-off end; null where there is no journal.
    pub journal_head: Option<String>,
    /// Every deadline that began in the period.
    pub deadlines: Deadlines,
    /// Planned work that was due in the period.
    pub planned: Planned,
    /// How much of the time each subsystem worked.
    pub availability: Vec<Subsystem>,
    /// How long repairs took.
    pub repairs: RepairsPart,
    /// The devices with the most failures, then the most time down.
    pub worst_devices: Vec<WorstDevice>,
    /// Deadlines that ran out.
    pub missed: Vec<MissedClock>,
    /// Clocks that waited for parts, with what was told to whom.
    pub paused: Vec<PausedClock>,
    /// Clocks that stopped on a person's word.
    pub on_word: Vec<WordStop>,
    /// What energy and water meters counted.
    pub meters: Vec<MeterTotal>,
}

/// Planned work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Planned {
    /// Done by its day.
    pub done: Figure,
    /// Not done by its day, whether it was done later or not.
    pub late: Figure,
    /// Not done, and its day has not passed.
    pub open: Figure,
    /// Runs that were missed before, and that these tickets make up for.
    pub made_up: Figure,
}

impl Planned {
    fn of(runs: &[ClockRun<'_>]) -> Self {
        let mut planned = Self::default();
        for run in runs {
            let figure = match run.outcome {
                Outcome::Missed => &mut planned.late,
                Outcome::Running => &mut planned.open,
                Outcome::Met | Outcome::MetAfterPause | Outcome::OnWord | Outcome::Closed => {
                    &mut planned.done
                }
            };
            figure.add(&run.ticket.id);
            let missed = run.ticket.planned.as_ref().map_or(0, |planned| planned.missed);
            (0..missed).for_each(|_| planned.made_up.add(&run.ticket.id));
        }
        planned
    }
}

/// Deadlines, counted several ways.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Deadlines {
    /// All of them.
    pub all: Tally,
    /// By promise: respond, arrive, resolve.
    pub by_clock: Vec<Group>,
    /// By class of equipment; an empty key has none.
    pub by_class: Vec<Group>,
    /// By building; an empty key has none.
    pub by_building: Vec<Group>,
    /// By person; an empty key is nobody: the ticket had not been taken.
    pub by_person: Vec<Group>,
}

/// The deadlines of one class, building or person.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Group {
    /// Which.
    pub key: String,
    /// What people call it.
    pub name: TextView,
    /// What became of them.
    #[serde(flatten)]
    pub tally: Tally,
}

/// Repairs, all together and by class.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RepairsPart {
    /// All of them.
    pub all: Repairs,
    /// By class.
    pub by_class: Vec<ClassRepairs>,
}

/// The repairs of one class.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ClassRepairs {
    /// Which; empty if none.
    pub class: String,
    /// What people call it.
    pub name: TextView,
    /// How long they took.
    #[serde(flatten)]
    pub repairs: Repairs,
}

/// A device that gave trouble.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct WorstDevice {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its building.
    pub building: String,
    /// Its failures.
    pub failures: Figure,
    /// Hours that it was down.
    pub unavailable_hours: f64,
    /// Hours that nobody knows of.
    pub unknown_hours: f64,
}

impl Report {
    /// Works a report out of what was stored. `now` is when it is made; a period that is not over is reported as far as it has passed.
    pub fn of(
        site: &Site,
        calendar: &WorkCalendar,
        period: Period,
        evidence: &Evidence,
        now: Timestamp,
    ) -> Self {
        let zone = &site.timezone;
        let bounds = period.bounds(zone);
        let places = Places::new(site);
        let targets = Targets::of(&site.standard);
        let runs = clock_runs(&evidence.tickets, bounds, &places, calendar, now);
        let (planned, runs): (Vec<_>, Vec<_>) = runs
            .into_iter()
            .partition(|run| run.ticket.standard == deadlines::PLANNED);
        let failures = failures(&evidence.tickets, bounds, &places);
        let watched: HashSet<&str> = evidence.watched.iter().map(String::as_str).collect();
        let seen = Seen {
            spans: &evidence.spans,
            looking: evidence.looking(now),
            watched,
        };
        let availability = subsystems(site, &targets, &seen, period, now);
        Self {
            site: site.id.clone(),
            site_name: site.name.clone(),
            period: period.to_string(),
            from: rfc3339(bounds.0, zone),
            to: rfc3339(bounds.1, zone),
            complete: bounds.1 <= now,
            made_at: rfc3339(now, zone),
            journal_head: evidence.journal_head.clone(),
            deadlines: Deadlines::of(&runs, &targets),
            planned: Planned::of(&planned),
            repairs: repairs_part(&failures, &availability, &targets),
            worst_devices: worst(&failures, &availability),
            missed: missed(&runs, calendar, now),
            paused: paused(&runs, calendar, now),
            on_word: on_word(&runs, calendar),
            meters: meters::totals(site, &evidence.meters),
            availability,
        }
    }
}

impl Deadlines {
    fn of(runs: &[ClockRun<'_>], targets: &Targets) -> Self {
        let plain = |key: &str, (zh, en): (&str, &str)| TextView {
            zh: if key.is_empty() { zh } else { key }.to_owned(),
            en: if key.is_empty() { en } else { key }.to_owned(),
        };
        let building = |key: &str| plain(key, ("不分楼栋", "No building"));
        let person = |key: &str| plain(key, ("无人接单", "Nobody"));
        let groups = |tallies: Vec<(String, Tally)>, name: &dyn Fn(&str) -> TextView| {
            let group = |(key, tally): (String, Tally)| Group {
                name: name(&key),
                key,
                tally,
            };
            tallies.into_iter().map(group).collect::<Vec<_>>()
        };
        Self {
            all: Tally::of(runs),
            by_clock: groups(tallies(runs, |run| run.kind.name().to_owned()), &clock_name),
            by_class: groups(tallies(runs, |run| run.place.class.clone()), &|class| {
                class_name(class, targets)
            }),
            by_building: groups(tallies(runs, |run| run.place.building.clone()), &building),
            by_person: groups(
                tallies(runs, |run| run.person.clone().unwrap_or_default()),
                &person,
            ),
        }
    }
}

fn clock_name(clock: &str) -> TextView {
    let (zh, en) = match clock {
        "respond" => ("响应", "Respond"),
        "arrive" => ("到场", "Arrive"),
        _ => ("修复", "Resolve"),
    };
    TextView {
        zh: zh.to_owned(),
        en: en.to_owned(),
    }
}

fn class_name(class: &str, targets: &Targets) -> TextView {
    if class == places::NONE {
        return TextView {
            zh: "其他".to_owned(),
            en: "Other".to_owned(),
        };
    }
    targets.name(class)
}

fn repairs_part(failures: &[Failure<'_>], availability: &[Subsystem], targets: &Targets) -> RepairsPart {
    let hours_of: HashMap<&str, f64> = availability
        .iter()
        .map(|subsystem| {
            let hours = subsystem
                .devices
                .iter()
                .map(|device| device.durations.available_hours);
            (subsystem.class.as_str(), hours.sum())
        })
        .collect();
    let all: Vec<_> = failures.iter().collect();
    let by_class = grouped(failures, |failure| failure.place.class.clone()).into_iter();
    RepairsPart {
        all: Repairs::of(&all, Some(hours_of.values().sum())),
        by_class: by_class
            .map(|(class, failures)| ClassRepairs {
                name: class_name(&class, targets),
                repairs: Repairs::of(&failures, hours_of.get(class.as_str()).copied()),
                class,
            })
            .collect(),
    }
}

fn worst(failures: &[Failure<'_>], availability: &[Subsystem]) -> Vec<WorstDevice> {
    let mut figures: HashMap<&str, Figure> = HashMap::new();
    for failure in failures {
        if let Some(device) = &failure.ticket.device {
            figures.entry(device).or_default().add(&failure.ticket.id);
        }
    }
    let devices = availability.iter().flat_map(|subsystem| &subsystem.devices);
    let mut worst: Vec<_> = devices
        .map(|device| WorstDevice {
            id: device.id.clone(),
            name: device.name.clone(),
            building: device.building.clone(),
            failures: figures.get(device.id.as_str()).cloned().unwrap_or_default(),
            unavailable_hours: device.durations.unavailable_hours,
            unknown_hours: device.durations.unknown_hours,
        })
        .filter(|device| device.failures.count > 0 || device.unavailable_hours > 0.0)
        .collect();
    worst.sort_by(|left, right| {
        let by_failures = right.failures.count.cmp(&left.failures.count);
        let by_hours = right.unavailable_hours.total_cmp(&left.unavailable_hours);
        by_failures.then(by_hours).then_with(|| left.id.cmp(&right.id))
    });
    worst.truncate(WORST);
    worst
}

/// Every ticket that a report names, for whoever follows its figures.
pub fn tickets_of(report: &Report) -> BTreeSet<&str> {
    let tally = &report.deadlines.all;
    let figures = [
        &tally.met,
        &tally.met_after_pause,
        &tally.on_word,
        &tally.missed,
        &tally.closed,
        &tally.running,
        &report.repairs.all.failures,
    ];
    figures
        .into_iter()
        .flat_map(|figure| figure.tickets.iter().map(String::as_str))
        .collect()
}

fn hours(duration: SignedDuration) -> f64 {
    duration.as_secs_f64() / 3600.0
}
