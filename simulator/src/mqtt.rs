//! The devices behind one broker: each publishes its message every interval, and what the broker acknowledged is logged as served.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use model::{Connection, Value};
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::field::{Machine, Message};
use crate::noise::Noise;
use crate::payload::Payload;
use crate::served::Served;

/// Messages that are on their way at most; while the broker doesn't keep up, devices wait for their next turn.
const MOST_ON_THE_WAY: usize = 200;
/// Room for them between publisher and connection.
const CHANNEL: usize = 2 * MOST_ON_THE_WAY;
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// The largest message that may come back, in bytes; we subscribe to nothing.
const LARGEST_PACKET_BYTES: u32 = 1 << 20;
/// Rest after a failed try to connect, doubled up to the longest.
const SHORTEST_REST: Duration = Duration::from_millis(250);
const LONGEST_REST: Duration = Duration::from_secs(5);
/// What is on its way when the simulator stops is waited for so long.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// A topic and who publishes on it.
pub(crate) struct Topic {
    /// Its name.
    pub(crate) name: String,
    /// The devices whose values its message carries.
    pub(crate) machines: Vec<Arc<Machine>>,
    /// From one message to the next.
    pub(crate) every: Duration,
}

/// What a device said in a message, for the log.
struct Line {
    at: Timestamp,
    machine: Arc<Machine>,
    values: Vec<(String, Value)>,
}

/// What is on its way to the broker. The client gives a message its number only when it sends it, and sends in the order of
/// publishing: so messages wait in line until their number is told, and then for the acknowledgement of that number.
#[derive(Default)]
struct OnTheWay {
    connected: bool,
    unnumbered: VecDeque<Vec<Line>>,
    numbered: BTreeMap<u16, Vec<Line>>,
}

impl OnTheWay {
    fn has_room(&self) -> bool {
        self.connected && self.unnumbered.len() + self.numbered.len() < MOST_ON_THE_WAY
    }

    fn is_empty(&self) -> bool {
        self.unnumbered.is_empty() && self.numbered.is_empty()
    }

    fn sent(&mut self, number: u16) {
        if let Some(lines) = self.unnumbered.pop_front() {
            self.numbered.insert(number, lines);
        }
    }

    fn lost(&mut self) {
        *self = Self::default();
    }
}

/// Publishes until it is told to stop.
pub(crate) async fn publish(
    connection: Connection,
    dial: (String, u16),
    client_id: String,
    topics: Vec<Topic>,
    served: Served,
    stop: CancellationToken,
) {
    let mut options = MqttOptions::new(client_id, &dial.0, dial.1);
    options.set_keep_alive(KEEP_ALIVE);
    // A fresh session each time: what was not acknowledged when a connection broke is not sent again.
    options.set_clean_start(true);
    options.set_max_packet_size(Some(LARGEST_PACKET_BYTES));
    if let (Some(user), Some(password)) = (&connection.user, &connection.password) {
        options.set_credentials(user, password.reveal());
    }
    let (client, events) = AsyncClient::new(options, CHANNEL);
    let way = Mutex::new(OnTheWay::default());
    tokio::join!(
        listen(&connection, events, &way, &served, &stop),
        keep_publishing(&client, &topics, &way, &stop),
    );
}

/// Keeps the connection up, and logs what the broker acknowledges; told to stop, it waits a moment for what is on its way.
async fn listen(
    connection: &Connection,
    mut events: EventLoop,
    way: &Mutex<OnTheWay>,
    served: &Served,
    stop: &CancellationToken,
) {
    let mut rest = SHORTEST_REST;
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => break,
            event = events.poll() => event,
        };
        match event {
            Ok(event) => {
                if take(event, way, served) == Taken::Connected {
                    rest = SHORTEST_REST;
                    tracing::info!(
                        connection = connection.name,
                        "its devices are connected to the broker"
                    );
                }
            }
            Err(error) => {
                if lock(way).connected || rest == SHORTEST_REST {
                    tracing::warn!(connection = connection.name, broker = %connection.link, %error,
                        "the broker can't be reached; it is tried again");
                }
                lock(way).lost();
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(rest) => {}
                }
                rest = (rest * 2).min(LONGEST_REST);
            }
        }
    }
    let last_acknowledgements = async {
        while !lock(way).is_empty() {
            let Ok(event) = events.poll().await else { return };
            take(event, way, served);
        }
    };
    if tokio::time::timeout(LAST_WAIT, last_acknowledgements)
        .await
        .is_err()
    {
        tracing::warn!(
            connection = connection.name,
            "the broker did not acknowledge the last messages"
        );
    }
}

