//! What a report lists one by one: deadlines that ran out, clocks that waited for parts, and stops on a person's word.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::deadlines::{ClockRun, Outcome};
use super::hours;
use crate::tickets::{Step, StoppedBy, Ticket, WorkCalendar};
use crate::view::{TextView, rfc3339};

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

/// The deadlines that ran out, by when they did.
pub(super) fn missed(runs: &[ClockRun<'_>], calendar: &WorkCalendar, now: Timestamp) -> Vec<MissedClock> {
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

/// The clocks that waited for parts.
pub(super) fn paused(runs: &[ClockRun<'_>], calendar: &WorkCalendar, now: Timestamp) -> Vec<PausedClock> {
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

/// The clocks that stopped on a person's word.
pub(super) fn on_word(runs: &[ClockRun<'_>], calendar: &WorkCalendar) -> Vec<WordStop> {
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
