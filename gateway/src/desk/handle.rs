//! The way to the desk: batches never wait for it, people wait for its answer.

use std::collections::HashSet;
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

/// So many groups of batches and commands may wait for the desk; beyond it batches are not queued, and the newest level of each
/// device is read from the live image.
const QUEUE: usize = 1_024;

/// What the desk hears.
#[derive(Debug)]
pub enum Heard {
    /// Devices' samples.
    Batches(Vec<Arc<Batch>>),
    /// A person or the courier, who may wait for an answer.
    Command(Box<Command>, Option<oneshot::Sender<Result<Answer, Denied>>>),
    /// What the gateway says of itself.
    Own(OwnLevel),
    /// The gateway is stopping.
    Stop,
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
    lagging: Arc<Mutex<HashSet<DeviceIndex>>>,
}

impl DeskHandle {
    /// A way in, and what the desk listens to.
    pub fn new() -> (Self, Receiver<Heard>) {
        let (queue, heard) = sync_channel(QUEUE);
        (
            Self {
                queue,
                lagging: Arc::default(),
            },
            heard,
        )
    }

    /// Hands over batches without waiting; at the bound only that their devices have newer samples is kept.
    pub fn batches(&self, batches: Vec<Arc<Batch>>) {
        if let Err(TrySendError::Full(Heard::Batches(batches))) = self.queue.try_send(Heard::Batches(batches))
        {
            counter!("facility_rule_batches_skipped_total").increment(batches.len() as u64);
            let mut lagging = self.lagging.lock().unwrap_or_else(PoisonError::into_inner);
            lagging.extend(batches.iter().map(|batch| batch.device));
        }
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
