//! What others see of history: one after another reads its file, and how far it goes back is known without asking it.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::store::{HistoryReader, StoreError, is_spoiled};

/// Nothing was recorded yet.
const NOTHING: i64 = i64::MIN;

/// Local history as it is read from; its recorder keeps it up to date.
pub struct ShownHistory {
    reader: Mutex<HistoryReader>,
    /// When its oldest reading was, in seconds since 1970.
    oldest: AtomicI64,
    /// Somebody has met a spoiled file.
    is_spoiled: AtomicBool,
}

impl ShownHistory {
    pub(super) fn new(reader: HistoryReader) -> Self {
        Self {
            reader: Mutex::new(reader),
            oldest: AtomicI64::new(NOTHING),
            is_spoiled: AtomicBool::new(false),
        }
    }

    /// Reads from it. Whoever finds the file spoiled has it begun anew by that.
    ///
    /// # Errors
    /// What the look fails with.
    pub fn look<T>(
        &self,
        look: impl FnOnce(&HistoryReader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let reader = self.reader();
        let seen = look(&reader);
        // Still under the lock: what is said of a file that is no more must not be taken for the new one.
        if seen.as_ref().is_err_and(is_spoiled) {
            self.is_spoiled.store(true, Ordering::Relaxed);
        }
        seen
    }

    /// When the ten minutes began that its oldest reading is in, as it was a minute ago at most.
    pub fn oldest(&self) -> Option<Timestamp> {
        let seconds = self.oldest.load(Ordering::Relaxed);
        Timestamp::from_second(seconds)
            .ok()
            .filter(|_| seconds != NOTHING)
    }

    pub(super) fn set_oldest(&self, oldest: Option<Timestamp>) {
        let seconds = oldest.map_or(NOTHING, Timestamp::as_second);
        self.oldest.store(seconds, Ordering::Relaxed);
    }

    /// Whether somebody has met a spoiled file since it was begun anew.
    pub(super) fn is_spoiled(&self) -> bool {
        self.is_spoiled.load(Ordering::Relaxed)
    }

    /// Shows the file that was begun anew.
    pub(super) fn show(&self, new: HistoryReader) {
        let mut reader = self.reader();
        *reader = new;
        self.is_spoiled.store(false, Ordering::Relaxed);
    }

    fn reader(&self) -> MutexGuard<'_, HistoryReader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
