//! Takes a written change into what is known.

use super::draft::{Change, State};

impl State {
    /// Takes in a change that has been written.
    pub fn apply(&mut self, change: &Change) {
        for (alarm, _) in &change.alarms {
            self.alarms.insert(alarm.id.clone(), alarm.clone());
        }
        for ticket in &change.tickets {
            self.tickets.put(ticket.clone());
        }
        for span in &change.spans {
            self.conditions.apply(span);
        }
    }
}
