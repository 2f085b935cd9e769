//! Clocks that run out, and who hears of it.

use jiff::Timestamp;

use super::Draft;
use crate::notices::{Notice, due_rungs};
use crate::tickets::{ClockKind, GATEWAY};

impl Draft<'_> {
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
}
