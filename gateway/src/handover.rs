//! The handover log: the leaving shift writes, what is open is filled in by itself, and the coming shift confirms.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::alarms::{Alarm, AlarmState, SetAside};
use crate::report::holder;
use crate::tickets::{Ticket, WorkCalendar};
use crate::view::{TextView, rfc3339};

/// A handover from one shift to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Handover {
    /// `H-000012`: a number that never repeats.
    pub id: String,
    /// When it was written.
    pub at: String,
    /// Who leaves.
    pub by: String,
    /// What they say.
    pub note: String,
    /// What was open then.
    pub open: OpenWork,
    /// The head of the journal's chain then; null where there is no journal.
    pub journal_head: Option<String>,
    /// When the coming shift confirmed it; null until then.
    pub confirmed_at: Option<String>,
    /// Who confirmed it.
    pub confirmed_by: Option<String>,
}

/// What a handover says besides its number and its confirmation: kept as it was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// Who leaves.
    pub by: String,
    /// What they say.
    pub note: String,
    /// What was open then.
    pub open: OpenWork,
    /// The head of the journal's chain then.
    pub journal_head: Option<String>,
}

/// What is open at a handover.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenWork {
    /// Tickets that are not closed, oldest first.
    pub tickets: Vec<OpenTicket>,
    /// Alarms that are not normal, and that nobody set aside.
    pub alarms: Vec<OpenAlarm>,
    /// Alarms that somebody shelved or took out of service.
    pub set_aside: Vec<AsideAlarm>,
}

/// A ticket that is not closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenTicket {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub summary: TextView,
    /// The device.
    pub device: Option<String>,
    /// Its row of the standard.
    pub standard: String,
    /// Where it stands.
    pub state: String,
    /// Who has it; null if nobody.
    pub person: Option<String>,
    /// The deadlines that still run.
    pub clocks: Vec<OpenClock>,
}

/// A deadline that still runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenClock {
    /// `respond`, `arrive` or `resolve`.
    pub clock: String,
    /// By when; while it waits for parts, as if it went on now.
    pub due: String,
    /// Whether it waits for parts.
    pub paused: bool,
    /// Whether it has run out.
    pub overdue: bool,
}

/// An alarm that is not normal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenAlarm {
    /// Its id.
    pub id: String,
    /// What it says.
    pub summary: TextView,
    /// How urgent.
    pub severity: String,
    /// `clear`, `active` or `unknown`.
    pub condition: String,
    /// What it shows.
    pub state: String,
    /// Since when.
    pub since: String,
}

/// An alarm that somebody set aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AsideAlarm {
    /// Its id.
    pub id: String,
    /// What it says.
    pub summary: TextView,
    /// `shelved` or `out_of_service`.
    pub state: String,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: String,
}

/// The id of a handover's number.
pub fn id_of(number: i64) -> String {
    format!("H-{number:06}")
}

/// The number in a handover's id.
pub fn number_of(id: &str) -> Option<i64> {
    id.strip_prefix("H-")?.parse().ok()
}

impl OpenWork {
    /// What is open at `now`, of all tickets and alarms that are known.
    pub fn of<'known>(
        tickets: impl Iterator<Item = &'known Ticket>,
        alarms: impl Iterator<Item = &'known Alarm>,
        calendar: &WorkCalendar,
        now: Timestamp,
    ) -> Self {
        let mut open: Vec<_> = tickets.filter(|ticket| !ticket.state.is_ended()).collect();
        open.sort_by_key(|ticket| ticket.number);
        let mut work = Self {
            tickets: open
                .into_iter()
                .map(|ticket| OpenTicket::of(ticket, calendar, now))
                .collect(),
            ..Self::default()
        };
        for alarm in alarms.filter(|alarm| alarm.state() != AlarmState::Normal) {
            match (&alarm.out_of_service, &alarm.shelved) {
                (Some(aside), _) | (None, Some(aside)) => {
                    work.set_aside.push(AsideAlarm::of(alarm, aside, calendar));
                }
                (None, None) => work.alarms.push(OpenAlarm::of(alarm, calendar)),
            }
        }
        work.alarms.sort_by(|left, right| left.id.cmp(&right.id));
        work.set_aside.sort_by(|left, right| left.id.cmp(&right.id));
        work
    }
}

