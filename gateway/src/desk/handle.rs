//! The way to the desk: batches never wait for it, people wait for its answer.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use metrics::counter;
use model::{Batch, DeviceIndex};
use tokio::sync::oneshot;

use super::command::{Answer, Command};
use super::denied::Denied;
use super::own::OwnLevel;
use crate::alarms::Alarm;
use crate::tickets::Ticket;

/// So many groups of batches and commands may wait for the desk, and so many batches in them; beyond it batches are not queued, and the
/// newest level of each device is read from the live image.
const QUEUE: usize = 1_024;
const BATCHES: usize = 8_192;

/// What the desk hears.
#[derive(Debug)]
pub enum Heard {
    /// Devices' samples.
    Batches(Vec<Arc<Batch>>, Waiting),
    /// A person or the courier, who may wait for an answer.
    Command(Box<Command>, Option<oneshot::Sender<Result<Answer, Denied>>>),
    /// What the gateway says of itself.
    Own(OwnLevel),
    /// The gateway is stopping.
    Stop,
}

/// So many batches wait, until this is dropped.
#[derive(Debug)]
pub struct Waiting {
    batches: usize,
    all: Arc<AtomicUsize>,
}

impl Waiting {
    /// Counts them, unless more would wait than may.
    fn count(batches: usize, all: &Arc<AtomicUsize>) -> Option<Self> {
        let before = all.fetch_add(batches, Ordering::Relaxed);
        let waiting = Self {
            batches,
            all: Arc::clone(all),
        };
        (before + batches <= BATCHES).then_some(waiting)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.all.fetch_sub(self.batches, Ordering::Relaxed);
    }
}

/// What others may see once it is written.
#[derive(Clone, Debug)]
pub enum Changed {
    /// An alarm.
    Alarm(Arc<Alarm>),
    /// A ticket.
    Ticket(Arc<Ticket>),
}

/// The way to the desk.
#[derive(Clone)]
pub struct DeskHandle {
    queue: SyncSender<Heard>,
    waiting: Arc<AtomicUsize>,
    lagging: Arc<Mutex<HashSet<DeviceIndex>>>,
}

impl DeskHandle {
    /// A way in, and what the desk listens to.
    pub fn new() -> (Self, Receiver<Heard>) {
        let (queue, heard) = sync_channel(QUEUE);
        (
            Self {
                queue,
                waiting: Arc::default(),
                lagging: Arc::default(),
            },
            heard,
        )
    }

    /// Hands over batches without waiting; at the bound only that their devices have newer samples is kept.
    pub fn batches(&self, batches: Vec<Arc<Batch>>) {
        let skipped = match Waiting::count(batches.len(), &self.waiting) {
            None => batches,
            Some(waiting) => match self.queue.try_send(Heard::Batches(batches, waiting)) {
                Err(TrySendError::Full(Heard::Batches(batches, _))) => batches,
                _ => return,
            },
        };
        counter!("facility_rule_batches_skipped_total").increment(skipped.len() as u64);
        let mut lagging = self.lagging.lock().unwrap_or_else(PoisonError::into_inner);
        lagging.extend(skipped.iter().map(|batch| batch.device));
    }

    /// The devices whose newest samples the desk has not heard of.
    pub(super) fn take_lagging(&self) -> HashSet<DeviceIndex> {
        std::mem::take(&mut *self.lagging.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands over what the gateway says of itself; at the bound it is left out, since it is said again soon.
    pub fn own(&self, level: OwnLevel) {
        let _ = self.queue.try_send(Heard::Own(level));
    }

    /// Asks for something and waits until it is written.
    ///
    /// # Errors
    /// It is not allowed, or could not be written, or the desk is too busy.
    pub async fn ask(&self, command: Command) -> Result<Answer, Denied> {
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Heard::Command(Box::new(command), Some(answer)))
            .map_err(|_| Denied::Busy)?;
        answered.await.map_err(|_| Denied::Busy)?
    }

    /// Takes note that a notice was sent; if that is not taken, the notice is sent again.
    pub async fn notice_sent(&self, key: String, at: Timestamp) {
        let _ = self.ask(Command::NoticeSent { key, at }).await;
    }

    /// Takes note that a notice could not be sent.
    pub async fn notice_failed(&self, key: String, reason: String, next_at: Timestamp) {
        let _ = self.ask(Command::NoticeFailed { key, reason, next_at }).await;
    }

    /// Asks the desk to end once it has done what is before this.
    pub fn stop(&self) {
        let _ = self.queue.send(Heard::Stop);
    }
}
