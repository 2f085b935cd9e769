//! The outbox's thread: renders batches, compresses a group once, commits it, and only then counts it as taken.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::SignedDuration;
use jiff::Timestamp;
use metrics::{Counter, Histogram, counter, histogram};
use model::Site;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::queue::{NotTaken, QueueReceiver, QueueSender, Taken, queue};
use super::{DeviceCounters, LineRenderer, Room, Trouble};
use crate::store::{OutboxWriter, Recovered, is_spoiled};

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
    Batches(Vec<Taken>),
    Delivered(Arc<str>, i64),
    Spoiled,
}

/// How much may wait, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of bodies.
    pub bytes: u64,
    /// Age of a body.
    pub age: SignedDuration,
}

/// What the outbox works with.
pub struct OutboxParts {
    /// Where it writes.
    pub writer: OutboxWriter,
    /// Whose devices.
    pub site: Arc<Site>,
    /// How much may wait.
    pub bounds: Bounds,
    /// The disk.
    pub room: Room,
    /// Why nothing is stored, for people.
    pub trouble: Trouble,
    /// Gives up on a disk that refuses.
    pub stop: CancellationToken,
}

/// The way to the outbox's thread.
#[derive(Clone)]
pub struct Outbox {
    queue: QueueSender<Told>,
}

impl Outbox {
    /// Starts the thread, and gives the number of the newest body to those who deliver. It ends, with everything committed that it
    /// was given, once every clone of this is dropped.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        parts: OutboxParts,
    ) -> std::io::Result<(Self, watch::Receiver<i64>, std::thread::JoinHandle<()>)> {
        let (queue, told) = queue(QUEUE_BATCHES);
        let (newest, delivered_from) = watch::channel(0);
        let thread = std::thread::Builder::new().name("outbox".into()).spawn(move || {
            OutboxThread {
                renderer: LineRenderer::new(&parts.site),
                taken: DeviceCounters::taken(&parts.site),
                commit_seconds: histogram!("facility_outbox_commit_seconds"),
                failures: counter!("facility_outbox_commit_failures_total"),
                parts,
                newest,
            }
            .run(&told);
        })?;
        Ok((Self { queue }, delivered_from, thread))
    }

    /// Hands batches over, without waiting.
    ///
    /// # Errors
    /// The queue is full, or the thread has ended; the batches are not taken and their receipts never given.
    pub fn take(&self, batches: Vec<Taken>) -> Result<(), NotTaken> {
        if !self.queue.has_room(&batches) {
            return Err(NotTaken::Full(batches));
        }
        let count = batches.len();
        if self.queue.put(Told::Batches(batches), count) {
            Ok(())
        } else {
            Err(NotTaken::Stopped)
        }
    }

    /// Everything up to a body was delivered.
    pub fn delivered(&self, destination: &Arc<str>, number: i64) {
        self.queue
            .put(Told::Delivered(Arc::clone(destination), number), 0);
    }

    /// The file was found to be spoiled while it was read.
    pub fn spoiled(&self) {
        self.queue.put(Told::Spoiled, 0);
    }
}

/// A group of batches that is committed together.
struct Group {
    lines: String,
    samples: u64,
    batches: Vec<Taken>,
    delivered: Vec<(Arc<str>, i64)>,
    spoiled: bool,
    until: Instant,
}

struct OutboxThread {
    parts: OutboxParts,
    renderer: LineRenderer,
    taken: DeviceCounters,
    commit_seconds: Histogram,
    failures: Counter,
    newest: watch::Sender<i64>,
}

impl OutboxThread {
    fn run(mut self, told: &QueueReceiver<Told>) {
        let mut bound_at = Instant::now();
        while let Some(first) = told.next() {
            let group = self.collect(first, told);
            self.commit(group);
            if Instant::now() >= bound_at {
                self.bound();
                bound_at = Instant::now() + BOUND_EVERY;
            }
        }
    }

    /// Collects what comes within the group's time and size.
    fn collect(&self, first: Told, told: &QueueReceiver<Told>) -> Group {
        let mut group = Group {
            lines: String::new(),
            samples: 0,
            batches: Vec::new(),
            delivered: Vec::new(),
            spoiled: false,
            until: Instant::now() + GROUP_TIME,
        };
        self.add(&mut group, first);
        while group.lines.len() < GROUP_BYTES {
            match told.next_until(group.until) {
                Some(next) => self.add(&mut group, next),
                None => break,
            }
        }
        group
    }

