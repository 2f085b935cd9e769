//! Prints the demo site's report of an invented month as HTML: for looking at the page, and for pictures of it.

use std::process::ExitCode;

use gateway::alarms::{ConditionOf, ConditionSpan, SpanKind};
use gateway::desk::counted_conditions;
use gateway::report::{Evidence, Period, Report, html};
use gateway::tickets::{Action, Opening, Origin, Said, Ticket, Told, Witness, WorkCalendar};
use jiff::{SignedDuration, Timestamp};
use model::{Folder, Severity, Text};

const PEOPLE: [&str; 3] = ["张建国", "李志强", "王海燕"];

fn main() -> ExitCode {
    let asked = std::env::args().nth(1).unwrap_or_else(|| "2026-10".to_owned());
    let period: Period = match asked.parse() {
        Ok(period) => period,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::from(2);
        }
    };
    let site = model::load(&Folder::demo(), []).site;
    let (rules, _) = rules::load(&site);
    let (from, to) = period.bounds(&site.timezone);
    let counted = counted_conditions(&site, &rules);
    let mut dice = Dice(0x2026_1101);
    let mut evidence = Evidence {
        watched: counted.iter().map(|(_, about)| about.device.clone()).collect(),
        runs: vec![
            (from, later(from, 9.2 * 24.0)),
            (later(from, 9.2 * 24.0 + 2.5), to),
        ],
        ..Evidence::default()
    };
    for number in 1..=36 {
        let Some((alarm, about)) = counted.get(dice.below(counted.len())) else {
            continue;
        };
        let began = later(from, dice.hours(27.0 * 24.0));
        let lasted = [0.2, 0.4, 0.7, 3.0, 11.0]
            .get(dice.below(5))
            .copied()
            .unwrap_or(1.0)
            * (0.5 + dice.hours(1.0));
        evidence
            .spans
            .push(span(alarm, about, SpanKind::Active, began, lasted));
        if let Some(row) = site.standard.deadlines.get(&about.standard) {
            evidence
                .tickets
                .push(ticket(number, about, row, began, lasted, &mut dice));
        }
    }
    for _ in 0..6 {
        if let Some((alarm, about)) = counted.get(dice.below(counted.len())) {
            let began = later(from, dice.hours(27.0 * 24.0));
            evidence
                .spans
                .push(span(alarm, about, SpanKind::Unknown, began, 8.0));
        }
    }
    let calendar = WorkCalendar::new(site.standard.calendar.clone(), site.timezone.clone());
    let report = Report::of(&site, &calendar, period, &evidence, later(to, 9.0));
    print!("{}", html(&report));
    ExitCode::SUCCESS
}

fn span(alarm: &str, about: &ConditionOf, kind: SpanKind, since: Timestamp, hours: f64) -> ConditionSpan {
    ConditionSpan {
        alarm: alarm.to_owned(),
        about: about.clone(),
        kind,
        since,
        until: Some(later(since, hours)),
    }
}

fn ticket(
    number: u64,
    about: &ConditionOf,
    row: &model::Deadlines,
    began: Timestamp,
    lasted: f64,
    dice: &mut Dice,
) -> Ticket {
    let opening = Opening {
        number,
        year: 2026,
        device: Some(about.device.clone()),
        alarm: Some(format!("{}.{}", about.device, about.rule)),
        origin: Origin::Rule,
        severity: Severity::High,
        summary: Text::new(format!("{} 报警", about.rule), about.rule.clone()),
        reporter: None,
        previous: None,
        by: "gateway".into(),
    };
    let mut ticket = Ticket::open(opening, row, began);
    let person = PEOPLE.get(dice.below(PEOPLE.len())).copied().unwrap_or_default();
    let mut does = |action: Action, witness, hours: f64| {
        let _ = ticket.act(&action, &Said::by(person), witness, later(began, hours));
    };
    if dice.below(12) > 0 {
        does(Action::Accept, Witness::Active, 0.05 + dice.hours(0.1));
        does(Action::Arrive, Witness::Active, 0.2 + dice.hours(0.4));
    }
    match dice.below(7) {
        0 => {
            let wait = Action::Wait {
                parts: "水泵机械密封".into(),
                told: Told {
                    whom: "业主微信群".into(),
                    what: "需采购配件,预计一天".into(),
                    at: later(began, 0.7),
                },
            };
            does(wait, Witness::Active, 0.7);
            does(Action::Resume, Witness::Active, 22.0);
        }
        1 => {
            let reason = Some("传感器故障,现场压力表正常".to_owned());
            does(Action::Resolve { reason }, Witness::Active, 0.9);
        }
        _ => {}
    }
    ticket.returned_to_normal(later(began, lasted));
    ticket
}

fn later(at: Timestamp, hours: f64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs_f64(hours * 3600.0))
        .unwrap_or(at)
}

/// The same throws every time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, sides: usize) -> usize {
        usize::try_from(self.next()).unwrap_or(0) % sides.max(1)
    }

    fn hours(&mut self, most: f64) -> f64 {
        let share = self.next() % 10_000;
        most * f64::from(u32::try_from(share).unwrap_or(0)) / 10_000.0
    }
}
