//! When a message may be acknowledged: once its samples are on disk, in the order in which messages came, and only on the connection
//! that brought it.
//!
//! A packet id means something on one connection only. Acknowledged on a later one, it could confirm another message that is
//! not on disk yet, and that message would be lost; unacknowledged, the broker just sends the old one again.

use tokio::sync::{mpsc, oneshot};

use super::packets::Acknowledgement;

/// A message that is on its way to the disk.
pub(crate) struct Unacknowledged {
    /// What acknowledges it.
    pub(crate) acknowledgement: Acknowledgement,
    /// The connection that brought it.
    pub(crate) era: u64,
    /// One for each batch that was made of it.
    pub(crate) receipts: Vec<oneshot::Receiver<()>>,
}

/// What those who handle messages have to say to the broker.
#[derive(Debug)]
pub(crate) enum Reply {
    /// What became of a message; in the order in which they came.
    Settled(Settled),
    /// A message that may be lost.
    Command {
        /// Where.
        topic: String,
        /// What.
        payload: Vec<u8>,
    },
}

/// What became of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    /// The connection that brought it.
    pub(crate) era: u64,
    /// What acknowledges it.
    pub(crate) acknowledgement: Acknowledgement,
    /// Whether it is on disk.
    pub(crate) is_stored: bool,
}

/// What to do about a message that was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Send this.
    Acknowledge(Acknowledgement),
    /// It is not on disk: after a while, have it and all that follow it sent again.
    AskAgain,
    /// Nothing.
    Leave,
}

/// What of one connection's messages may be acknowledged.
pub(crate) struct Acks {
    era: u64,
    /// Whether a message was not stored: nothing after it is acknowledged, since acknowledgements must come in the order of the
    /// messages (MQTT 5.0, MQTT-4.6.0-2) and some brokers lose a message that is left out.
    is_broken: bool,
}

impl Acks {
    /// For the connection of that number.
    pub(crate) fn of(era: u64) -> Self {
        Self {
            era,
            is_broken: false,
        }
    }

    /// What follows from what became of a message.
    pub(crate) fn then(&mut self, settled: Settled) -> Then {
        if settled.era != self.era || self.is_broken {
            return Then::Leave;
        }
        if settled.is_stored {
            return Then::Acknowledge(settled.acknowledgement);
        }
        self.is_broken = true;
        Then::AskAgain
    }
}

/// Says of each message whether it was stored, in the order in which they came, until the last of them is settled.
pub(crate) async fn settle(mut messages: mpsc::Receiver<Unacknowledged>, replies: mpsc::Sender<Reply>) {
    while let Some(message) = messages.recv().await {
        let mut is_stored = true;
        for receipt in message.receipts {
            is_stored &= receipt.await.is_ok();
        }
        let settled = Settled {
            era: message.era,
            acknowledgement: message.acknowledgement,
            is_stored,
        };
        if replies.send(Reply::Settled(settled)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(era: u64, packet: u16, is_stored: bool) -> Settled {
        Settled {
            era,
            acknowledgement: Acknowledgement::to(1, packet).unwrap(),
            is_stored,
        }
    }

    #[test]
    fn nothing_is_acknowledged_after_a_message_that_could_not_be_stored() {
        let mut acks = Acks::of(1);
        let stored = settled(1, 1, true);
        assert_eq!(acks.then(stored), Then::Acknowledge(stored.acknowledgement));
        assert_eq!(acks.then(settled(1, 2, false)), Then::AskAgain);
        assert_eq!(acks.then(settled(1, 3, true)), Then::Leave);
        assert_eq!(
            acks.then(settled(1, 4, false)),
            Then::Leave,
            "it was asked for already"
        );
    }

    #[test]
    fn a_message_of_an_earlier_connection_is_not_acknowledged_on_this_one() {
        let mut acks = Acks::of(2);
        assert_eq!(acks.then(settled(1, 1, true)), Then::Leave);
        assert_eq!(acks.then(settled(1, 2, false)), Then::Leave);
        assert!(matches!(acks.then(settled(2, 1, true)), Then::Acknowledge(_)));
    }

    #[tokio::test]
    async fn a_message_that_is_stored_early_waits_for_the_one_before_it() {
        let (queue, messages) = mpsc::channel(10);
        let (replies, mut heard) = mpsc::channel(10);
        let mut stores = Vec::new();
        for packet in 1..=3 {
            let (store, receipt) = oneshot::channel();
            let acknowledgement = Acknowledgement::to(1, packet).unwrap();
            let receipts = vec![receipt];
            let message = Unacknowledged {
                acknowledgement,
                era: 1,
                receipts,
            };
            queue.send(message).await.unwrap();
            stores.push(store);
        }
        drop(queue);
        let settling = tokio::spawn(settle(messages, replies));
        // The third first; the second not at all.
        stores.pop().unwrap().send(()).unwrap();
        drop(stores.pop());
        tokio::task::yield_now().await;
        assert!(heard.try_recv().is_err());
        stores.pop().unwrap().send(()).unwrap();
        for (packet, was_stored) in [(1, true), (2, false), (3, true)] {
            let Some(Reply::Settled(settled)) = heard.recv().await else {
                panic!("no reply to {packet}");
            };
            assert_eq!(Some(settled.acknowledgement), Acknowledgement::to(1, packet));
            assert_eq!(settled.is_stored, was_stored);
        }
        settling.await.unwrap();
        assert!(heard.recv().await.is_none());
    }
}
