//! The outbox's thread: renders batches, compresses a group once, commits it, and only then counts it as taken.

mod deliveries;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use jiff::Timestamp;
use metrics::{Counter, Histogram, counter, histogram};
use model::Site;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::gzip::Packing;
use super::queue::{Ended, NotTaken, QueueReceiver, QueueSender, Taken, queue};
use super::{DeviceCounters, LineRenderer, Room, Trouble};
use crate::settled_clock::SettledClock;
use crate::store::{Body, OutboxWriter, StoreError};
use deliveries::Deliveries;

use upkeep::report_gone;

pub use upkeep::report;

/// How long a group may collect before it is committed: the price in latency for one disk flush for many polls.
const GROUP_TIME: Duration = Duration::from_millis(25);
/// Lines of a group at most, before compression, in bytes.
const GROUP_BYTES: usize = 1 << 20;
/// Batches of polls that may wait for the outbox's thread; beyond it a poll's batch is dropped and counted.
const QUEUE_BATCHES: usize = 16_384;
/// How often a group that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often the outbox's size is looked at.
const BOUND_EVERY: Duration = Duration::from_secs(30);

/// What the thread is told.
enum Told {
    Batches(Vec<Taken>),
    /// Something of deliveries.
    Deliveries,
}

/// The newest body, for those who deliver.
#[derive(Clone, Debug, Default)]
pub struct Newest {
    /// Its number.
    pub number: i64,
    /// The outbox's file, counted from the start: a spoiled one is begun anew, and whoever reads must open the new one.
    pub file: u32,
    /// The body itself, so that whoever has all before it need not read it; none after a start.
    pub body: Option<Arc<Body>>,
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
    deliveries: Deliveries,
}

impl Outbox {
    /// Starts the thread, and gives the newest body to those who deliver. It ends, with everything committed that it
    /// was given, once every clone of this is dropped.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        mut parts: OutboxParts,
    ) -> std::io::Result<(Self, watch::Receiver<Newest>, std::thread::JoinHandle<()>)> {
        report_gone(&parts.writer.take_gone());
        let (queue, told) = queue(QUEUE_BATCHES);
        let deliveries = Deliveries::default();
        let heard = deliveries.clone();
        let (newest, delivered_from) = watch::channel(Newest {
            number: parts.writer.newest(),
            ..Newest::default()
        });
        let thread = std::thread::Builder::new().name("outbox".into()).spawn(move || {
            OutboxThread {
                renderer: LineRenderer::new(&parts.site),
                taken: DeviceCounters::taken(&parts.site),
                commit_seconds: histogram!("facility_outbox_commit_seconds"),
                failures: counter!("facility_outbox_commit_failures_total"),
                parts,
                began: Instant::now(),
                clock: SettledClock::new(Instant::now(), Timestamp::now()),
                newest,
                lines: Packing::default(),
                piece_at: Instant::now(),
                piece_refused: false,
                heard,
                delivered: BTreeMap::new(),
            }
            .run(&told);
        })?;
        Ok((Self { queue, deliveries }, delivered_from, thread))
    }

    /// Hands batches over, without waiting.
    ///
    /// # Errors
    /// There is no room for the polls among them, which are not taken; or the thread has ended, and no receipt is ever given.
    pub fn take(&self, batches: Vec<Taken>) -> Result<(), NotTaken> {
        self.queue.take(batches, Told::Batches)
    }

    /// Everything up to a body of a file was delivered.
    pub fn delivered(&self, destination: &Arc<str>, file: u32, number: i64) {
        self.call(self.deliveries.tell(destination, file, number));
    }

    /// A file was found to be spoiled while it was read.
    pub fn spoiled(&self, file: u32) {
        self.call(self.deliveries.tell_spoiled(file));
    }

    fn call(&self, is_to_be_called: bool) {
        if is_to_be_called {
            self.queue.put(Told::Deliveries, 0);
        }
    }
}

/// A group of batches that is committed together.
struct Group {
    samples: u64,
    batches: Vec<Taken>,
    until: Instant,
}

struct OutboxThread {
    parts: OutboxParts,
    began: Instant,
    clock: SettledClock,
    renderer: LineRenderer,
    taken: DeviceCounters,
    commit_seconds: Histogram,
    failures: Counter,
    newest: watch::Sender<Newest>,
    /// The group's lines.
    lines: Packing,
    /// When the next piece of a spoiled outbox is due, if there is one, and whether the last was refused.
    piece_at: Instant,
    piece_refused: bool,
    heard: Deliveries,
    /// How far each destination has come in the present file, where that is not written yet.
    delivered: BTreeMap<Arc<str>, i64>,
}

impl OutboxThread {
    fn run(mut self, told: &QueueReceiver<Told>) {
        let mut bound_at = Instant::now();
        while let Ok(first) = self.first(told) {
            if let Some(first) = first {
                let group = self.collect(first, told);
                self.commit(group);
            }
            self.take_over();
            if Instant::now() >= bound_at {
                self.bound();
                bound_at = Instant::now() + BOUND_EVERY;
            }
        }
    }

    /// Waits for the first of a group, but no longer than until something else is to be done.
    fn first(&self, told: &QueueReceiver<Told>) -> Result<Option<Told>, Ended> {
        if self.parts.writer.has_spoiled() {
            return told.next_until(self.piece_at);
        }
        told.next().map(Some).ok_or(Ended)
    }

