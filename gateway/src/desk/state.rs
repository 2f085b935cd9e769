//! Takes a written change into what is known.

use jiff::civil::Date;

use super::draft::{Change, State};

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