#[derive(PartialEq)]
enum Taken {
    Connected,
    Other,
}

/// Takes what happened on the connection into account.
fn take(event: Event, way: &Mutex<OnTheWay>, served: &Served) -> Taken {
    match event {
        Event::Incoming(Packet::ConnAck(_)) => {
            lock(way).connected = true;
            return Taken::Connected;
        }
        Event::Outgoing(Outgoing::Publish(number)) => lock(way).sent(number),
        Event::Incoming(Packet::PubAck(ack)) => {
            let lines = lock(way).numbered.remove(&ack.pkid).unwrap_or_default();
            // Without a subscriber nobody was served.
            for line in lines.iter().filter(|_| ack.reason == PubAckReason::Success) {
                served.write(line.at, &line.machine.device().id, &line.values);
            }
        }
        _ => {}
    }
    Taken::Other
}

/// Publishes each topic every interval, the topics spread over it.
async fn keep_publishing(
    client: &AsyncClient,
    topics: &[Topic],
    way: &Mutex<OnTheWay>,
    stop: &CancellationToken,
) {
    let start = Instant::now();
    let first = |(at, topic): (usize, &Topic)| {
        let share = Noise::of(&topic.name).between(0.0, 1.0);
        (start + topic.every.mul_f64(share), at)
    };
    let mut due: BTreeSet<(Instant, usize)> = topics.iter().enumerate().map(first).collect();
    while let Some((when, at)) = due.pop_first() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep_until(when) => {}
        }
        let Some(topic) = topics.get(at) else { continue };
        publish_one(client, topic, way, Timestamp::now());
        due.insert((next_turn(when, topic.every, Instant::now()), at));
    }
    stop.cancelled().await;
}

/// The next turn on the grid of an interval; turns that have passed already are left out.
fn next_turn(turn: Instant, every: Duration, now: Instant) -> Instant {
    let next = turn + every;
    if next > now { next } else { now + every }
}

fn publish_one(client: &AsyncClient, topic: &Topic, way: &Mutex<OnTheWay>, now: Timestamp) {
    let mut way = lock(way);
    if !way.has_room() {
        return;
    }
    let Some((payload, lines)) = message(topic, now) else {
        return;
    };
    if client
        .try_publish(&topic.name, QoS::AtLeastOnce, false, payload)
        .is_ok()
    {
        way.unnumbered.push_back(lines);
    }
}

/// What a topic's devices say now; `None` when all of them are silent.
fn message(topic: &Topic, now: Timestamp) -> Option<(Vec<u8>, Vec<Line>)> {
    let said: Vec<_> = topic
        .machines
        .iter()
        .map(|machine| (machine, machine.message(now)))
        .collect();
    if said.iter().any(|(_, message)| *message == Message::Garbage) {
        return Some((b"\x00\xffnot JSON".to_vec(), Vec::new()));
    }
    let mut payload = Payload::default();
    let mut speaking = Vec::new();
    for (machine, message) in said {
        if let Message::Shown(shown) = message {
            payload.put(&machine.device().profile, &shown);
            speaking.push(machine);
        }
    }
    if speaking.is_empty() {
        return None;
    }
    let line = |machine: &Arc<Machine>| Line {
        at: now,
        values: payload.values(&machine.device().profile),
        machine: Arc::clone(machine),
    };
    let lines = speaking.into_iter().map(line).collect();
    Some((payload.into_bytes(), lines))
}

fn lock(way: &Mutex<OnTheWay>) -> std::sync::MutexGuard<'_, OnTheWay> {
    way.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_logged_under_the_number_that_it_was_sent_with() {
        let mut way = OnTheWay {
            connected: true,
            ..OnTheWay::default()
        };
        way.unnumbered.extend([Vec::new(), Vec::new()]);
        way.sent(1);
        way.sent(2);
        assert!(way.unnumbered.is_empty() && way.numbered.contains_key(&1) && way.numbered.contains_key(&2));
        way.lost();
        assert!(!way.connected && way.numbered.is_empty());
    }

    #[test]
    fn a_broker_that_does_not_keep_up_is_given_no_more() {
        let mut way = OnTheWay {
            connected: true,
            ..OnTheWay::default()
        };
        assert!(way.has_room());
        way.unnumbered.extend((0..MOST_ON_THE_WAY).map(|_| Vec::new()));
        assert!(!way.has_room());
    }

    #[tokio::test]
    async fn turns_keep_their_grid_and_missed_ones_are_left_out() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!(next_turn(start, second, start + second / 2), start + second);
        assert_eq!(next_turn(start, second, start + second * 5), start + second * 6);
    }
}
