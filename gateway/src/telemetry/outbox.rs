//! The outbox's thread: renders batches, compresses a group once, commits it, and only then counts it as taken.

use std::collections::BTreeMap;
use std::path::Path;
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
use super::settled::oldest_kept;
use super::{DeviceCounters, LineRenderer, Room, Trouble};
use crate::store::{Body, OutboxWriter, TakenOver, is_spoiled};

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
/// Between two pieces of a spoiled outbox, so that what is read now goes on being stored …
const NEXT_PIECE: Duration = Duration::from_millis(100);
/// … and after one that the disk refused.
const PIECE_AGAIN: Duration = Duration::from_secs(10);

/// What the thread is told.
enum Told {
    Batches(Vec<Taken>),
    Delivered(Delivered),
    Spoiled { file: u32 },
}

/// Everything up to a body of a file was delivered.
struct Delivered {
    destination: Arc<str>,
    file: u32,
    number: i64,
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
}

impl Outbox {
    /// Starts the thread, and gives the newest body to those who deliver. It ends, with everything committed that it
    /// was given, once every clone of this is dropped.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        parts: OutboxParts,
    ) -> std::io::Result<(Self, watch::Receiver<Newest>, std::thread::JoinHandle<()>)> {
        let (queue, told) = queue(QUEUE_BATCHES);
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
                newest,
                lines: Packing::default(),
                piece_at: Instant::now(),
                piece_refused: false,
            }
            .run(&told);
        })?;
        Ok((Self { queue }, delivered_from, thread))
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
        let destination = Arc::clone(destination);
        let delivered = Delivered {
            destination,
            file,
            number,
        };
        self.queue.put(Told::Delivered(delivered), 0);
    }

    /// A file was found to be spoiled while it was read.
    pub fn spoiled(&self, file: u32) {
        self.queue.put(Told::Spoiled { file }, 0);
    }
}

/// A group of batches that is committed together.
struct Group {
    samples: u64,
    batches: Vec<Taken>,
    /// How far each destination has come, in the present file.
    delivered: BTreeMap<Arc<str>, i64>,
    spoiled: bool,
    until: Instant,
}

struct OutboxThread {
    parts: OutboxParts,
    began: Instant,
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

    /// Takes over the next piece of a spoiled outbox, where there is one.
    fn take_over(&mut self) {
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
                    warn!(aside = %it.aside.display(), bodies = it.bodies, unreadable = it.unreadable,
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
        self.parts.writer.take_over().map_err(|error| {
            if is_spoiled(&error) {
                self.recover();
            }
            error.to_string()
        })
    }

    /// Collects what comes within the group's time and size.
    fn collect(&mut self, first: Told, told: &QueueReceiver<Told>) -> Group {
        let mut group = Group {
            samples: 0,
            batches: Vec::new(),
            delivered: BTreeMap::new(),
            spoiled: false,
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
            // A number of a file that is no more would count bodies as delivered that never were.
            Told::Delivered(delivered) if delivered.file == self.file() => {
                group.delivered.insert(delivered.destination, delivered.number);
            }
            Told::Spoiled { file } if file == self.file() => group.spoiled = true,
            Told::Delivered(_) | Told::Spoiled { .. } => {}
        }
    }

    /// Commits a group; what is committed is counted as taken, and whoever sent it is told.
    fn commit(&mut self, mut group: Group) {
        if group.spoiled {
            self.recover();
            group.delivered.clear();
        }
        #[cfg(feature = "planted-faults")]
        acknowledge_early(&mut group);
        if group.samples == 0 {
            self.note(&mut group);
        } else if !self.store(&mut group) {
            return;
        }
        for (batch, receipt) in group.batches {
            self.taken.count(batch.device, batch.good_count());
            if let Some(receipt) = receipt {
                receipt.committed();
            }
        }
    }

    /// Notes deliveries by themselves.
    fn note(&mut self, group: &mut Group) {
        let delivered = std::mem::take(&mut group.delivered);
        if delivered.is_empty() {
            return;
        }
        if let Err(error) = self.parts.writer.delivered(&delivered) {
            warn!(%error, "the outbox could not note a delivery; it will be delivered again, which does no harm");
        }
    }

    /// Stores a group, however long the disk refuses: meanwhile the queue fills, and beyond its bound batches are dropped and
    /// counted. Gives up only when the gateway stops; then the group was never counted as taken.
    fn store(&mut self, group: &mut Group) -> bool {
        let body = self.lines.finish();
        let started = Instant::now();
        let mut refused = false;
        loop {
            match self.try_store(&body, group) {
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
                    // What is delivered makes room.
                    self.note(group);
                }
            }
            if self.parts.stop.is_cancelled() {
                return false;
            }
            std::thread::sleep(RETRY);
        }
    }

    /// One transaction for the body and the deliveries before it: a disk is flushed once, not twice.
    fn try_store(&mut self, body: &[u8], group: &mut Group) -> Result<i64, String> {
        if let Some(too_little) = self.too_little() {
            return Err(too_little);
        }
        self.parts
            .writer
            .put(body, group.samples, Timestamp::now(), &group.delivered)
            .map_err(|error| {
                if is_spoiled(&error) {
                    self.recover();
                    group.delivered.clear();
                }
                error.to_string()
            })
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

    /// The file is spoiled: it is moved aside, and what can be read of it is taken over by and by.
    fn recover(&mut self) {
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

    fn bound(&mut self) {
        let oldest = oldest_kept(self.began.elapsed(), Timestamp::now(), self.parts.bounds.age);
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

/// The planted fault: whoever waits for a receipt gets it before anything is on disk.
#[cfg(feature = "planted-faults")]
fn acknowledge_early(group: &mut Group) {
    if crate::planted::Fault::AcknowledgedBeforeCommit.is_planted() {
        let receipts = group.batches.iter_mut().filter_map(|(_, receipt)| receipt.take());
        receipts.for_each(drivers::Receipt::committed);
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

#[cfg(test)]
mod tests;
