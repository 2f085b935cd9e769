//! Acknowledges messages once their samples are on disk, in the order in which they came, and only on the connection that
//! brought them.
//!
//! A packet id means something on one connection only. Acknowledged on a later one, it could confirm another message that is
//! not on disk yet, and that message would be lost; unacknowledged, the broker just sends the old one again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::broker::{Client, Message, Requested};

/// How long to wait when the client has no room for one more acknowledgement.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(5);
/// How long after a message that could not be stored the broker is made to send it again.
const REDELIVERY_PAUSE: Duration = if cfg!(test) {
    Duration::from_millis(300)
} else {
    Duration::from_secs(10)
};

/// Which connection to the broker is the present one.
#[derive(Debug)]
pub(crate) struct Era(Mutex<u64>);

/// A message that is on its way to the disk.
pub(crate) struct Unacknowledged {
    /// The message.
    pub(crate) message: Message,
    /// The era that it arrived in.
    pub(crate) era: u64,
    /// One for each batch that was made of it.
    pub(crate) receipts: Vec<oneshot::Receiver<()>>,
}

impl Era {
    /// The first era.
    pub(crate) fn first() -> Self {
        Self(Mutex::new(0))
    }

    /// The present era.
    pub(crate) fn now(&self) -> u64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection was made or lost: nothing that came before is acknowledged any more.
    pub(crate) fn turn(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    /// Queues the acknowledgement of a message of this era. Under the lock, so that the era can't turn in between.
    fn acknowledge(&self, client: &Client, message: &Unacknowledged) -> Requested {
        let era = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *era != message.era {
            return Requested::Done;
        }
        client.acknowledge(&message.message)
    }
}

/// Acknowledges what arrives on `messages` until its senders are gone.
///
/// After a message of which a receipt is dropped, nothing more of its era is acknowledged, since acknowledgements must come in the
/// order of the messages (MQTT 5.0, MQTT-4.6.0-2) and some brokers lose a message that is left out. Some seconds later
/// `redeliver` is notified; the connection is then made anew, and all of these messages come again.
pub(crate) async fn acknowledge_all(
    mut messages: mpsc::Receiver<Unacknowledged>,
    client: Client,
    era: Arc<Era>,
    redeliver: Arc<Notify>,
    connection: String,
) {
    let mut broken_era = None;
    let mut reminder = AbortOnDrop(None);
    while let Some(mut message) = messages.recv().await {
        let stored = all_committed(&mut message).await;
        if message.era != era.now() {
            continue;
        }
        if !stored && broken_era != Some(message.era) {
            broken_era = Some(message.era);
            tracing::warn!(
                connection,
                "a message could not be stored; it stays unacknowledged and is asked for again"
            );
            reminder.replace(tokio::spawn(remind(redeliver.clone())));
        }
        if broken_era != Some(message.era) {
            while let Requested::NoRoom = era.acknowledge(&client, &message) {
                tokio::time::sleep(NO_ROOM_PAUSE).await;
            }
        }
    }
}

async fn remind(redeliver: Arc<Notify>) {
    tokio::time::sleep(REDELIVERY_PAUSE).await;
    redeliver.notify_one();
}

/// A task that ends with whoever began it.
struct AbortOnDrop(Option<JoinHandle<()>>);

impl AbortOnDrop {
    /// Takes the place of the one before, which is ended.
    fn replace(&mut self, task: JoinHandle<()>) {
        if let Some(before) = self.0.replace(task) {
            before.abort();
        }
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

async fn all_committed(message: &mut Unacknowledged) -> bool {
    let mut all = true;
    for receipt in message.receipts.drain(..) {
        all &= receipt.await.is_ok();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumqttc::v5::mqttbytes::QoS;
    use rumqttc::v5::mqttbytes::v5::Publish;
    use rumqttc::v5::{AsyncClient, MqttOptions};

    fn message(packet: u16, era: u64) -> (oneshot::Sender<()>, Unacknowledged) {
        let mut publish = Publish::new("topic", QoS::AtLeastOnce, "payload", None);
        publish.pkid = packet;
        let (committed, receipt) = oneshot::channel();
        (
            committed,
            Unacknowledged {
                message: Message::V5(publish),
                era,
                receipts: vec![receipt],
            },
        )
    }

    /// How many requests wait in a client's queue of four.
    fn queued(client: &AsyncClient) -> usize {
        let filler = Publish::new("filler", QoS::AtLeastOnce, "", None);
        4 - (0..4).take_while(|_| client.try_ack(&filler).is_ok()).count()
    }

    async fn settle(messages: Vec<(bool, Unacknowledged, oneshot::Sender<()>)>, era: Arc<Era>) -> usize {
        let (client, _events) = AsyncClient::new(MqttOptions::new("tested", "localhost", 1), 4);
        let (queue, rest) = mpsc::channel(10);
        for (on_disk, message, committed) in messages {
            if on_disk {
                committed.send(()).unwrap();
            }
            queue.send(message).await.unwrap();
        }
        drop(queue);
        acknowledge_all(
            rest,
            Client::V5(client.clone()),
            era,
            Arc::new(Notify::new()),
            "broker".into(),
        )
        .await;
        queued(&client)
    }

    #[tokio::test]
    async fn only_what_is_on_disk_is_acknowledged_and_nothing_out_of_order() {
        for (on_disk, acknowledged) in [
            (vec![true; 3], 3),
            (vec![true, false, true], 1),
            (vec![false; 3], 0),
        ] {
            let messages = on_disk.into_iter().zip(1..).map(|(on_disk, packet)| {
                let (committed, message) = message(packet, 0);
                if on_disk {
                    return (true, message, committed);
                }
                // Its own sender is dropped, as when the gateway gives a delivery up.
                (false, message, oneshot::channel().0)
            });
            assert_eq!(
                settle(messages.collect(), Arc::new(Era::first())).await,
                acknowledged
            );
        }
    }

    #[tokio::test]
    async fn a_message_of_an_earlier_connection_is_not_acknowledged_on_this_one() {
        let era = Arc::new(Era::first());
        let (committed, early) = message(1, era.now());
        era.turn();
        let (committed_later, late) = message(1, era.now());
        let messages = vec![(true, early, committed), (true, late, committed_later)];
        assert_eq!(settle(messages, era).await, 1);
    }
}
