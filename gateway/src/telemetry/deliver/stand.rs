//! How a delivery goes, for people: whether the database takes something, why it does not, and what of it is refused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use metrics::counter;
use tracing::{info, warn};

use crate::step_clock::Since;
use crate::store::Pending;

/// How delivery goes, for people.
#[derive(Clone, Debug, Default)]
pub struct DeliveryStand {
    /// When the database took something last.
    pub last_written_at: Option<Timestamp>,
    /// Why it does not now.
    pub error: Option<String>,
    /// Since when it does not.
    pub failing_since: Option<Since>,
    /// Whether it is because the database does not know us: that does not mend itself.
    pub denied: bool,
    /// What waits.
    pub pending: Pending,
    /// The lines that it refused, if it did since the start.
    pub refused: Option<RefusedLines>,
}

/// Lines that a database refused, while it may have taken others.
#[derive(Clone, Debug)]
pub struct RefusedLines {
    /// How many since the start.
    pub lines: u64,
    /// When the last of them was.
    pub last_at: Timestamp,
    /// What the database said of it.
    pub reason: String,
}

/// The stand of a destination, beside those who look at it.
#[derive(Clone)]
pub(super) struct Stand {
    destination: Arc<str>,
    shown: Arc<Mutex<DeliveryStand>>,
}

impl Stand {
    pub(super) fn new(destination: &Arc<str>) -> Self {
        Self {
            destination: Arc::clone(destination),
            shown: Arc::default(),
        }
    }

    pub(super) fn shown(&self) -> Arc<Mutex<DeliveryStand>> {
        Arc::clone(&self.shown)
    }

    /// The database has written something.
    pub(super) fn succeeded(&self) {
        let mut stand = self.lock();
        stand.last_written_at = Some(Timestamp::now());
        (stand.failing_since, stand.denied) = (None, false);
        if stand.error.take().is_some() {
            info!(
                destination = %self.destination,
                "the database takes telemetry again"
            );
        }
    }

    /// It has not. Logged when the reason changes, not at every try.
    pub(super) fn failed(&self, reason: String, denied: bool) {
        if self.note_failure(&reason, denied) {
            warn!(
                destination = %self.destination,
                reason, "the database does not take telemetry; it waits in the outbox"
            );
        }
    }

    /// Nothing is delivered; whether the reason is another than before, and is to be logged.
    pub(super) fn note_failure(&self, reason: &str, denied: bool) -> bool {
        counter!("facility_delivery_failures_total").increment(1);
        let mut stand = self.lock();
        let is_new = stand.error.as_deref() != Some(reason);
        if is_new {
            stand.error = Some(reason.to_owned());
        }
        stand.denied = denied;
        stand.failing_since.get_or_insert_with(Since::now);
        is_new
    }

    /// So many lines were refused, for this reason.
    pub(super) fn refused(&self, lines: usize, reason: &str) {
        let mut stand = self.lock();
        let before = stand.refused.as_ref().map_or(0, |refused| refused.lines);
        stand.refused = Some(RefusedLines {
            lines: before + lines as u64,
            last_at: Timestamp::now(),
            reason: reason.to_owned(),
        });
    }

    pub(super) fn pending(&self, pending: Pending) {
        self.lock().pending = pending;
    }

    fn lock(&self) -> MutexGuard<'_, DeliveryStand> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
