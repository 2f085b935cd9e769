//! Every deadline of a period, kept or missed: each run of each clock once, in the period in which it began.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::figure::Figure;
use super::places::{Place, Places};
use crate::tickets::{
    Clock, ClockEvent, ClockKind, ClockStand, ClockState, GATEWAY, StoppedBy, Ticket, WorkCalendar,
};

/// The row of planned work, which is reported apart.
pub const PLANNED: &str = "planned";

/// One run of a clock: from a start to its stop.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockRun<'ticket> {
    /// The ticket.
    pub ticket: &'ticket Ticket,
    /// Which promise.
    pub kind: ClockKind,
    /// How it stands, or stood when it stopped.
    pub stand: ClockStand,
    /// When it waited for parts; the last pause may be open.
    pub pauses: Vec<(Timestamp, Option<Timestamp>)>,
    /// What became of it.
    pub outcome: Outcome,
    /// What the ticket is about.
    pub place: Place,
    /// Who kept or missed it; none when nobody had taken the ticket.
    pub person: Option<String>,
}

/// What became of a clock's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In time.
    Met,
    /// In time only because it had waited for parts meanwhile: never counted as met without saying so.
    MetAfterPause,
    /// In time on a person's word, against or without the telemetry.
    OnWord,
    /// Its due time passed before it stopped.
    Missed,
    /// The ticket was closed or cancelled while it ran.
    Closed,
    /// It still runs or waits, and is not due yet.
    Running,
}

impl Outcome {
    fn of(stand: &ClockStand, paused: bool) -> Self {
        match (&stand.state, &stand.stopped) {
            (ClockState::Missed, _) => Self::Missed,
            (_, None) => Self::Running,
            (_, Some((_, StoppedBy::Closing(_)))) => Self::Closed,
            (_, Some((_, StoppedBy::Word(_)))) => Self::OnWord,
            (_, Some(_)) if paused => Self::MetAfterPause,
            (_, Some(_)) => Self::Met,
        }
    }
}

/// The runs that began in a period, and those of planned work that was due in it, of all tickets, as they stand at `now`.
pub fn clock_runs<'ticket>(
    tickets: &'ticket [Ticket],
    (from, to): (Timestamp, Timestamp),
    places: &Places<'_>,
    calendar: &WorkCalendar,
    now: Timestamp,
) -> Vec<ClockRun<'ticket>> {
    let mut runs = Vec::new();
    for ticket in tickets {
        for run in ticket.clocks.iter().flat_map(each_run) {
            let Some(stand) = run.stand(now, calendar) else {
                continue;
            };
            let counts_at = if ticket.standard == PLANNED {
                // Its due midnight is the first moment of the day after.
                stand
                    .due
                    .saturating_sub(SignedDuration::from_secs(1))
                    .unwrap_or(stand.due)
            } else {
                stand.started_at
            };
            if counts_at < from || counts_at >= to {
                continue;
            }
            let pauses = pauses(&run);
            runs.push(ClockRun {
                ticket,
                kind: run.kind,
                outcome: Outcome::of(&stand, !pauses.is_empty()),
                person: person(ticket, &stand, now),
                place: places.of(ticket),
                stand,
                pauses,
            });
        }
    }
    runs
}

/// A clock as one clock a run: what is asked of the last one can be asked of each.
fn each_run(clock: &Clock) -> Vec<Clock> {
    let mut runs: Vec<Clock> = Vec::new();
    for event in &clock.events {
        match (event, runs.last_mut()) {
            (ClockEvent::Started { .. }, _) | (_, None) => runs.push(Clock {
                kind: clock.kind,
                events: vec![event.clone()],
            }),
            (_, Some(run)) => run.events.push(event.clone()),
        }
    }
    runs
}