    fn add(&self, group: &mut Group, told: Told) {
        match told {
            Told::Batches(batches) => {
                for (batch, _) in &batches {
                    group.samples += self.renderer.render(&mut group.lines, batch);
                }
                group.batches.extend(batches);
            }
            Told::Delivered(destination, number) => group.delivered.push((destination, number)),
            Told::Spoiled => group.spoiled = true,
        }
    }

    /// Commits a group; what is committed is counted as taken, and whoever sent it is told.
    fn commit(&mut self, group: Group) {
        if group.spoiled {
            self.recover();
        }
        for (destination, number) in &group.delivered {
            if let Err(error) = self.parts.writer.delivered(destination, *number) {
                warn!(%error, "the outbox could not note a delivery; it will be delivered again, which does no harm");
            }
        }
        if group.samples > 0 && !self.store(&group) {
            return;
        }
        for (batch, receipt) in group.batches {
            self.taken.count(batch.device, batch.good_count());
            if let Some(receipt) = receipt {
                receipt.committed();
            }
        }
    }

    /// Stores a group, however long the disk refuses: meanwhile the queue fills, and beyond its bound batches are dropped and
    /// counted. Gives up only when the gateway stops; then the group was never counted as taken.
    fn store(&mut self, group: &Group) -> bool {
        let body = compressed(&group.lines);
        let started = Instant::now();
        let mut refused = false;
        loop {
            match self.try_store(&body, group.samples) {
                Ok(number) => {
                    if refused {
                        info!("telemetry is stored again");
                        self.parts.trouble.clear();
                    }
                    self.commit_seconds.record(started.elapsed());
                    self.newest.send_replace(number);
                    return true;
                }
                Err(reason) => {
                    self.failures.increment(1);
                    if !refused {
                        error!(reason, "telemetry is not stored; it is tried again every second");
                    }
                    self.parts.trouble.set(reason);
                    refused = true;
                }
            }
            if self.parts.stop.is_cancelled() {
                return false;
            }
            std::thread::sleep(RETRY);
        }
    }

    fn try_store(&mut self, body: &[u8], samples: u64) -> Result<i64, String> {
        if let Some(too_little) = self.parts.room.too_little() {
            return Err(too_little);
        }
        self.parts
            .writer
            .put(body, samples, Timestamp::now())
            .map_err(|error| {
                if is_spoiled(&error) {
                    self.recover();
                }
                error.to_string()
            })
    }

    /// The file is spoiled: it is moved aside, and what can be read of it is taken over.
    fn recover(&mut self) {
        match self.parts.writer.recover(Timestamp::now()) {
            Ok(recovered) => report(&recovered),
            Err(error) => error!(%error, "the spoiled outbox could not be begun anew"),
        }
        // Whoever delivers must open the new file.
        self.newest.send_modify(|_| {});
    }

    fn bound(&mut self) {
        let oldest = Timestamp::now()
            .saturating_sub(self.parts.bounds.age)
            .unwrap_or(Timestamp::MIN);
        match self.parts.writer.bound(self.parts.bounds.bytes, oldest) {
            Ok(0) => {}
            Ok(lost) => {
                counter!("facility_outbox_dropped_samples_total").increment(lost);
                warn!(
                    lost,
                    "the outbox is at its bound: its oldest samples were dropped"
                );
            }
            Err(error) => warn!(%error, "the outbox's size could not be bounded"),
        }
    }
}

/// Says what became of a spoiled outbox.
pub fn report(recovered: &Recovered) {
    counter!("facility_outbox_spoiled_total").increment(1);
    error!(
        aside = %recovered.aside.display(),
        bodies = recovered.bodies,
        "the outbox was spoiled: it was moved aside and begun anew, and what could be read of it is still delivered"
    );
}

/// The lines as one gzip member; members one after another are gzip again, so that bodies can be sent together as they are.
fn compressed(lines: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(lines.len() / 6), Compression::fast());
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(lines.as_bytes());
    encoder.finish().unwrap_or_default()
}
