//! The history's thread: writes every batch to local history, and bounds how much of it is kept.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drivers::Receipt;
use jiff::{SignedDuration, Timestamp};
use metrics::{Gauge, Histogram, counter, gauge, histogram};
use model::{DeviceIndex, Site};
use tracing::{error, info, warn};

use super::queue::{NotTaken, QueueReceiver, QueueSender, Taken, queue};
use super::{DeviceCounters, Room, ShownHistory, Trouble};
use crate::settled_clock::{SettledClock, before};
use crate::store::{Bound, HistoryWriter, Pruned, StoreError, is_spoiled};

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
            report(&aside);
        }
        let shown = Arc::new(ShownHistory::new(writer.reader()?));
        let seen = Arc::clone(&shown);
        let (queue, batches) = queue(QUEUE_BATCHES);
        let room = Room::new(data);
        let taken = counts_taken.then(|| DeviceCounters::taken(&site));
        let thread = std::thread::Builder::new()
            .name("history".into())
            .spawn(move || {
                RecorderThread::new(writer, seen, site, keep, taken, room, trouble).run(&batches);
            })
            .map_err(StartError::Thread)?;
        Ok(Started {
            recorder: Self { queue },
            shown,
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
    pub shown: Arc<ShownHistory>,
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
    shown: Arc<ShownHistory>,
    site: Arc<Site>,
    keep: Keep,
    taken: Option<DeviceCounters>,
    room: Room,
    trouble: Trouble,
    commit_seconds: Histogram,
    unpacked_slots: Gauge,
    /// What is not done is told once, until it is done again.
    is_pack_refused: bool,
    is_new_refused: bool,
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
    fn new(
        writer: HistoryWriter,
        shown: Arc<ShownHistory>,
        site: Arc<Site>,
        keep: Keep,
        taken: Option<DeviceCounters>,
        room: Room,
        trouble: Trouble,
    ) -> Self {
        let thread = Self {
            writer,
            shown,
            site,
            keep,
            taken,
            room,
            trouble,
            commit_seconds: histogram!("facility_history_commit_seconds"),
            unpacked_slots: gauge!("facility_history_unpacked_slots"),
            is_pack_refused: false,
            is_new_refused: false,
            clock: SettledClock::new(Instant::now(), Timestamp::now()),
        };
        thread.show_oldest();
        thread.remove_old_copies();
        thread
    }

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
                self.sum_up_days();
                self.show_oldest();
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
        if self.shown.oldest().is_none() {
            self.show_oldest();
        }
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
        if let Some(too_little) = self.too_little() {
            self.writer.give_up();
            return Err(too_little);
        }
        if self.writer.is_lost() {
            // What was put went to the old file.
            self.begin_anew();
            self.writer.give_up();
            return Err("the spoiled history was moved aside, and a new one is still to be made".to_owned());
        }
        self.writer.commit().map_err(|error| {
            if is_spoiled(&error) {
                self.begin_anew();
            }
            error.to_string()
        })
    }

    /// Why nothing can be written now. On a disk that is nearly full the copies of spoiled histories go first.
    fn too_little(&self) -> Option<String> {
        self.room.too_little(|| 0)?;
        for file in self.writer.remove_copies() {
            counter!("facility_history_copies_removed_total").increment(1);
            warn!(file = %file.display(), "the disk is nearly full: the copy of a spoiled history is removed");
        }
        self.room.too_little(|| self.writer.free_bytes())
    }

    fn remove_old_copies(&self) {
        for file in self.writer.remove_old_copies() {
            counter!("facility_history_copies_removed_total").increment(1);
            info!(file = %file.display(), "a history that was spoiled long ago is removed: the newest two are kept");
        }
    }

    /// A spoiled history is moved aside and begun anew.
    fn begin_anew(&mut self) {
        match self.writer.begin_anew(&self.site, Timestamp::now()) {
            Ok(aside) => {
                self.is_new_refused = false;
                if let Some(aside) = aside {
                    report(&aside);
                }
                match self.writer.reader() {
                    Ok(reader) => self.shown.show(reader),
                    Err(error) => warn!(%error, "trends show the old history until the gateway is restarted"),
                }
                self.show_oldest();
                self.remove_old_copies();
            }
            Err(error) => {
                if !self.is_new_refused {
                    error!(%error, "the spoiled history could not be begun anew; it is tried again each second");
                }
                self.is_new_refused = true;
            }
        }
    }

    fn show_oldest(&self) {
        // Where it cannot be read, whatever writes finds that, too.
        self.shown.set_oldest(self.writer.oldest().ok().flatten());
    }

    fn pack(&mut self) {
        // Somebody who looked has found what the writer has not met yet.
        if self.shown.is_spoiled() {
            return self.begin_anew();
        }
        let before = Timestamp::now()
            .saturating_sub(PACK_AFTER)
            .unwrap_or(Timestamp::MIN);
        match self.writer.pack(before) {
            Ok(_) => self.is_pack_refused = false,
            Err(error) if is_spoiled(&error) => return self.begin_anew(),
            Err(error) => {
                if !self.is_pack_refused {
                    warn!(%error, "history could not be packed; it takes more room until it is");
                }
                self.is_pack_refused = true;
            }
        }
        self.unpacked_slots.set(self.writer.unpacked_slots(before) as f64);
        if let Some(slot) = self.writer.stepped_over() {
            counter!("facility_history_slots_stepped_over_total").increment(1);
            warn!(%slot, "ten minutes of history could not be packed three times: they stay as they came, without their hour, until the gateway is restarted");
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

    /// Sums up days that are over, some series a minute.
    fn sum_up_days(&mut self) {
        let before = Timestamp::now()
            .saturating_sub(PACK_AFTER)
            .unwrap_or(Timestamp::MIN);
        match self.writer.sum_up_days(before) {
            Err(error) if is_spoiled(&error) => self.begin_anew(),
            Err(error) => {
                warn!(%error, "days of history could not be summed up; trends over years take longer until they are")
            }
            Ok(()) => {}
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
        match self.writer.prune(bound) {
            Ok(Pruned { hours: 0, .. }) => {}
            Ok(Pruned { hours, hour_rows }) => warn!(
                hours,
                hour_rows, "history is at its bound: its oldest hours were removed before their time"
            ),
            Err(error) if is_spoiled(&error) => self.begin_anew(),
            Err(error) => warn!(%error, "old history could not be removed"),
        }
    }
}

fn report(aside: &Path) {
    counter!("facility_history_spoiled_total").increment(1);
    error!(aside = %aside.display(), "history was spoiled: it was moved aside and begun anew");
}

#[cfg(test)]
mod tests;
