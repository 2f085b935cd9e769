//! What the outbox's thread does beside storing: it bounds what waits, and takes over what can be read of a spoiled file.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use tracing::{error, warn};

use super::OutboxThread;
use crate::settled_clock::before;
use crate::store::{Pending, StoreError, TakenOver, TooOld, is_spoiled};

/// Between two pieces of a spoiled outbox, so that what is read now goes on being stored …
const NEXT_PIECE: Duration = Duration::from_millis(100);
/// … and after one that the disk refused.
const PIECE_AGAIN: Duration = Duration::from_secs(10);
/// So many pieces are removed at most each time that the bounds are looked at.
const PIECES_AT_ONCE: usize = 64;

impl OutboxThread {
    /// Takes over the next piece of a spoiled outbox, where there is one.
    pub(super) fn take_over(&mut self) {
        if !self.parts.writer.has_spoiled() || Instant::now() < self.piece_at {
            return;
        }
        match self.try_to_take_over() {
            Ok(taken) => {
                (self.piece_refused, self.piece_at) = (false, Instant::now() + NEXT_PIECE);
                // Whoever delivers finds them in the file.
                let number = self.parts.writer.newest();
                self.newest
                    .send_modify(|newest| (newest.number, newest.body) = (number, None));
                if let Some(TakenOver::Whole(it)) = taken {
                    warn!(aside = %it.aside.display(), bodies = it.bodies, unreadable = it.unreadable, too_old = it.too_old,
                        "what could be read of a spoiled outbox is delivered now; of those that could not nothing is known");
                }
            }
            Err(reason) => {
                if !self.piece_refused {
                    warn!(
                        reason,
                        "a spoiled outbox is not taken over; it is tried again every ten seconds"
                    );
                }
                (self.piece_refused, self.piece_at) = (true, Instant::now() + PIECE_AGAIN);
            }
        }
    }

    fn try_to_take_over(&mut self) -> Result<Option<TakenOver>, String> {
        if let Some(too_little) = self.too_little() {
            return Err(too_little);
        }
        let too_old = self.too_old();
        let half = self.parts.bounds.bytes / 2;
        let waiting = self.parts.writer.waiting_bytes();
        let taken = waiting.and_then(|waiting| self.parts.writer.take_over(too_old, waiting <= half));
        let lost = self.parts.writer.take_lost();
        if lost > 0 {
            counter!("facility_outbox_dropped_samples_total").increment(lost);
        }
        match taken {
            // It gets the highest numbers: at the bound what was read since would go before it.
            Ok(Some(TakenOver::Waits)) => Err(format!(
                "more than half of the {} MiB that may wait are taken by what was read since, which goes first",
                self.parts.bounds.bytes >> 20
            )),
            Ok(taken) => Ok(taken),
            Err(error) => {
                self.recover_if_spoiled(&error);
                Err(error.to_string())
            }
        }
    }

    /// What may go for its age now; nothing before the clock has settled.
    fn too_old(&mut self) -> Option<TooOld> {
        let settled = self.clock.look(Instant::now(), Timestamp::now())?;
        let age = self.parts.bounds.age;
        Some(TooOld {
            before: before(settled, age),
            of_this_run: SignedDuration::try_from(self.began.elapsed()).is_ok_and(|run| run >= age),
        })
    }

    /// Where an error says that the file is spoiled, begins it anew.
    pub(super) fn recover_if_spoiled(&mut self, error: &StoreError) {
        if is_spoiled(error) {
            self.recover();
        }
    }

    /// The file is spoiled: it is moved aside, and what can be read of it is taken over by and by.
    pub(super) fn recover(&mut self) {
        // Of a file that is no more.
        self.delivered.clear();
        match self.parts.writer.recover(Timestamp::now()) {
            Ok(Some(aside)) => report(&aside),
            Ok(None) => {}
            Err(error) => error!(%error, "the spoiled outbox could not be begun anew"),
        }
        // Whoever delivers must open the new file.
        self.newest.send_modify(|newest| {
            newest.file += 1;
            (newest.number, newest.body) = (self.parts.writer.newest(), None);
        });
    }

    /// Removes what is too old or too much.
    pub(super) fn bound(&mut self) {
        let too_old = self.too_old();
        let mut lost = 0;
        // Little by little, and the rest the next time: nothing is stored meanwhile.
        for _ in 0..PIECES_AT_ONCE {
            match self.parts.writer.bound(self.parts.bounds.bytes, too_old) {
                Ok(Some(samples)) => lost += samples,
                Ok(None) => break,
                Err(error) => {
                    warn!(%error, "the outbox's size could not be bounded");
                    self.recover_if_spoiled(&error);
                    break;
                }
            }
        }
        if lost > 0 {
            counter!("facility_outbox_dropped_samples_total").increment(lost);
            warn!(
                lost,
                "the outbox is at its bound: its oldest samples were dropped"
            );
        }
    }
}

/// Says what waited for destinations that the site has no more.
pub(super) fn report_gone(gone: &[(String, Pending)]) {
    for (destination, pending) in gone {
        counter!("facility_outbox_dropped_samples_total").increment(pending.samples);
        warn!(
            destination,
            samples = pending.samples,
            bodies = pending.bodies,
            "this destination is no longer in the site: what waited for it is not delivered there"
        );
    }
}

/// Says that an outbox was spoiled.
pub fn report(aside: &Path) {
    counter!("facility_outbox_spoiled_total").increment(1);
    error!(
        aside = %aside.display(),
        "the outbox was spoiled: it was moved aside and begun anew, and what can be read of it is still delivered"
    );
}
