//! The outbox's thread: renders batches, compresses a group once, commits it, and only then counts it as taken.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use drivers::Receipt;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use metrics::{Counter, Histogram, counter, gauge, histogram};
use model::{Batch, Site};
use tokio::sync::Notify;
use tracing::{error, info, warn};

use super::{DeviceCounters, LineRenderer};
use crate::store::{OutboxWriter, is_full};

/// How long a group may collect before it is committed: the price in latency for one disk flush for many polls.
const GROUP_TIME: Duration = Duration::from_millis(25);
/// Lines of a group at most, before compression, in bytes.
const GROUP_BYTES: usize = 1 << 20;
/// Batches that may wait for the outbox's thread; beyond it a poll's batch is dropped and counted.
const QUEUE_BATCHES: usize = 16_384;
/// How often a group that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often the outbox's size is looked at.
const BOUND_EVERY: Duration = Duration::from_secs(30);

/// What the thread is told.
enum Told {
    Batch(Arc<Batch>, Option<Receipt>),
    Delivered(i64),
}

/// The way to the outbox's thread.
#[derive(Clone)]
pub struct Outbox {
    queue: SyncSender<Told>,
}

/// Why a batch was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// The queue is at its bound.
    Full,
    /// The thread has ended.
    Stopped,
}

impl Outbox {
    /// Starts the thread. It ends, with everything committed that it was given, once every clone of this is dropped.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        writer: OutboxWriter,
        site: Arc<Site>,
        destination: String,
        bound_bytes: u64,
        fresh: Arc<Notify>,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (queue, told) = sync_channel(QUEUE_BATCHES);
        let thread = std::thread::Builder::new().name("outbox".into()).spawn(move || {
            OutboxThread {
                renderer: LineRenderer::new(&site),
                taken: DeviceCounters::taken(&site),
                commit_seconds: histogram!("facility_outbox_commit_seconds"),
                failures: counter!("facility_outbox_commit_failures_total"),
                writer,
                destination,
                bound_bytes,
                fresh,
            }
            .run(&told);
        })?;
        Ok((Self { queue }, thread))
    }

    /// Hands a batch over, without waiting.
    ///
    /// # Errors
    /// The queue is full, or the thread has ended; the batch is not taken and its receipt never given.
    pub fn take(&self, batch: Arc<Batch>, receipt: Option<Receipt>) -> Result<(), NotTaken> {
        self.queue
            .try_send(Told::Batch(batch, receipt))
            .map_err(|refused| match refused {
                TrySendError::Full(_) => NotTaken::Full,
                TrySendError::Disconnected(_) => NotTaken::Stopped,
            })
    }

    /// Everything up to a body was delivered. When the queue is full this is left out: it is said again with the next delivery.
    pub fn delivered(&self, number: i64) {
        let _ = self.queue.try_send(Told::Delivered(number));
    }
}

/// A group of batches that is committed together.
struct Group {
    lines: String,
    samples: u64,
    batches: Vec<(Arc<Batch>, Option<Receipt>)>,
    delivered: Option<i64>,
    until: Instant,
}

struct OutboxThread {
    renderer: LineRenderer,
    taken: DeviceCounters,
    commit_seconds: Histogram,
    failures: Counter,
    writer: OutboxWriter,
    destination: String,
    bound_bytes: u64,
    fresh: Arc<Notify>,
}

impl OutboxThread {
    fn run(mut self, told: &Receiver<Told>) {
        let mut bound_at = Instant::now() + BOUND_EVERY;
        while let Ok(first) = told.recv() {
            let group = self.collect(first, told);
            self.commit(group);
            if Instant::now() >= bound_at {
                self.bound();
                bound_at = Instant::now() + BOUND_EVERY;
            }
        }
    }

    /// Collects what comes within the group's time and size.
    fn collect(&self, first: Told, told: &Receiver<Told>) -> Group {
        let mut group = Group {
            lines: String::new(),
            samples: 0,
            batches: Vec::new(),
            delivered: None,
            until: Instant::now() + GROUP_TIME,
        };
        self.add(&mut group, first);
        while group.lines.len() < GROUP_BYTES {
            match told.recv_timeout(group.until.saturating_duration_since(Instant::now())) {
                Ok(next) => self.add(&mut group, next),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        group
    }

    fn add(&self, group: &mut Group, told: Told) {
        match told {
            Told::Batch(batch, receipt) => {
                group.samples += self.renderer.render(&mut group.lines, &batch);
                group.batches.push((batch, receipt));
            }
            Told::Delivered(number) => group.delivered = group.delivered.max(Some(number)),
        }
    }

    /// Commits a group, however long the disk refuses: meanwhile the queue fills, and beyond its bound batches are dropped and counted.
    fn commit(&mut self, group: Group) {
        if let Some(number) = group.delivered
            && let Err(error) = self.writer.delivered(&self.destination, number)
        {
            warn!(%error, "the outbox could not note a delivery; it will be delivered again, which does no harm");
        }
        if group.samples > 0 {
            let body = compressed(&group.lines);
            let started = Instant::now();
            let mut refused = false;
            while let Err(error) = self.writer.put(&body, group.samples, Timestamp::now()) {
                self.failures.increment(1);
                if !refused {
                    let what_next = if is_full(&error) {
                        "free space on the data folder's disk"
                    } else {
                        "look at the data folder's disk"
                    };
                    error!(%error, what_next, "telemetry cannot be stored; it is tried again every second");
                    gauge!("facility_outbox_refused").set(1.0);
                }
                refused = true;
                std::thread::sleep(RETRY);
            }
            if refused {
                info!("telemetry is stored again");
                gauge!("facility_outbox_refused").set(0.0);
            }
            self.commit_seconds.record(started.elapsed());
        }
        for (batch, receipt) in group.batches {
            self.taken.count(batch.device, batch.good_count());
            if let Some(receipt) = receipt {
                receipt.committed();
            }
        }
        if group.samples > 0 {
            self.fresh.notify_one();
        }
    }

    fn bound(&mut self) {
        match self.writer.bound(self.bound_bytes) {
            Ok(0) => {}
            Ok(lost) => {
                counter!("facility_outbox_dropped_samples_total").increment(lost);
                warn!(
                    lost,
                    bound_bytes = self.bound_bytes,
                    "the outbox is at its bound: its oldest samples were dropped"
                );
            }
            Err(error) => warn!(%error, "the outbox's size could not be bounded"),
        }
    }
}

/// The lines as one gzip member; members one after another are gzip again, so that bodies can be sent together as they are.
fn compressed(lines: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(lines.len() / 6), Compression::fast());
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(lines.as_bytes());
    encoder.finish().unwrap_or_default()
}