impl OpenTicket {
    fn of(ticket: &Ticket, calendar: &WorkCalendar, now: Timestamp) -> Self {
        let clocks = ticket.clocks.iter().filter_map(|clock| {
            let stand = clock.stand(now, calendar)?;
            stand.stopped.is_none().then(|| OpenClock {
                clock: clock.kind.name().to_owned(),
                due: rfc3339(stand.due, calendar.timezone()),
                paused: clock.is_paused(),
                overdue: stand.overdue,
            })
        });
        Self {
            id: ticket.id.clone(),
            summary: (&ticket.summary).into(),
            device: ticket.device.clone(),
            standard: ticket.standard.clone(),
            state: ticket.state.name().to_owned(),
            person: holder(ticket, now),
            clocks: clocks.collect(),
        }
    }
}

impl OpenAlarm {
    fn of(alarm: &Alarm, calendar: &WorkCalendar) -> Self {
        Self {
            id: alarm.id.clone(),
            summary: (&alarm.summary).into(),
            severity: alarm.severity.name().to_owned(),
            condition: alarm.condition().to_owned(),
            state: alarm.state().name().to_owned(),
            since: rfc3339(alarm.since, calendar.timezone()),
        }
    }
}

impl AsideAlarm {
    fn of(alarm: &Alarm, aside: &SetAside, calendar: &WorkCalendar) -> Self {
        Self {
            id: alarm.id.clone(),
            summary: (&alarm.summary).into(),
            state: alarm.state().name().to_owned(),
            by: aside.by.clone(),
            reason: aside.reason.clone(),
            until: rfc3339(aside.until, calendar.timezone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::Phase;
    use crate::report::testing::{acts, at, opened};
    use crate::tickets::{Action, Witness};
    use model::{Severity, Text};

    fn alarm(rule: &str) -> Alarm {
        Alarm {
            id: format!("fire-main-1.{rule}"),
            rule: rule.into(),
            device: Some("fire-main-1".into()),
            class: Some("fire_water".into()),
            severity: Severity::High,
            phase: Phase::Active,
            known: true,
            acknowledged: false,
            latched: false,
            since: at(0),
            summary: Text::default(),
            ticket: None,
            shelved: None,
            out_of_service: None,
        }
    }

    #[test]
    fn what_is_open_is_filled_in_by_itself() {
        let mut taken = opened(2, 0);
        acts(&mut taken, Action::Accept, "Li", Witness::Active, 60);
        let mut cancelled = opened(3, 0);
        let reason = "a drill".to_owned();
        acts(
            &mut cancelled,
            Action::Cancel { reason },
            "Li",
            Witness::Active,
            60,
        );
        let tickets = [taken, opened(1, 1_900), cancelled];
        let mut shelved = alarm("silent");
        shelved.shelved = Some(SetAside {
            by: "Li".into(),
            reason: "being repaired".into(),
            at: at(0),
            until: at(9_000),
        });
        let mut normal = alarm("fine");
        (normal.phase, normal.acknowledged) = (Phase::Normal, true);
        let alarms = [alarm("low"), shelved, normal];
        let calendar = WorkCalendar::utc_weekends();
        let work = OpenWork::of(tickets.iter(), alarms.iter(), &calendar, at(2_000));

        let listed: Vec<_> = work
            .tickets
            .iter()
            .map(|ticket| {
                (
                    ticket.id.as_str(),
                    ticket.person.as_deref(),
                    ticket.clocks[0].overdue,
                )
            })
            .collect();
        assert_eq!(
            listed,
            [
                ("T-2026-000001", None, false),
                ("T-2026-000002", Some("Li"), true)
            ]
        );
        assert_eq!(work.alarms.len(), 1);
        assert_eq!(
            (
                work.set_aside[0].state.as_str(),
                work.set_aside[0].reason.as_str()
            ),
            ("shelved", "being repaired")
        );
    }

    #[test]
    fn a_handovers_id_is_its_number() {
        assert_eq!(id_of(12), "H-000012");
        assert_eq!(number_of("H-000012"), Some(12));
        assert_eq!(number_of("T-000012"), None);
    }
}
