//! What should change when a rule says something, time passes, or a person acts: alarms, tickets and notices together.
//!
//! Pure: a [`Draft`] is worked out over what is known, `now` is an argument, and what comes out is a [`Change`] that is written whole
//! or not at all. Nothing here has been done until it is written.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use model::{Deadlines, Severity, Site, Standard, Text};

use super::entries::{of_alarm, of_ticket};
use crate::alarms::{
    Alarm, AlarmState, ConditionSpan, Conditions, ConditionsDraft, Delays, Edge, Level, Phase,
};
use crate::journal::Entry;
use crate::notices::{Called, Notice, called, due_rungs};
use crate::tickets::{
    Action, ClockKind, ComesBack, GATEWAY, Opening, Origin, Refusal, Said, Ticket, TicketBook, Witness,
    WorkCalendar, due_runs, planned_row, year_of,
};

/// What is known: every alarm that ever was anything but normal, and the tickets that still matter.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Alarms by id.
    pub alarms: HashMap<String, Arc<Alarm>>,
    /// Tickets.
    pub tickets: TicketBook,
    /// The day to which each plan's runs have their tickets, or were over when it was new.
    pub planned: HashMap<String, Date>,
    /// How the conditions stand that availability is worked out from.
    pub conditions: Conditions,
}

/// What is to be written, in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Alarms that changed, each with whether that must be kept over a restart.
    pub alarms: Vec<(Arc<Alarm>, bool)>,
    /// Tickets that are new or changed.
    pub tickets: Vec<Arc<Ticket>>,
    /// What people are to be told.
    pub notices: Vec<Notice>,
    /// What is recorded of it for good.
    pub journal: Vec<Entry>,
    /// Plans that are new, and the day to which their runs are over.
    pub plans: Vec<(String, Date)>,
    /// What conditions were: stretches that began or ended.
    pub spans: Vec<ConditionSpan>,
}

impl Change {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.alarms.is_empty()
            && self.tickets.is_empty()
            && self.notices.is_empty()
            && self.journal.is_empty()
            && self.plans.is_empty()
            && self.spans.is_empty()
    }

    /// Whether there is something that must be on disk.
    pub fn must_be_written(&self) -> bool {
        !self.tickets.is_empty()
            || !self.notices.is_empty()
            || !self.journal.is_empty()
            || !self.plans.is_empty()
            || self.alarms.iter().any(|(_, keep)| *keep)
    }
}

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

/// A change in the making.
pub struct Draft<'state> {
    pub(super) state: &'state State,
    standard: &'state Standard,
    pub(super) calendar: &'state WorkCalendar,
    roster: Option<&'state Site>,
    alarms: BTreeMap<String, Alarm>,
    pub(super) tickets: BTreeMap<String, Ticket>,
    /// Tickets as they were, which are in the store alone.
    stored: BTreeMap<String, Ticket>,
    notices: Vec<Notice>,
    journal: Vec<Entry>,
    plans: Vec<(String, Date)>,
    pub(super) conditions: ConditionsDraft<'state>,
    next_number: u64,
}

/// The id of a rule's alarm on a device: one for each pair.
pub fn alarm_id(rule: &str, device: Option<&str>) -> String {
    format!("{}.{rule}", device.unwrap_or(GATEWAY))
}

impl<'state> Draft<'state> {
    /// A draft over what is known.
    pub fn new(state: &'state State, standard: &'state Standard, calendar: &'state WorkCalendar) -> Self {
        let next_number = state.tickets.next_number();
        Self {
            state,
            standard,
            calendar,
            roster: None,
            alarms: BTreeMap::new(),
            tickets: BTreeMap::new(),
            stored: BTreeMap::new(),
            notices: Vec::new(),
            journal: Vec::new(),
            plans: Vec::new(),
            conditions: ConditionsDraft::new(&state.conditions),
            next_number,
        }
    }

    /// Records something for good, in the same transaction.
    pub fn record(&mut self, entry: Entry) {
        self.journal.push(entry);
    }

    /// With the site's duty roster: notices are for whoever is on duty. Without it they are for nobody by name.
    pub fn for_those_on_duty(mut self, site: &'state Site) -> Self {
        self.roster = Some(site);
        self
    }

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

    /// Clocks that ran out by `now`: people are told of each once. A ticket that the draft has changed is looked at as it is there.
    pub fn clocks(&mut self, now: Timestamp) {
        let known = self.state.tickets.ran_out(now, self.calendar);
        let known = known.into_iter().filter(|(id, _)| !self.tickets.contains_key(id));
        let mut ran_out: Vec<_> = known.collect();
        for ticket in self.tickets.values() {
            let clocks = ticket.unannounced(now, self.calendar);
            let over = clocks.filter(|(_, due)| *due < now);
            ran_out.extend(over.map(|(kind, _)| (ticket.id.clone(), kind)));
        }
        for (id, kind) in ran_out {
            self.overdue(&id, kind, now);
        }
    }

