//! Measures how fast a month's report answers over ten years of tickets: `report_speed [TICKETS]`, by default 100,000.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::alarms::{ConditionOf, ConditionSpan, SpanKind};
use gateway::desk::{Change, counted_conditions};
use gateway::report::{Evidence, Period, Report};
use gateway::store::{Records, StoreError};
use gateway::tickets::{Action, Opening, Origin, Said, Ticket, Witness, WorkCalendar};
use jiff::{SignedDuration, Timestamp};
use model::{Folder, Severity, Site, Text};

/// Tickets come this evenly over so long.
const YEARS: i64 = 10;
/// So many are written at once.
const GROUP: u64 = 2_000;

fn main() -> ExitCode {
    let count = std::env::args()
        .nth(1)
        .and_then(|count| count.parse().ok())
        .unwrap_or(100_000);
    match measure(count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("report_speed: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn measure(count: u64) -> Result<(), String> {
    let told = |error: StoreError| error.to_string();
    let site = model::load(&Folder::demo(), []).site;
    let (rules, _) = rules::load(&site);
    let counted = counted_conditions(&site, &rules);
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut records = Records::open(folder.path()).map_err(told)?;
    let end: Timestamp = "2026-12-01T00:00:00+08:00"
        .parse()
        .map_err(|error: jiff::Error| error.to_string())?;
    let begin = end - SignedDuration::from_hours(24 * 365 * YEARS);
    records.begin_run(begin, |_| true).map_err(told)?;
    records.seen(begin, end).map_err(told)?;

    let started = Instant::now();
    let apart = end.duration_since(begin) / i32::try_from(count.max(1)).unwrap_or(i32::MAX);
    let mut change = Change::default();
    for number in 1..=count {
        let at = begin + apart * i32::try_from(number - 1).unwrap_or(0);
        let about = counted.get(usize::try_from(number).unwrap_or(0) % counted.len().max(1));
        let Some((alarm, about)) = about else { continue };
        change.tickets.push(Arc::new(closed(number, about, &site, at)));
        change.spans.push(ConditionSpan {
            alarm: alarm.clone(),
            about: about.clone(),
            kind: SpanKind::Active,
            since: at,
            until: Some(at + SignedDuration::from_mins(20)),
        });
        if number % GROUP == 0 || number == count {
            records.commit(&std::mem::take(&mut change)).map_err(told)?;
        }
    }
    println!("{count} tickets written in {:.1?}", started.elapsed());

    let calendar = WorkCalendar::new(site.standard.calendar.clone(), site.timezone.clone());
    let reader = records.reader().map_err(told)?;
    for asked in ["2026-11", "2022-03", "2026-Q4"] {
        let period: Period = asked.parse()?;
        let mut times = Vec::new();
        let mut named = 0;
        for _ in 0..100 {
            let started = Instant::now();
            let evidence = Evidence::read(&reader, &site, &rules, period).map_err(told)?;
            named = evidence.tickets.len();
            let report = Report::of(&site, &calendar, period, &evidence, end);
            let _ = serde_json::to_vec(&report).map_err(|error| error.to_string())?;
            times.push(started.elapsed());
        }
        times.sort_unstable();
        let at = |position: usize| times.get(position).copied().unwrap_or(Duration::ZERO);
        println!(
            "{asked}: {named} tickets, median {:.1?}, 99th percentile {:.1?}",
            at(50),
            at(98)
        );
    }
    Ok(())
}

fn closed(number: u64, about: &ConditionOf, site: &Site, at: Timestamp) -> Ticket {
    let row = site.standard.deadlines.get(&about.standard);
    let opening = Opening {
        number,
        year: 2026,
        device: Some(about.device.clone()),
        alarm: Some(format!("{}.{}", about.device, about.rule)),
        origin: Origin::Rule,
        severity: Severity::High,
        summary: Text::new("报警", "Alarm"),
        reporter: None,
        previous: None,
        by: "gateway".into(),
    };
    let nothing = model::Deadlines {
        id: about.standard.clone(),
        covers: Text::default(),
        respond: None,
        arrive: None,
        resolve: None,
        quote: String::new(),
        class: None,
    };
    let mut ticket = Ticket::open(opening, row.unwrap_or(&nothing), at);
    let mut does = |action: Action, minutes: i64| {
        let _ = ticket.act(
            &action,
            &Said::by("张建国"),
            Witness::Clear,
            at + SignedDuration::from_mins(minutes),
        );
    };
    does(Action::Accept, 3);
    does(Action::Arrive, 15);
    does(Action::Resolve { reason: None }, 25);
    does(Action::Close, 30);
    ticket
}
