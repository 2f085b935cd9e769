//! The history's thread: writes every batch to local history, and bounds how much of it is kept.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use drivers::Receipt;
use jiff::{SignedDuration, Timestamp};
use metrics::{counter, gauge, histogram};
use model::{Batch, Site};
use tracing::{error, info, warn};

use super::DeviceCounters;
use super::outbox::NotTaken;
use crate::store::{HistoryReader, HistoryWriter, StoreError};

/// How long a group may collect before it is committed: a trend is looked at by people, who do not see a quarter of a second.
const GROUP_TIME: Duration = Duration::from_millis(250);
const GROUP_BATCHES: usize = 8_192;
const QUEUE_BATCHES: usize = 32_768;
const RETRY: Duration = Duration::from_secs(1);
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// How much history is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// For how long.
    pub age: SignedDuration,
    /// In how many bytes of the file at most.
    pub bytes: u64,
}

/// The way to the history's thread.
#[derive(Clone)]
pub struct Recorder {
    queue: SyncSender<(Arc<Batch>, Option<Receipt>)>,
}

impl Recorder {
    /// Opens the history of a data folder and starts its thread; the thread ends, with everything committed that it was given, once
    /// every clone of this is dropped. `counts_taken`: no outbox does.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn start(
        data: &Path,
        site: Arc<Site>,
        keep: Keep,
        counts_taken: bool,
    ) -> Result<(Self, HistoryReader, std::thread::JoinHandle<()>), StartError> {
        let writer = HistoryWriter::open(data, &site)?;
        let reader = writer.reader()?;
        let (queue, batches) = sync_channel(QUEUE_BATCHES);
        let taken = counts_taken.then(|| DeviceCounters::taken(&site));
        let thread = std::thread::Builder::new()
            .name("history".into())
            .spawn(move || RecorderThread { writer, keep, taken }.run(&batches))
            .map_err(StartError::Thread)?;
        Ok((Self { queue }, reader, thread))
    }

    /// Hands a batch over, without waiting.
    ///
    /// # Errors
    /// The queue is full, or the thread has ended.
    pub fn take(&self, batch: Arc<Batch>, receipt: Option<Receipt>) -> Result<(), NotTaken> {
        self.queue
            .try_send((batch, receipt))
            .map_err(|refused| match refused {
                std::sync::mpsc::TrySendError::Full(_) => NotTaken::Full,
                std::sync::mpsc::TrySendError::Disconnected(_) => NotTaken::Stopped,
            })
    }
}

/// Why the history could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its thread.
    #[error("the history's thread could not be started: {0}")]
    Thread(#[source] std::io::Error),
}

struct RecorderThread {
    writer: HistoryWriter,
    keep: Keep,
    taken: Option<DeviceCounters>,
}

impl RecorderThread {
    fn run(mut self, batches: &Receiver<(Arc<Batch>, Option<Receipt>)>) {
        let mut prune_at = Instant::now();
        while let Ok(first) = batches.recv() {
            let until = Instant::now() + GROUP_TIME;
            let mut group = vec![first];
            while group.len() < GROUP_BATCHES {
                match batches.recv_timeout(until.saturating_duration_since(Instant::now())) {
                    Ok(next) => group.push(next),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
            }
            self.commit(group);
            if Instant::now() >= prune_at {
                self.prune();
                prune_at = Instant::now() + PRUNE_EVERY;
            }
        }
    }

    fn commit(&mut self, group: Vec<(Arc<Batch>, Option<Receipt>)>) {
        let started = Instant::now();
        let mut refused = false;
        while let Err(error) = self.writer.put(group.iter().map(|(batch, _)| batch.as_ref())) {
            counter!("facility_history_commit_failures_total").increment(1);
            if !refused {
                error!(%error, "history cannot be stored; it is tried again every second: look at the data folder's disk");
                gauge!("facility_history_refused").set(1.0);
            }
            refused = true;
            std::thread::sleep(RETRY);
        }
        if refused {
            info!("history is stored again");
            gauge!("facility_history_refused").set(0.0);
        }
        histogram!("facility_history_commit_seconds").record(started.elapsed());
        for (batch, receipt) in group {
            if let Some(taken) = &self.taken {
                taken.count(batch.device, batch.good_count());
            }
            if let Some(receipt) = receipt {
                receipt.committed();
            }
        }
    }

    fn prune(&mut self) {
        let before = Timestamp::now()
            .saturating_sub(self.keep.age)
            .unwrap_or(Timestamp::MIN);
        if let Err(error) = self.writer.prune(before, self.keep.bytes) {
            warn!(%error, "old history could not be removed");
        }
    }
}
