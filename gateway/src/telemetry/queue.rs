//! A queue to a store's thread: groups of batches, bounded by how many batches wait in it.
//!
//! Groups, because waking a thread costs more than most of what it does with a batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use drivers::Receipt;
use model::Batch;

/// A batch on its way to a store, with the receipt that its sender waits for.
pub type Taken = (Arc<Batch>, Option<Receipt>);

/// Why batches were not taken.
#[derive(Debug)]
pub enum NotTaken {
    /// Too many batches wait that nobody is told about; here are those of the group again. The others are taken.
    Full(Vec<Taken>),
    /// The thread has ended.
    Stopped,
}

/// Nothing more comes out of a queue.
#[derive(Clone, Copy, Debug)]
pub struct Ended;

/// How many batches of a group nobody is told about when they are stored: those of polls.
fn unconfirmed(group: &[Taken]) -> usize {
    group.iter().filter(|(_, receipt)| receipt.is_none()).count()
}

/// A queue's way in.
pub struct QueueSender<T> {
    queue: Sender<(T, usize)>,
    waiting: Arc<AtomicUsize>,
    bound: usize,
}

/// A queue's way out.
pub struct QueueReceiver<T> {
    queue: Receiver<(T, usize)>,
    waiting: Arc<AtomicUsize>,
}

/// A queue in which at most so many batches wait, besides those that are acknowledged when they are stored.
pub fn queue<T>(bound: usize) -> (QueueSender<T>, QueueReceiver<T>) {
    let (sender, receiver) = channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let receiving = QueueReceiver {
        queue: receiver,
        waiting: Arc::clone(&waiting),
    };
    (
        QueueSender {
            queue: sender,
            waiting,
            bound,
        },
        receiving,
    )
}

impl<T> Clone for QueueSender<T> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            waiting: Arc::clone(&self.waiting),
            bound: self.bound,
        }
    }
}

impl<T> QueueSender<T> {
    /// Puts a group in, without waiting. Messages that are acknowledged when they are stored may always wait, and take no room from
    /// polls: each broker's listener bounds how many of its own are under way.
    ///
    /// # Errors
    /// There is no room for the polls among them, which are given back; or the thread has ended.
    pub fn take(&self, group: Vec<Taken>, item: impl FnOnce(Vec<Taken>) -> T) -> Result<(), NotTaken> {
        let polls = unconfirmed(&group);
        let (taken, polls, refused) = if self.has_room(polls) {
            (group, polls, Vec::new())
        } else {
            let (messages, refused) = group.into_iter().partition(|(_, receipt)| receipt.is_some());
            (messages, 0, refused)
        };
        if !taken.is_empty() && !self.put(item(taken), polls) {
            return Err(NotTaken::Stopped);
        }
        if refused.is_empty() {
            Ok(())
        } else {
            Err(NotTaken::Full(refused))
        }
    }

    fn has_room(&self, batches: usize) -> bool {
        batches == 0 || self.waiting.load(Ordering::Relaxed) + batches <= self.bound
    }

    /// Puts something in that has so many batches that nobody is told about; whether somebody still takes things out.
    pub fn put(&self, item: T, batches: usize) -> bool {
        self.waiting.fetch_add(batches, Ordering::Relaxed);
        self.queue.send((item, batches)).is_ok()
    }
}

impl<T> QueueReceiver<T> {
    /// Waits for the next; `None` once every way in is gone and everything was taken out.
    pub fn next(&self) -> Option<T> {
        self.queue.recv().ok().map(|taken| self.out(taken))
    }

    /// Waits for the next until a moment.
    ///
    /// # Errors
    /// Every way in is gone and everything was taken out.
    pub fn next_until(&self, until: Instant) -> Result<Option<T>, Ended> {
        let wait = until
            .saturating_duration_since(Instant::now())
            .max(Duration::ZERO);
        match self.queue.recv_timeout(wait) {
            Ok(taken) => Ok(Some(self.out(taken))),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Ended),
        }
    }

    /// Takes out what is there, without waiting; whether anybody may still put something in.
    pub fn drain(&self, mut take: impl FnMut(T)) -> bool {
        loop {
            match self.queue.try_recv() {
                Ok(taken) => take(self.out(taken)),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn out(&self, (item, batches): (T, usize)) -> T {
        self.waiting.fetch_sub(batches, Ordering::Relaxed);
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use model::DeviceIndex;

    fn group(count: usize, confirmed: bool) -> Vec<Taken> {
        let batch = Arc::new(Batch {
            device: DeviceIndex(0),
            at: Timestamp::UNIX_EPOCH,
            order: 0,
            samples: Vec::new(),
        });
        (0..count)
            .map(|_| (Arc::clone(&batch), confirmed.then(|| Receipt::new(|| {}))))
            .collect()
    }

    fn take(sender: &QueueSender<Vec<Taken>>, group: Vec<Taken>) -> Result<(), usize> {
        sender
            .take(group, std::convert::identity)
            .map_err(|not_taken| match not_taken {
                NotTaken::Full(refused) => refused.len(),
                NotTaken::Stopped => panic!("somebody takes things out"),
            })
    }

    #[test]
    fn polls_are_refused_at_the_bound_and_messages_that_wait_for_a_receipt_are_not() {
        let (sender, receiver) = queue(10);
        let take = |count, confirmed| take(&sender, group(count, confirmed));
        assert_eq!(take(11, false), Err(11));
        // However many messages wait, polls have their own room.
        assert_eq!(take(1_000, true), Ok(()));
        assert_eq!(take(10, false), Ok(()));
        assert_eq!(take(1, false), Err(1));
        assert_eq!(take(1, true), Ok(()));
        receiver.next();
        assert_eq!(take(1, false), Err(1));
        receiver.next();
        assert_eq!(take(10, false), Ok(()));
    }

    #[test]
    fn messages_that_come_together_with_polls_are_taken_where_there_is_no_room_for_the_polls() {
        let (sender, receiver) = queue(10);
        assert_eq!(take(&sender, group(10, false)), Ok(()));
        let mut mixed = group(2, false);
        mixed.splice(1..1, group(3, true));
        assert_eq!(take(&sender, mixed), Err(2), "only the polls are lost");
        receiver.next();
        let messages = receiver.next().unwrap();
        assert_eq!((messages.len(), unconfirmed(&messages)), (3, 0));
        assert_eq!(take(&sender, group(10, false)), Ok(()), "they took no room");
    }
}
