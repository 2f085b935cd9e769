//! Fills a data folder's `records.db` with ten years of tickets, for the benchmark: `fill_records SITE DATA [TICKETS]`.
//!
//! Every ticket goes through the desk's own drafts, so that its steps, its journal and its clocks are those of real ones; all but the
//! newest were taken, reached, resolved and closed. Of the last three years, as long as they are kept, there are conditions, too.

use std::path::Path;
use std::process::ExitCode;

use gateway::alarms::{ConditionSpan, SpanKind};
use gateway::desk::{Draft, Report, State, counted_conditions};
use gateway::store::Records;
use gateway::tickets::{Action, Said, Ticket, TicketBook, WorkCalendar};
use jiff::{SignedDuration, Timestamp};
use model::{Folder, Severity, Site, Text};

const TICKETS: u64 = 100_000;
/// So many tickets are written at once.
const AT_ONCE: u64 = 1_000;
const HOURS_OF_TEN_YEARS: i64 = 24 * 365 * 10;
const HOURS_OF_THREE_YEARS: i64 = 24 * 365 * 3;
/// So many, the newest, are still open.
const OPEN: u64 = 200;
const ROWS: [&str; 6] = [
    "elevator",
    "lighting",
    "water-supply",
    "repair-report",
    "complaint",
    "complaint-severe",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [site, data, tickets @ ..] = arguments.as_slice() else {
        eprintln!("usage: fill_records SITE DATA [TICKETS]");
        return ExitCode::from(2);
    };
    let tickets = tickets.first().and_then(|count| count.parse().ok());
    match fill(Path::new(site), Path::new(data), tickets.unwrap_or(TICKETS)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("fill_records: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn fill(site: &Path, data: &Path, tickets: u64) -> Result<(), String> {
    let folder = Folder::read(site).map_err(|error| error.to_string())?;
    let site = model::load(&folder, []).site;
    let (rules, _) = rules::load(&site);
    let conditions = counted_conditions(&site, &rules);
    let calendar = WorkCalendar::new(site.standard.calendar.clone(), site.timezone.clone());
    std::fs::create_dir_all(data).map_err(|error| error.to_string())?;
    let mut records = Records::open(data).map_err(|error| error.to_string())?;
    let now = Timestamp::now();
    let begin = now - SignedDuration::from_hours(HOURS_OF_TEN_YEARS);
    let kept_since = now - SignedDuration::from_hours(HOURS_OF_THREE_YEARS);
    let apart =
        SignedDuration::from_hours(HOURS_OF_TEN_YEARS) / i32::try_from(tickets.max(1)).unwrap_or(i32::MAX);
    records
        .begin_run(kept_since, |_| true)
        .and_then(|_| records.seen(kept_since, now))
        .map_err(|error| error.to_string())?;
    let mut at = begin;
    for first in (0..tickets).step_by(usize::try_from(AT_ONCE).unwrap_or(usize::MAX)) {
        let state = State {
            tickets: TicketBook::new([], first),
            ..State::default()
        };
        let mut draft = Draft::new(&state, &site.standard, &calendar);
        let mut spans = Vec::new();
        for number in first..(first + AT_ONCE).min(tickets) {
            at += apart;
            let ticket = draft.report(report(&site, number), at);
            if let Some(ticket) = ticket.filter(|_| number + OPEN < tickets) {
                live(&mut draft, ticket, at)?;
            }
            let condition = conditions.get(usize::try_from(number).unwrap_or(0) % conditions.len().max(1));
            if let Some((alarm, about)) = condition.filter(|_| at > kept_since) {
                spans.push(ConditionSpan {
                    alarm: alarm.clone(),
                    about: about.clone(),
                    kind: SpanKind::Active,
                    since: at,
                    until: Some(at + SignedDuration::from_mins(20)),
                });
            }
        }
        let mut change = draft.finish(at);
        // Nobody is to be told of what is only made up.
        change.notices.clear();
        change.spans = spans;
        records.commit(&change).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn live(draft: &mut Draft<'_>, mut ticket: Ticket, opened_at: Timestamp) -> Result<(), String> {
    let actions = [
        Action::Accept,
        Action::Arrive,
        Action::Resolve { reason: None },
        Action::Close,
    ];
    for (minutes, action) in (5..).step_by(7).zip(actions) {
        let at = opened_at + SignedDuration::from_mins(minutes);
        ticket = draft
            .act(&ticket, &action, &Said::by("李志强"), at)
            .map_err(|refusal| format!("{}: {refusal}", ticket.id))?;
    }
    Ok(())
}

fn report(site: &Site, number: u64) -> Report {
    let index = usize::try_from(number).unwrap_or(0);
    let devices: Vec<_> = site.devices.values().collect();
    let row = ROWS.get(index % ROWS.len()).copied().unwrap_or("elevator");
    Report {
        standard: row.to_owned(),
        device: devices
            .get(index % devices.len().max(1))
            .map(|device| device.id.clone()),
        severity: Severity::Medium,
        summary: Text::new("三号楼电梯门不关", "The elevator's door in building 3 stays open"),
        reporter: None,
        by: "王海燕".to_owned(),
    }
}
