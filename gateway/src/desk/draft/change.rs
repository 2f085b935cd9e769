//! What came out of a draft, and what of it must be on disk.

use std::sync::Arc;

use jiff::civil::Date;

use crate::alarms::{Alarm, AlarmState, ConditionSpan};
use crate::journal::Entry;
use crate::notices::Notice;
use crate::tickets::Ticket;

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

/// Whether a change of an alarm must outlive a restart. What is known of a condition need not: after a restart nothing is known
/// until it is read.
pub(super) fn must_be_kept(before: Option<&Alarm>, after: &Alarm) -> bool {
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
