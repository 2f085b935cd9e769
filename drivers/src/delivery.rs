//! What a driver hands to the gateway's intake: a batch, and the receipt that its sender waits for.

use std::fmt;

use model::Batch;
use tokio::sync::mpsc;

use crate::meters::Dropped;

/// A batch on its way to the gateway.
#[derive(Debug)]
pub struct Delivery {
    /// The samples of one device.
    pub batch: Batch,
    /// What to call once they are on disk; a poll waits for nothing and has none.
    pub receipt: Option<Receipt>,
}

/// Tells the sender of a batch that its samples are on disk. Dropped uncalled, it says that they are not: the message stays
/// unacknowledged, and its broker delivers it again.
pub struct Receipt(Box<dyn FnOnce() + Send>);

impl Receipt {
    /// A receipt that calls `committed` when the samples are on disk; it must return at once.
    pub fn new(committed: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(committed))
    }

    /// Says that the samples are on disk.
    pub fn committed(self) {
        (self.0)();
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Receipt")
    }
}

/// The intake as a poll sees it: it never waits there.
pub(crate) struct PollIntake {
    intake: mpsc::Sender<Delivery>,
    connection: String,
    told_full: bool,
}

impl PollIntake {
    /// The intake for the polls of a connection.
    pub(crate) fn new(intake: mpsc::Sender<Delivery>, connection: &str) -> Self {
        Self {
            intake,
            connection: connection.to_owned(),
            told_full: false,
        }
    }

    /// Hands a batch on if there is room, else drops it and counts its good samples: a poll is never late because of
    /// anything downstream.
    pub(crate) fn offer(&mut self, batch: Batch, dropped: &Dropped) {
        let Err(refused) = self.intake.try_send(Delivery { batch, receipt: None }) else {
            self.told_full = false;
            return;
        };
        dropped.increment(refused.into_inner().batch.good_count() as u64);
        if !self.told_full {
            self.told_full = true;
            let connection = &self.connection;
            tracing::warn!(
                connection,
                "the intake is full, polled samples are dropped and counted; the disk may be slow"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters::DeviceMeters;
    use model::{DeviceIndex, Missing, PointId, Reading, Sample, Value};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn batch() -> Batch {
        let readings = [
            Reading::Good(Value::Number(1.0)),
            Reading::Missing(Missing::NoAnswer),
            Reading::Good(Value::Bool(true)),
        ];
        let samples = readings.into_iter().zip(0..).map(|(reading, point)| Sample {
            point: PointId(point),
            reading,
        });
        Batch {
            device: DeviceIndex(0),
            at: jiff::Timestamp::UNIX_EPOCH,
            order: 0,
            samples: samples.collect(),
        }
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_its_good_samples_are_counted() {
        let (intake, mut batches) = mpsc::channel(1);
        let mut intake = PollIntake::new(intake, "line");
        let meters = DeviceMeters::new("tested");
        for expected in [0, 2, 4] {
            intake.offer(batch(), &meters.dropped);
            assert_eq!(meters.dropped.count(), expected);
        }
        assert!(batches.try_recv().is_ok());
        intake.offer(batch(), &meters.dropped);
        assert_eq!(meters.dropped.count(), 4);
    }

    #[test]
    fn a_receipt_says_that_samples_are_stored_only_when_it_is_told_so() {
        let told = Arc::new(AtomicU64::new(0));
        let receipt = |told: Arc<AtomicU64>| {
            Receipt::new(move || {
                told.fetch_add(1, Ordering::Relaxed);
            })
        };
        drop(receipt(told.clone()));
        assert_eq!(told.load(Ordering::Relaxed), 0);
        receipt(told.clone()).committed();
        assert_eq!(told.load(Ordering::Relaxed), 1);
    }
}
