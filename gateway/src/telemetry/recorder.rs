//! The history's thread: writes every batch to local history, and bounds how much of it is kept.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use drivers::Receipt;
use jiff::{SignedDuration, Timestamp};
use metrics::{Histogram, counter, histogram};
use model::{DeviceIndex, Site};
use tracing::{error, info, warn};

use super::queue::{NotTaken, QueueReceiver, QueueSender, Taken, queue};
use super::{DeviceCounters, Room, Trouble};
use crate::settled_clock::{SettledClock, before};
use crate::store::{Bound, HistoryReader, HistoryWriter, StoreError, is_spoiled};

/// How long a group may collect before it is committed, where what is counted as taken is only here …
const GROUP_TIME_COUNTED: Duration = Duration::from_millis(250);
/// … and where an outbox has it, too: a trend is looked at by people.
const GROUP_TIME: Duration = Duration::from_secs(1);
/// So much is committed at once at most.
const GROUP_BYTES: usize = 4 << 20;
/// The queue is looked into this often: whoever puts something in wakes nobody meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const QUEUE_BATCHES: usize = 32_768;
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// A slot is packed once so much time has passed since its end: what comes later is packed again.
const PACK_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// How much history is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Readings for how long.
    pub age: SignedDuration,
    /// What hours say for how long.
    pub hours: SignedDuration,
    /// In how many bytes of the file at most.
    pub bytes: u64,
}

/// The way to the history's thread.
#[derive(Clone)]
pub struct Recorder {
    queue: QueueSender<Vec<Taken>>,
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
        trouble: Trouble,
        counts_taken: bool,
    ) -> Result<Started, StartError> {
        let (writer, aside) = HistoryWriter::open(data, &site, counts_taken, Timestamp::now())?;
        if let Some(aside) = aside {
            counter!("facility_history_spoiled_total").increment(1);
            error!(aside = %aside.display(), "history was spoiled: it was moved aside and begun anew");
        }
        let reader = Arc::new(Mutex::new(writer.reader()?));
        let shown = Arc::clone(&reader);
        let (queue, batches) = queue(QUEUE_BATCHES);
        let room = Room::new(data);
        let taken = counts_taken.then(|| DeviceCounters::taken(&site));
        let thread = std::thread::Builder::new()
            .name("history".into())
            .spawn(move || {
                let commit_seconds = histogram!("facility_history_commit_seconds");
                RecorderThread {
                    writer,
                    shown,
                    site,
                    keep,
                    taken,
                    room,
                    trouble,
                    commit_seconds,
                    clock: SettledClock::new(Instant::now(), Timestamp::now()),
                }
                .run(&batches);
            })
            .map_err(StartError::Thread)?;
        Ok(Started {
            recorder: Self { queue },
            reader,
            thread,
        })
    }

    /// Hands batches over, without waiting.
    ///
    /// # Errors
    /// There is no room for the polls among them, which are not taken; or the thread has ended.
    pub fn take(&self, batches: Vec<Taken>) -> Result<(), NotTaken> {
        self.queue.take(batches, std::convert::identity)
    }
}

/// What a started history is.
pub struct Started {
    /// The way to its thread.
    pub recorder: Recorder,
    /// What is read from.
    pub reader: Arc<Mutex<HistoryReader>>,
    /// The thread.
    pub thread: std::thread::JoinHandle<()>,
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
    /// What others read from: it must follow a history that is begun anew.
    shown: Arc<Mutex<HistoryReader>>,
    site: Arc<Site>,
    keep: Keep,
    taken: Option<DeviceCounters>,
    room: Room,
    trouble: Trouble,
    commit_seconds: Histogram,
    clock: SettledClock,
}

/// What waits for a commit beside what the writer has.
#[derive(Default)]
struct Group {
    batches: u64,
    /// How many good samples of which device, and who waits for them to be stored.
    counted: Vec<(DeviceIndex, usize, Option<Receipt>)>,
}