    /// Clocks that will run out soon, or have: the next ones along the roster hear of each once.
    pub fn escalate(&mut self, now: Timestamp) {
        let state = self.state;
        for known in state.tickets.open() {
            let ticket = self.tickets.get(&known.id).unwrap_or(known);
            for (kind, rung) in due_rungs(ticket, now, self.calendar) {
                let mut ticket = self.tickets.get(&known.id).unwrap_or(known).clone();
                let people = self.called(rung.roles, now);
                let names: Vec<_> = people
                    .iter()
                    .map(|called| format!("{} ({})", called.person, called.role))
                    .collect();
                let note = Some(names.join(", ")).filter(|names| !names.is_empty());
                ticket.step(now, GATEWAY, &rung.step(kind), note);
                self.notices
                    .push(Notice::escalation(&ticket, kind, rung, people, now));
                self.tickets.insert(ticket.id.clone(), ticket);
            }
        }
    }

    fn called(&self, roles: &[&str], at: Timestamp) -> Vec<Called> {
        self.roster.map_or_else(Vec::new, |site| called(site, roles, at))
    }

    /// A person does something to a ticket.
    ///
    /// # Errors
    /// The ticket's state, or what the telemetry says, does not allow it; nothing changes.
    pub fn act(
        &mut self,
        ticket: &Ticket,
        action: &Action,
        said: &Said,
        now: Timestamp,
    ) -> Result<Ticket, Refusal> {
        if *action == Action::Reopen
            && let Some(newer) = self.newer_than(ticket)
        {
            return Err(Refusal::Superseded { newer });
        }
        let drafted = self.tickets.contains_key(&ticket.id);
        if !drafted && self.state.tickets.get(&ticket.id).is_none() {
            self.stored.insert(ticket.id.clone(), ticket.clone());
        }
        let mut ticket = ticket.clone();
        ticket.act(action, said, self.witness(&ticket), now)?;
        if matches!(action, Action::Accept | Action::Arrive)
            && let Some(alarm) = ticket.alarm.clone()
        {
            self.change_alarm(&alarm, Alarm::acknowledge);
        }
        match action {
            Action::Reopen => self.notices.push(Notice::reopened(&ticket, now)),
            Action::Raise { .. } => self.notices.push(Notice::raised(&ticket, now)),
            _ => {}
        }
        self.tickets.insert(ticket.id.clone(), ticket.clone());
        Ok(ticket)
    }

    /// A person reports something: a new ticket. `None` if the standard has no such row.
    pub fn report(&mut self, report: Report, now: Timestamp) -> Option<Ticket> {
        let row = self.reported_row(&report)?;
        let opening = Opening {
            number: self.take_number(),
            year: year_of(now, self.calendar),
            device: report.device,
            alarm: None,
            origin: Origin::Person,
            severity: report.severity,
            summary: report.summary,
            reporter: report.reporter,
            previous: None,
            by: report.by,
        };
        let ticket = Ticket::open(opening, &row, now);
        self.notices.push(Notice::opened(&ticket));
        self.tickets.insert(ticket.id.clone(), ticket.clone());
        Some(ticket)
    }

    /// The row that a report takes: a fault that somebody reported has the row of its class, and beside it the respond clock of
    /// `repair-report`, so that the reporter hears of it in time.
    fn reported_row(&self, report: &Report) -> Option<Deadlines> {
        let mut row = self.standard.deadlines.get(&report.standard)?.clone();
        if report.reporter.is_some() && row.respond.is_none() {
            let reported = self.standard.deadlines.get("repair-report");
            row.respond = reported.and_then(|reported| reported.respond);
        }
        Some(row)
    }

    /// Opens the tickets of planned work that is due soon.
    pub fn planned(&mut self, now: Timestamp) {
        let (state, standard) = (self.state, self.standard);
        let today = self.calendar.day_of(now);
        for work in &standard.planned {
            let seen_to = state.planned.get(&work.id).copied().unwrap_or_else(|| {
                // A plan that is new does not reach back: what was due before today is over.
                let yesterday = today.yesterday().unwrap_or(today);
                self.plans.push((work.id.clone(), yesterday));
                yesterday
            });
            for run in due_runs(work, seen_to, today) {
                let (row, due) = (planned_row(&run), run.due);
                let opening = Opening {
                    number: self.take_number(),
                    year: year_of(now, self.calendar),
                    device: work.device.clone(),
                    alarm: None,
                    origin: Origin::Planned,
                    severity: Severity::Low,
                    summary: Text::new(
                        format!("{}，{due} 前完成", work.what.zh),
                        format!("{}, due {due}", work.what.en),
                    ),
                    reporter: None,
                    previous: None,
                    by: GATEWAY.to_owned(),
                };
                let mut ticket = Ticket::open(opening, &row, now);
                ticket.planned = Some(run);
                self.notices.push(Notice::opened(&ticket));
                self.tickets.insert(ticket.id.clone(), ticket);
            }
        }
    }

    /// Changes an alarm that is known; whether it is.
    pub fn change_alarm(&mut self, id: &str, change: impl FnOnce(&mut Alarm)) -> bool {
        if !self.know(id) {
            return false;
        }
        self.alarms.get_mut(id).map(change).is_some()
    }

