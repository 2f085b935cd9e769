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
mod period;
mod places;
mod repairs;
mod stretches;
mod subsystems;
mod targets;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use model::Site;
use serde::Serialize;
use utoipa::ToSchema;

pub use csv::csv;
pub use deadlines::{Tally, holder};
pub use evidence::Evidence;
pub use figure::{Figure, Mean};
pub use html::{escaped, html};
pub use period::Period;
pub use repairs::Repairs;
pub use subsystems::{DayView, DeviceAvailability, DurationsView, OutageView, Subsystem};

use self::deadlines::{ClockRun, Outcome, clock_runs, tallies};
use self::places::Places;
use self::repairs::{Failure, failures, grouped};
use self::subsystems::{Seen, subsystems};
use self::targets::Targets;
use crate::tickets::{Step, StoppedBy, Ticket, WorkCalendar};
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

/// A deadline that ran out.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct MissedClock {
    /// The ticket.
    pub ticket: String,
    /// What it is about.
    pub summary: TextView,
    /// Its row of the standard.
    pub standard: String,
    /// `respond`, `arrive` or `resolve`.
    pub clock: &'static str,
    /// What was promised.
    pub target: String,
    /// By when.
    pub due: String,
    /// When it stopped; null while it is overdue.
    pub stopped_at: Option<String>,
    /// How late, up to now while it is overdue.
    pub late_hours: f64,
    /// Who had the ticket when it ran out; null if nobody.
    pub person: Option<String>,
}

/// A clock that waited for parts.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PausedClock {
    /// The ticket.
    pub ticket: String,
    /// Which clock.
    pub clock: &'static str,
    /// From when.
    pub from: String,
    /// Until when; null while it waits.
    pub to: Option<String>,
    /// How long, up to now while it waits.
    pub hours: f64,
    /// Who put it to wait.
    pub by: Option<String>,
    /// Which parts, and what was told to whom and when.
    pub notice: Option<String>,
}

/// A clock that stopped on a person's word, while the telemetry did not show it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct WordStop {
    /// The ticket.
    pub ticket: String,
    /// Which clock.
    pub clock: &'static str,
    /// When.
    pub at: String,
    /// Whose word.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// Whether it was in time.
    pub in_time: bool,
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
        let targets = Targets::bundled();
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

fn missed(runs: &[ClockRun<'_>], calendar: &WorkCalendar, now: Timestamp) -> Vec<MissedClock> {
    let zone = calendar.timezone();
    let runs = runs.iter().filter(|run| run.outcome == Outcome::Missed);
    let mut missed: Vec<_> = runs
        .map(|run| {
            let stopped_at = run.stand.stopped.as_ref().map(|(at, _)| *at);
            MissedClock {
                ticket: run.ticket.id.clone(),
                summary: (&run.ticket.summary).into(),
                standard: run.ticket.standard.clone(),
                clock: run.kind.name(),
                target: run.stand.target.to_string(),
                due: rfc3339(run.stand.due, zone),
                late_hours: hours(stopped_at.unwrap_or(now).duration_since(run.stand.due)),
                stopped_at: stopped_at.map(|at| rfc3339(at, zone)),
                person: run.person.clone(),
            }
        })
        .collect();
    missed.sort_by(|left, right| (&left.due, &left.ticket).cmp(&(&right.due, &right.ticket)));
    missed
}

fn paused(runs: &[ClockRun<'_>], calendar: &WorkCalendar, now: Timestamp) -> Vec<PausedClock> {
    let zone = calendar.timezone();
    let mut paused = Vec::new();
    for run in runs {
        for (from, to) in &run.pauses {
            let step = run
                .ticket
                .steps
                .iter()
                .find(|step| step.what == "waiting" && step.at == *from);
            paused.push(PausedClock {
                ticket: run.ticket.id.clone(),
                clock: run.kind.name(),
                from: rfc3339(*from, zone),
                to: to.map(|to| rfc3339(to, zone)),
                hours: hours(to.unwrap_or(now).duration_since(*from)),
                by: step.map(|step| step.by.clone()),
                notice: step.map(|step| notice_of(run.ticket, step, zone)),
            });
        }
    }
    paused
}

fn on_word(runs: &[ClockRun<'_>], calendar: &WorkCalendar) -> Vec<WordStop> {
    let stops = runs.iter().filter_map(|run| {
        let Some((at, StoppedBy::Word(by))) = &run.stand.stopped else {
            return None;
        };
        let resolved = run
            .ticket
            .steps
            .iter()
            .find(|step| step.what == "resolved" && step.at == *at);
        Some(WordStop {
            ticket: run.ticket.id.clone(),
            clock: run.kind.name(),
            at: rfc3339(*at, calendar.timezone()),
            by: by.clone(),
            reason: resolved.and_then(|step| step.note.clone()),
            in_time: run.outcome == Outcome::OnWord,
        })
    });
    stops.collect()
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

/// What a pause waits for, and what was told to whom of it. On a ticket that somebody reported it names people, and a report goes to
/// people outside: there only that they were told, and when.
fn notice_of(ticket: &Ticket, step: &Step, zone: &TimeZone) -> String {
    let parts = step.note.clone().unwrap_or_default();
    match &step.told {
        Some(told) if ticket.reporter.is_some() => {
            format!("{parts}; told the reporter at {}", rfc3339(told.at, zone))
        }
        Some(told) => format!(
            "{parts}; told {} at {}: {}",
            told.whom,
            rfc3339(told.at, zone),
            told.what
        ),
        None => parts,
    }
}

#[cfg(test)]
mod tests {
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
}