    /// Collects what comes within the group's time and size.
    fn collect(&mut self, first: Told, told: &QueueReceiver<Told>) -> Group {
        let mut group = Group {
            samples: 0,
            batches: Vec::new(),
            until: Instant::now() + GROUP_TIME,
        };
        self.add(&mut group, first);
        while self.lines.text_bytes() < GROUP_BYTES {
            match told.next_until(group.until) {
                Ok(Some(next)) => self.add(&mut group, next),
                Ok(None) | Err(Ended) => break,
            }
        }
        group
    }

    fn add(&mut self, group: &mut Group, told: Told) {
        match told {
            Told::Batches(batches) => {
                for (batch, _) in &batches {
                    group.samples += self.renderer.render(self.lines.text(), batch);
                }
                group.batches.extend(batches);
            }
            Told::Deliveries => self.heard.answered(),
        }
    }

    /// Commits a group; what is committed is counted as taken, and whoever sent it is told.
    fn commit(&mut self, group: Group) {
        #[cfg(feature = "planted-faults")]
        let group = acknowledge_early(group);
        if group.samples == 0 {
            self.hear();
            if !self.delivered.is_empty()
                && let Err(error) = self.note()
            {
                warn!(%error, "the outbox could not note a delivery; it is tried again, and delivering twice does no harm");
            }
        } else if !self.store(&group) {
            return;
        }
        for (batch, receipt) in group.batches {
            self.taken.count(batch.device, batch.good_count());
            if let Some(receipt) = receipt {
                receipt.committed();
            }
        }
    }

    /// Hears how far each destination has come, and whether somebody could not read the file.
    fn hear(&mut self) {
        let heard = self.heard.hear(self.file());
        self.delivered.extend(heard.delivered);
        if heard.is_spoiled {
            self.recover();
        }
    }

    /// Notes deliveries by themselves; returns how many bodies were removed that everybody has.
    fn note(&mut self) -> Result<usize, StoreError> {
        let noted = self.parts.writer.delivered(&self.delivered);
        match &noted {
            Ok(_) => self.delivered.clear(),
            Err(error) => self.recover_if_spoiled(error),
        }
        noted
    }

    /// Stores a group, however long the disk refuses: meanwhile the queue fills, and beyond its bound batches are dropped and
    /// counted. Gives up only when the gateway stops; then the group was never counted as taken.
    fn store(&mut self, group: &Group) -> bool {
        let body = self.lines.finish();
        let started = Instant::now();
        let mut refused = false;
        loop {
            self.hear();
            match self.try_store(&body, group.samples) {
                Ok(number) => {
                    if refused {
                        info!("telemetry is stored again");
                        self.parts.trouble.clear();
                    }
                    self.commit_seconds.record(started.elapsed());
                    let body = Arc::new(Body {
                        number,
                        samples: group.samples,
                        bytes: body,
                    });
                    self.newest.send_modify(|newest| {
                        (newest.number, newest.body) = (number, Some(body));
                    });
                    return true;
                }
                Err(reason) => {
                    self.failures.increment(1);
                    if !refused {
                        error!(reason, "telemetry is not stored; it is tried again every second");
                    }
                    self.parts.trouble.set(reason);
                    refused = true;
                    // What everybody has makes room. What the disk says to that it has said before.
                    while self.note().is_ok_and(|removed| removed > 0) && !self.parts.stop.is_cancelled() {}
                }
            }
            if self.parts.stop.is_cancelled() {
                return false;
            }
            std::thread::sleep(RETRY);
        }
    }

    /// One transaction for the body and the deliveries before it: a disk is flushed once, not twice.
    fn try_store(&mut self, body: &[u8], samples: u64) -> Result<i64, String> {
        if let Some(too_little) = self.too_little() {
            return Err(too_little);
        }
        match self
            .parts
            .writer
            .put(body, samples, Timestamp::now(), &self.delivered)
        {
            Ok(number) => {
                self.delivered.clear();
                Ok(number)
            }
            Err(error) => {
                self.recover_if_spoiled(&error);
                Err(error.to_string())
            }
        }
    }

    /// Why nothing can be written now. On a disk that is nearly full the copies of spoiled outboxes go first, also where this file has
    /// room: history has the same disk.
    fn too_little(&self) -> Option<String> {
        self.parts.room.too_little(|| 0)?;
        for file in self.parts.writer.remove_taken_over() {
            counter!("facility_outbox_copies_removed_total").increment(1);
            warn!(file = %file.display(), "the disk is nearly full: the copy of a spoiled outbox that was taken over is removed");
        }
        self.parts.room.too_little(|| self.parts.writer.free_bytes())
    }

    fn file(&self) -> u32 {
        self.newest.borrow().file
    }
}

/// The planted fault: whoever waits for a receipt gets it before anything is on disk.
#[cfg(feature = "planted-faults")]
fn acknowledge_early(mut group: Group) -> Group {
    if crate::planted::Fault::AcknowledgedBeforeCommit.is_planted() {
        let receipts = group.batches.iter_mut().filter_map(|(_, receipt)| receipt.take());
        receipts.for_each(drivers::Receipt::committed);
    }
    group
}

#[cfg(test)]
mod tests;
