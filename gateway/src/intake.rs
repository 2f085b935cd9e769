//! The intake: one loop that owns the live image and hands batches, in order, to telemetry and to the desk.

use std::sync::{Arc, PoisonError, RwLock};

use drivers::Delivery;
use metrics::counter;
use model::Site;
use tokio::sync::mpsc::Receiver;

use crate::desk::DeskHandle;
use crate::live::Live;
use crate::telemetry::{DeviceCounters, NotTaken, Outbox, Recorder, Taken};

/// So many deliveries are taken at one wake-up.
const AT_ONCE: usize = 512;

/// Where batches go.
pub struct Intake {
    /// The newest sample of every point.
    pub live: Arc<RwLock<Live>>,
    /// To the databases, if there are any.
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
        while deliveries.recv_many(&mut taken, AT_ONCE).await > 0 {
            let mut group = Vec::with_capacity(taken.len());
            let mut newest = Vec::with_capacity(taken.len());
            {
                let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
                for Delivery { batch, receipt } in taken.drain(..) {
                    let is_newest = live.take(&batch);
                    let batch = Arc::new(batch);
                    if is_newest {
                        newest.push(Arc::clone(&batch));
                    }
                    group.push((batch, receipt));
                }
            }
            self.store(group, &dropped);
            if !newest.is_empty() {
                self.desk.batches(newest);
            }
        }
    }

    /// Hands a group to the stores. Whoever counts batches as taken holds their receipts: the outbox, or without one the history.
    fn store(&self, group: Vec<Taken>, dropped: &DeviceCounters) {
        let stored = match &self.outbox {
            Some(outbox) => {
                let history = group.iter().map(|(batch, _)| (Arc::clone(batch), None)).collect();
                if let Err(NotTaken::Full(refused)) = self.recorder.take(history) {
                    counter!("facility_history_batches_dropped_total").increment(refused.len() as u64);
                }
                outbox.take(group)
            }
            None => self.recorder.take(group),
        };
        // Only polls are refused: a message that is dropped here would take its broker's line down, and come again.
        if let Err(NotTaken::Full(refused)) = stored {
            for (batch, _) in refused {
                dropped.count(batch.device, batch.good_count());
            }
        }
    }
}