fn pauses(run: &Clock) -> Vec<(Timestamp, Option<Timestamp>)> {
    let mut pauses: Vec<(Timestamp, Option<Timestamp>)> = Vec::new();
    for event in &run.events {
        match (event, pauses.last_mut()) {
            (ClockEvent::Paused { at }, _) => pauses.push((*at, None)),
            (ClockEvent::Resumed { at }, Some(pause)) => drop(pause.1.get_or_insert(*at)),
            _ => {}
        }
    }
    pauses
}

/// Who kept or missed it: whoever stopped it in time; else whoever had the ticket when it stopped, or when it ran out.
fn person(ticket: &Ticket, stand: &ClockStand, now: Timestamp) -> Option<String> {
    let in_time = stand.state != ClockState::Missed;
    match &stand.stopped {
        Some((_, StoppedBy::Person(person) | StoppedBy::Word(person))) if in_time => Some(person.clone()),
        stopped => {
            let stopped_at = stopped.as_ref().map_or(now, |(at, _)| *at);
            holder(ticket, stopped_at.min(stand.due))
        }
    }
}

/// Who had a ticket at a moment: the last one who took it, was on site or was given it.
pub fn holder(ticket: &Ticket, at: Timestamp) -> Option<String> {
    let steps = ticket.steps.iter().rev().filter(|step| step.at <= at);
    steps
        .take_while(|step| step.what != "reopened")
        .find_map(|step| match step.what.as_str() {
            "accepted" | "arrived" if step.by != GATEWAY => Some(step.by.clone()),
            "assigned" => step.note.clone(),
            _ => None,
        })
}

/// Clocks' runs by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Tally {
    /// Stopped in time, without a pause and shown by telemetry or done by a person.
    pub met: Figure,
    /// Stopped in time, after waiting for parts.
    pub met_after_pause: Figure,
    /// Stopped on a person's word while the telemetry did not show it.
    pub on_word: Figure,
    /// Ran out before it stopped.
    pub missed: Figure,
    /// Stopped only because the ticket was closed or cancelled.
    pub closed: Figure,
    /// Still running or waiting.
    pub running: Figure,
    /// (met + met_after_pause) of (met + met_after_pause + missed), in percent; null while none is decided.
    pub kept_percent: Option<f64>,
}

impl Tally {
    /// Counts runs.
    pub fn of<'run>(runs: impl IntoIterator<Item = &'run ClockRun<'run>>) -> Self {
        let mut tally = Self::default();
        for run in runs {
            let figure = match run.outcome {
                Outcome::Met => &mut tally.met,
                Outcome::MetAfterPause => &mut tally.met_after_pause,
                Outcome::OnWord => &mut tally.on_word,
                Outcome::Missed => &mut tally.missed,
                Outcome::Closed => &mut tally.closed,
                Outcome::Running => &mut tally.running,
            };
            figure.add(&run.ticket.id);
        }
        let kept = tally.met.count + tally.met_after_pause.count;
        let decided = kept + tally.missed.count;
        tally.kept_percent = (decided > 0).then(|| 100.0 * count(kept) / count(decided));
        tally
    }
}

/// One tally for each value of something that runs have.
pub fn tallies<'run>(
    runs: &'run [ClockRun<'run>],
    key: impl Fn(&ClockRun<'run>) -> String,
) -> Vec<(String, Tally)> {
    let mut groups: BTreeMap<String, Vec<&ClockRun<'_>>> = BTreeMap::new();
    for run in runs {
        groups.entry(key(run)).or_default().push(run);
    }
    groups
        .into_iter()
        .map(|(key, runs)| (key, Tally::of(runs)))
        .collect()
}

