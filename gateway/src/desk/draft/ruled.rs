//! What rules say, and how long they have said it: alarms that are raised and return, and the tickets that they call for.

use jiff::Timestamp;
use model::{Deadlines, Severity, Text};

use super::{Draft, alarm_id};
use crate::alarms::{Alarm, Delays, Edge, Level};
use crate::notices::Notice;
use crate::tickets::{ComesBack, GATEWAY, Opening, Origin, Ticket, year_of};

/// A rule as alarms and tickets see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Its id.
    pub rule: String,
    /// How urgent.
    pub severity: Severity,
    /// How long a level must last.
    pub delays: Delays,
    /// The row of the standard that its ticket takes; none: no ticket.
    pub standard: Option<String>,
}

/// What an alarm is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The device; none for the gateway itself.
    pub device: Option<String>,
    /// Its class.
    pub class: Option<String>,
}

impl Draft<'_> {
    /// A rule says a level of a device at `at`. `summary` is asked only when the alarm is raised.
    pub fn level(
        &mut self,
        watch: &Watch,
        subject: &Subject,
        level: Level,
        at: Timestamp,
        summary: impl FnOnce() -> Text,
    ) {
        let id = alarm_id(&watch.rule, subject.device.as_deref());
        self.conditions.known(&id, level != Level::Unknown, at);
        if !self.know(&id) {
            if level != Level::Holds {
                return;
            }
            self.alarms
                .insert(id.clone(), new_alarm(id.clone(), watch, subject, at));
        }
        let Some(alarm) = self.alarms.get_mut(&id) else {
            return;
        };
        let was_known = alarm.known;
        let edge = alarm.take(level, at, watch.delays);
        if was_known != alarm.known {
            let unknown = !alarm.known;
            self.ticket_of(&id, |ticket| ticket.set_unknown(unknown, at));
        }
        self.edge(&id, watch, edge, at, summary);
    }

    /// Time passes for an alarm.
    pub fn tick(&mut self, id: &str, watch: &Watch, now: Timestamp, summary: impl FnOnce() -> Text) {
        if !self.know(id) {
            return;
        }
        let Some(alarm) = self.alarms.get_mut(id) else {
            return;
        };
        let called = alarm.calls_people();
        let edge = alarm.tick(now, watch.delays);
        let calls_now = !called && alarm.calls_people() && alarm.is_active();
        match edge {
            None if calls_now => self.call(id, watch, now, now),
            edge => self.edge(id, watch, edge, now, summary),
        }
    }

    fn edge(
        &mut self,
        id: &str,
        watch: &Watch,
        edge: Option<Edge>,
        now: Timestamp,
        summary: impl FnOnce() -> Text,
    ) {
        match edge {
            None => {}
            Some(Edge::Raised { since }) => {
                self.conditions.raised(id, since);
                let said = summary();
                if let Some(alarm) = self.alarms.get_mut(id) {
                    alarm.summary = said;
                }
                if self.alarms.get(id).is_some_and(Alarm::calls_people) {
                    self.call(id, watch, since, now);
                }
            }
            Some(Edge::Returned { since }) => {
                self.conditions.returned(id, since);
                self.ticket_of(id, |ticket| ticket.returned_to_normal(since));
            }
        }
    }

    /// An alarm calls for work: its fault's own ticket again, or a new one.
    fn call(&mut self, id: &str, watch: &Watch, since: Timestamp, now: Timestamp) {
        let standard = self.standard;
        let Some(row) = watch
            .standard
            .as_ref()
            .and_then(|row| standard.deadlines.get(row))
        else {
            return;
        };
        let newest = self.newest_ticket(id).cloned();
        match newest {
            Some(mut ticket) if ticket.takes_back(since) => {
                if ticket.normal.is_none() && !ticket.state.is_ended() {
                    return;
                }
                let comes_back = ticket.came_back(since);
                if comes_back == ComesBack::StartsAnew {
                    self.notices.push(Notice::reopened(&ticket, now));
                }
                self.tickets.insert(ticket.id.clone(), ticket);
            }
            newest => self.open(id, row, newest.map(|ticket| ticket.id), now),
        }
    }

    fn open(&mut self, id: &str, row: &Deadlines, previous: Option<String>, now: Timestamp) {
        let number = self.take_number();
        let Some(alarm) = self.alarms.get_mut(id) else {
            return;
        };
        let opening = Opening {
            number,
            year: year_of(now, self.calendar),
            device: alarm.device.clone(),
            alarm: Some(id.to_owned()),
            origin: Origin::Rule,
            severity: alarm.severity,
            summary: alarm.summary.clone(),
            reporter: None,
            previous,
            by: GATEWAY.to_owned(),
        };
        let ticket = Ticket::open(opening, row, now);
        alarm.ticket = Some(ticket.id.clone());
        self.notices.push(Notice::opened(&ticket));
        self.tickets.insert(ticket.id.clone(), ticket);
    }
}

fn new_alarm(id: String, watch: &Watch, subject: &Subject, at: Timestamp) -> Alarm {
    Alarm {
        device: subject.device.clone(),
        class: subject.class.clone(),
        ..Alarm::quiet(id, &watch.rule, watch.severity, at)
    }
}