    /// An alarm as it is in the draft, or known.
    pub fn alarm(&self, id: &str) -> Option<&Alarm> {
        self.alarms
            .get(id)
            .or_else(|| self.state.alarms.get(id).map(Arc::as_ref))
    }

    /// What the telemetry says of a ticket's condition.
    pub fn witness(&self, ticket: &Ticket) -> Witness {
        match ticket.alarm.as_ref().and_then(|id| self.alarm(id)) {
            None => Witness::None,
            Some(alarm) => match alarm.condition() {
                "active" => Witness::Active,
                "clear" => Witness::Clear,
                _ => Witness::Unknown,
            },
        }
    }

    /// What has come out different from what is known by `now`.
    pub fn finish(mut self, now: Timestamp) -> Change {
        let unaddressed = |notice: &Notice| notice.people.is_empty();
        let mut notices = std::mem::take(&mut self.notices);
        for notice in notices.iter_mut().filter(|notice| unaddressed(notice)) {
            notice.people = self.called(&["technician"], notice.at);
        }
        let mut journal = self.journal;
        let mut alarms = Vec::new();
        for (id, alarm) in self.alarms {
            let before = self.state.alarms.get(&id).map(Arc::as_ref);
            if before != Some(&alarm) {
                let keep = must_be_kept(before, &alarm);
                journal.extend(of_alarm(before, &alarm, now).filter(|_| keep));
                alarms.push((Arc::new(alarm), keep));
            }
        }
        let mut tickets = Vec::new();
        for ticket in self.tickets.into_values() {
            let before = self.state.tickets.get(&ticket.id).map(Arc::as_ref);
            let before = before.or(self.stored.get(&ticket.id));
            if before != Some(&ticket) {
                journal.extend(of_ticket(before, &ticket, now));
                tickets.push(Arc::new(ticket));
            }
        }
        Change {
            alarms,
            tickets,
            notices,
            journal,
            plans: self.plans,
            spans: self.conditions.finish(),
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

    fn overdue(&mut self, id: &str, kind: ClockKind, now: Timestamp) {
        let known = self
            .tickets
            .get(id)
            .cloned()
            .or_else(|| self.state.tickets.get(id).map(|ticket| (**ticket).clone()));
        let Some(mut ticket) = known else { return };
        ticket.announce(kind, now);
        self.notices.push(Notice::overdue(&ticket, kind, now));
        self.tickets.insert(ticket.id.clone(), ticket);
    }

    /// Changes the newest ticket of an alarm, if there is one.
    fn ticket_of(&mut self, alarm: &str, change: impl FnOnce(&mut Ticket)) {
        if let Some(mut ticket) = self.newest_ticket(alarm).cloned() {
            change(&mut ticket);
            self.tickets.insert(ticket.id.clone(), ticket);
        }
    }

    /// The newer ticket that a ticket's fault has, if it has one.
    fn newer_than(&self, ticket: &Ticket) -> Option<String> {
        let newest = self.newest_ticket(ticket.alarm.as_deref()?)?;
        (newest.number > ticket.number).then(|| newest.id.clone())
    }

    fn newest_ticket(&self, alarm: &str) -> Option<&Ticket> {
        let drafted = self
            .tickets
            .values()
            .filter(|ticket| ticket.alarm.as_deref() == Some(alarm));
        let drafted = drafted.max_by_key(|ticket| ticket.number);
        drafted.or_else(|| self.state.tickets.of_alarm(alarm).map(Arc::as_ref))
    }

    /// Brings a known alarm into the draft; whether there is one.
    fn know(&mut self, id: &str) -> bool {
        if !self.alarms.contains_key(id) {
            let Some(known) = self.state.alarms.get(id) else {
                return false;
            };
            self.alarms.insert(id.to_owned(), (**known).clone());
        }
        true
    }

    fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }
}

/// What a person reports.
#[derive(Clone, Debug)]
pub struct Report {
    /// The row of the standard.
    pub standard: String,
    /// About which device.
    pub device: Option<String>,
    /// How urgent.
    pub severity: Severity,
    /// About what.
    pub summary: Text,
    /// Who reported it.
    pub reporter: Option<String>,
    /// Who wrote it down.
    pub by: String,
}

fn new_alarm(id: String, watch: &Watch, subject: &Subject, at: Timestamp) -> Alarm {
    Alarm {
        id,
        rule: watch.rule.clone(),
        device: subject.device.clone(),
        class: subject.class.clone(),
        severity: watch.severity,
        phase: Phase::Normal,
        known: true,
        acknowledged: true,
        latched: false,
        since: at,
        summary: Text::default(),
        ticket: None,
        shelved: None,
        out_of_service: None,
    }
}

/// Whether a change of an alarm must outlive a restart. What is known of a condition need not: after a restart nothing is known
/// until it is read.
fn must_be_kept(before: Option<&Alarm>, after: &Alarm) -> bool {
    let Some(before) = before else { return true };
    let settled = before.state() == AlarmState::Normal && after.state() == AlarmState::Normal;
    !settled
        && *before
            != Alarm {
                known: before.known,
                ..after.clone()
            }
        || before.phase != after.phase
}

#[cfg(test)]
mod tests;
