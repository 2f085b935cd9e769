//! When each running clock runs out, kept in order, so that asking costs the same with ten thousand open tickets as with one.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::{ClockKind, Ticket, WorkCalendar};

/// The due times of the clocks that run and of which nobody was told that they ran out.
///
/// A clock that runs has one due time until its ticket changes, so only tickets that changed are looked at again.
#[derive(Clone, Debug, Default)]
pub(super) struct Dues {
    ordered: BTreeSet<(Timestamp, String, ClockKind)>,
    of_ticket: HashMap<String, Vec<(Timestamp, ClockKind)>>,
    provisional: HashSet<String>,
    stale: HashSet<String>,
}

impl Dues {
    /// Takes note that a ticket changed, came or went.
    pub(super) fn changed(&mut self, id: &str) {
        self.stale.insert(id.to_owned());
    }

    /// Looks at the tickets that changed.
    pub(super) fn refresh(
        &mut self,
        tickets: &HashMap<String, Arc<Ticket>>,
        now: Timestamp,
        calendar: &WorkCalendar,
    ) {
        for id in std::mem::take(&mut self.stale) {
            for (due, kind) in self.of_ticket.remove(&id).unwrap_or_default() {
                self.ordered.remove(&(due, id.clone(), kind));
            }
            self.provisional.remove(&id);
            let Some(ticket) = tickets.get(&id) else { continue };
            let dues = ticket.unannounced(now, calendar);
            let dues: Vec<_> = dues.map(|(kind, due)| (due, kind)).collect();
            for (due, kind) in &dues {
                self.ordered.insert((*due, id.clone(), *kind));
            }
            if ticket.is_provisional(now, calendar) {
                self.provisional.insert(id.clone());
            }
            if !dues.is_empty() {
                self.of_ticket.insert(id, dues);
            }
        }
    }

    /// The clocks whose due time has passed at `now`, the earliest first.
    pub(super) fn ran_out(&self, now: Timestamp) -> Vec<(String, ClockKind)> {
        let over = self.ordered.iter().take_while(|(due, ..)| *due < now);
        over.map(|(_, id, kind)| (id.clone(), *kind)).collect()
    }

    /// The earliest due time.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.ordered.first().map(|(due, ..)| *due)
    }

    /// The tickets with a provisional deadline that runs.
    pub(super) fn provisional(&self) -> &HashSet<String> {
        &self.provisional
    }
}
