//! The intake: one loop that owns the live image and hands each batch, in order, to telemetry and to the desk.

use std::sync::{Arc, PoisonError, RwLock};

use drivers::Delivery;
use model::Site;
use tokio::sync::mpsc::Receiver;

use crate::desk::DeskHandle;
use crate::live::Live;
use crate::telemetry::{DeviceCounters, NotTaken, Outbox, Recorder};

/// So many deliveries are taken at one wake-up.
const AT_ONCE: usize = 512;

/// Where batches go.
pub struct Intake {
    /// The newest sample of every point.
    pub live: Arc<RwLock<Live>>,
    /// To the database, if there is one.
    pub outbox: Option<Outbox>,
    /// To local history.
    pub recorder: Recorder,
    /// To rules, alarms and tickets.
    pub desk: DeskHandle,
}

impl Intake {
    /// Hands on what the drivers deliver until the last of them has ended. Nothing here waits.
    pub async fn run(self, site: &Site, mut deliveries: Receiver<Delivery>) {
        let dropped = DeviceCounters::dropped(site, "storage_queue_full");
        let mut taken = Vec::with_capacity(AT_ONCE);
        let mut batches = Vec::with_capacity(AT_ONCE);
        while deliveries.recv_many(&mut taken, AT_ONCE).await > 0 {
            {
                let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
                for Delivery { batch, receipt } in taken.drain(..) {
                    let is_newest = live.take(&batch);
                    batches.push((Arc::new(batch), receipt, is_newest));
                }
            }
            for (batch, receipt, is_newest) in batches.drain(..) {
                self.hand_on(batch, receipt, is_newest, &dropped);
            }
        }
    }

    fn hand_on(
        &self,
        batch: Arc<model::Batch>,
        receipt: Option<drivers::Receipt>,
        is_newest: bool,
        dropped: &DeviceCounters,
    ) {
        // Whoever counts a batch as taken holds its receipt: the outbox, or without one the history.
        let stored = match &self.outbox {
            Some(outbox) => {
                if self.recorder.take(Arc::clone(&batch), None) == Err(NotTaken::Full) {
                    metrics::counter!("facility_history_batches_dropped_total").increment(1);
                }
                outbox.take(Arc::clone(&batch), receipt)
            }
            None => self.recorder.take(Arc::clone(&batch), receipt),
        };
        if stored.is_err() {
            dropped.count(batch.device, batch.good_count());
        }
        if is_newest {
            self.desk.batch(batch);
        }
    }
}
