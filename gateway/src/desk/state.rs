//! What the desk knows, and how a written change is taken into it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::draft::Change;
use crate::alarms::{Alarm, Conditions};
use crate::tickets::TicketBook;

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

impl State {
    /// Takes in a change that has been written.
    pub fn apply(&mut self, change: &Change) {
        for (alarm, _) in &change.alarms {
            self.alarms.insert(alarm.id.clone(), alarm.clone());
        }
        for (work, day) in &change.plans {
            self.seen_to(work, *day);
        }
        for ticket in &change.tickets {
            if let Some(run) = &ticket.planned {
                self.seen_to(&run.work, run.due);
            }
            self.tickets.put(ticket.clone());
        }
        for span in &change.spans {
            self.conditions.apply(span);
        }
    }

    fn seen_to(&mut self, work: &str, day: Date) {
        let seen_to = self.planned.entry(work.to_owned()).or_insert(day);
        *seen_to = (*seen_to).max(day);
    }
}