fn count(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{acts, at, opened, places, site};
    use crate::tickets::{Action, Told, Witness};

    fn wait() -> Action {
        Action::Wait {
            parts: "seal".into(),
            told: Told {
                whom: "owners".into(),
                what: "a day".into(),
                at: at(0),
            },
        }
    }

    fn outcomes(ticket: &Ticket, seconds: i64) -> Vec<(ClockKind, Outcome, Option<String>)> {
        let site = site();
        let tickets = [ticket.clone()];
        let calendar = WorkCalendar::utc_weekends();
        let runs = clock_runs(
            &tickets,
            (at(0), at(100_000)),
            &places(&site),
            &calendar,
            at(seconds),
        );
        runs.into_iter()
            .map(|run| (run.kind, run.outcome, run.person))
            .collect()
    }

    #[test]
    fn a_deadline_is_kept_by_whoever_stopped_it_or_had_the_ticket() {
        let mut ticket = opened(1, 0);
        acts(&mut ticket, Action::Accept, "Li", Witness::Active, 60);
        acts(&mut ticket, Action::Arrive, "Wang", Witness::Active, 600);
        ticket.returned_to_normal(at(900));
        assert_eq!(
            outcomes(&ticket, 9_999),
            [
                (ClockKind::Arrive, Outcome::Met, Some("Wang".into())),
                (ClockKind::Resolve, Outcome::Met, Some("Wang".into())),
            ]
        );
    }

    #[test]
    fn a_deadline_that_ran_out_before_anybody_took_the_ticket_is_nobodys() {
        let mut ticket = opened(1, 0);
        acts(&mut ticket, Action::Accept, "Li", Witness::Active, 1_900);
        acts(&mut ticket, Action::Arrive, "Li", Witness::Active, 2_000);
        let missed = outcomes(&ticket, 9_999);
        assert_eq!(missed[0], (ClockKind::Arrive, Outcome::Missed, None));
    }

    #[test]
    fn a_clock_that_waited_for_parts_is_never_simply_met() {
        let mut ticket = opened(1, 0);
        acts(&mut ticket, Action::Arrive, "Li", Witness::Active, 60);
        acts(&mut ticket, wait(), "Li", Witness::Active, 100);
        acts(&mut ticket, Action::Resume, "Li", Witness::Active, 50_000);
        ticket.returned_to_normal(at(50_100));
        assert_eq!(outcomes(&ticket, 60_000)[1].1, Outcome::MetAfterPause);
    }

    #[test]
    fn a_persons_word_and_a_closing_are_counted_apart() {
        let mut ticket = opened(1, 0);
        acts(&mut ticket, Action::Accept, "Li", Witness::Active, 60);
        let reason = Some("the sensor is broken".to_owned());
        acts(
            &mut ticket,
            Action::Resolve { reason },
            "Li",
            Witness::Active,
            100,
        );
        acts(&mut ticket, Action::Close, "Chen", Witness::Active, 200);
        let found = outcomes(&ticket, 9_999);
        assert_eq!((found[0].1, found[1].1), (Outcome::Closed, Outcome::OnWord));
    }

    #[test]
    fn every_run_of_a_clock_is_a_deadline_of_its_own() {
        let mut ticket = opened(1, 0);
        acts(&mut ticket, Action::Arrive, "Li", Witness::Active, 60);
        ticket.returned_to_normal(at(100));
        ticket.came_back(at(5_000));
        let found = outcomes(&ticket, 5_100);
        assert_eq!(found.len(), 4);
        assert_eq!((found[0].1, found[1].1), (Outcome::Met, Outcome::Running));
        let runs = [Outcome::Met, Outcome::Met, Outcome::Running, Outcome::Running];
        let mut outcomes: Vec<_> = found.iter().map(|found| found.1).collect();
        outcomes.sort_by_key(|outcome| *outcome == Outcome::Running);
        assert_eq!(outcomes, runs);
    }

    #[test]
    fn only_what_began_in_the_period_is_counted() {
        let site = site();
        let tickets = [opened(1, 0), opened(2, 99)];
        let calendar = WorkCalendar::utc_weekends();
        let runs = clock_runs(&tickets, (at(0), at(99)), &places(&site), &calendar, at(9_999));
        let tally = Tally::of(&runs);
        assert_eq!((tally.missed.count, tally.missed.tickets.len()), (2, 1));
        assert_eq!(tally.kept_percent, Some(0.0));
    }
}