impl RecorderThread {
    fn run(mut self, batches: &QueueReceiver<Vec<Taken>>) {
        let mut prune_at = Instant::now();
        let group_time = if self.taken.is_some() {
            GROUP_TIME_COUNTED
        } else {
            GROUP_TIME
        };
        while let Some(first) = batches.next() {
            let until = Instant::now() + group_time;
            let mut group = Group::default();
            self.put(first, &mut group);
            loop {
                let wait = until.saturating_duration_since(Instant::now());
                if wait.is_zero() || self.writer.waiting_bytes() > GROUP_BYTES {
                    break;
                }
                std::thread::sleep(wait.min(LOOK_EVERY));
                if !batches.drain(|next| self.put(next, &mut group)) {
                    break;
                }
            }
            self.commit(group);
            self.pack();
            if Instant::now() >= prune_at {
                self.prune();
                prune_at = Instant::now() + PRUNE_EVERY;
            }
        }
    }

    /// Hands batches to the writer; nothing of them is kept until the commit but their bytes.
    fn put(&mut self, batches: Vec<Taken>, group: &mut Group) {
        for (batch, receipt) in batches {
            self.writer.put(&batch);
            group.batches += 1;
            if self.taken.is_some() || receipt.is_some() {
                group.counted.push((batch.device, batch.good_count(), receipt));
            }
        }
    }

    /// Commits a group. What the disk refuses is dropped and counted: history is the first thing to do without, and where nothing else
    /// keeps the samples they are not counted as taken.
    fn commit(&mut self, group: Group) {
        let started = Instant::now();
        if let Err(reason) = self.store() {
            counter!("facility_history_batches_dropped_total").increment(group.batches);
            if self.trouble.reason().is_none() {
                error!(reason, "history is not stored until the disk takes it again");
            }
            self.trouble.set(reason);
            return;
        }
        if self.trouble.reason().is_some() {
            info!("history is stored again");
            self.trouble.clear();
        }
        self.commit_seconds.record(started.elapsed());
        for (device, good, receipt) in group.counted {
            if let Some(taken) = &self.taken {
                taken.count(device, good);
            }
            if let Some(receipt) = receipt {
                receipt.committed();
            }
        }
    }

    fn store(&mut self) -> Result<(), String> {
        if let Some(too_little) = self.room.too_little(|| self.writer.free_bytes()) {
            self.writer.give_up();
            return Err(too_little);
        }
        self.writer.commit().map_err(|error| {
            if is_spoiled(&error) {
                self.begin_anew();
            }
            error.to_string()
        })
    }

    /// A spoiled history is moved aside and begun anew.
    fn begin_anew(&mut self) {
        match self.writer.begin_anew(&self.site, Timestamp::now()) {
            Ok(aside) => {
                counter!("facility_history_spoiled_total").increment(1);
                error!(aside = %aside.display(), "history was spoiled: it was moved aside and begun anew");
                match self.writer.reader() {
                    Ok(reader) => *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = reader,
                    Err(error) => warn!(%error, "trends show the old history until the gateway is restarted"),
                }
            }
            Err(error) => error!(%error, "the spoiled history could not be begun anew"),
        }
    }

    fn pack(&mut self) {
        let before = Timestamp::now()
            .saturating_sub(PACK_AFTER)
            .unwrap_or(Timestamp::MIN);
        if let Err(error) = self.writer.pack(before) {
            warn!(%error, "history could not be packed; it takes more room until it is");
        }
        let left_out = self.writer.left_out();
        if left_out > 0 {
            counter!("facility_history_batches_dropped_total").increment(left_out);
            warn!(
                left_out,
                "a device sent more for ten minutes than history keeps; the rest is not in its trends"
            );
        }
    }

    fn prune(&mut self) {
        let settled = self.clock.look(Instant::now(), Timestamp::now());
        let before = |age| settled.map_or(Timestamp::MIN, |now| before(now, age));
        let bound = Bound {
            readings_before: before(self.keep.age),
            hours_before: before(self.keep.hours),
            bytes: self.keep.bytes,
        };
        if let Err(error) = self.writer.prune(bound) {
            warn!(%error, "old history could not be removed");
        }
    }
}
