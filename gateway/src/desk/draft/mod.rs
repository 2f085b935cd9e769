//! What should change when a rule says something, time passes, or a person acts: alarms, tickets and notices together.
//!
//! Pure: a [`Draft`] is worked out over what is known, `now` is an argument, and what comes out is a [`Change`] that is written whole
//! or not at all. Nothing here has been done until it is written. `ruled` is what rules say, `clocks` what time does, `opened` the
//! tickets that no rule opens.

mod change;
mod clocks;
mod opened;
mod ruled;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use model::{Site, Standard};

use super::entries::{of_alarm, of_ticket};
use super::state::State;
use crate::alarms::{Alarm, ConditionsDraft};
use crate::journal::Entry;
use crate::notices::{Called, Notice, called};
use crate::tickets::{Action, GATEWAY, Refusal, Said, Ticket, Witness, WorkCalendar};

pub use change::Change;
pub use opened::Report;
pub use ruled::{Subject, Watch};

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
                let keep = change::must_be_kept(before, &alarm);
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

#[cfg(test)]
mod tests;
