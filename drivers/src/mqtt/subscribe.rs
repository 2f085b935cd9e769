//! The loop of one broker's connection: connects with a session that the broker keeps, subscribes, and passes messages on.
//!
//! It waits for the gateway only when a broker sends more than it was told to, and not for long; the number of unacknowledged
//! messages bounds what can be under way. A message beyond the connection's `max_packet_bytes` is not sent to us by an
//! MQTT 5 broker, which was told the bound when we connected: it drops that message, and the others go on. A broker that sends it
//! all the same is disconnected, and would send it again: then the setting has to be raised, as the log says.
//!
//! A retained message is taken like any other, at the time when it arrives: MQTT does not say how old it is.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{Connection, ConnectionIndex, DeviceIndex, Link, Site, Unit};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::acks::{Era, acknowledge_all};
use super::broker::{self, Client, Events, Message, Purpose, Said, UNACKNOWLEDGED_MOST};
use super::listen::{Arrival, Listener};
use super::sparkplug::nodes::{Place, speaks_sparkplug};
use crate::backoff::Backoff;
use crate::clock::SteadyClock;
use crate::delivery::Delivery;
use crate::field::Field;
use crate::health::LinkState;
use crate::meters::ConnectionMeters;

/// Messages that wait to be read: all that can be unacknowledged, and some of quality of service 0.
const ARRIVALS_MOST: usize = 2 * UNACKNOWLEDGED_MOST as usize;
/// Topics in one subscription; a thousand of the longest would burst some brokers' largest packet.
const TOPICS_AT_ONCE: usize = 100;
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// How long a message may wait for room; shorter than the broker waits to hear from us.
const WAITS_FOR_ROOM: Duration = Duration::from_secs(10);
/// How long a stop may wait for the receipts of what was delivered.
const LAST_RECEIPTS: Duration = Duration::from_secs(1);

/// Listens to the devices of a broker until `stop` is cancelled.
pub(crate) async fn run(
    field: Arc<Field>,
    index: ConnectionIndex,
    devices: Vec<DeviceIndex>,
    intake: mpsc::Sender<Delivery>,
    stop: CancellationToken,
) {
    let (Some(connection), Some(meters)) = (
        field.site().connections.get(index).cloned(),
        field.connection_meters(index),
    ) else {
        return;
    };
    let Some((client, events)) = broker::client(&connection, Purpose::Listen) else {
        return;
    };
    let era = Arc::new(Era::first());
    let redeliver = Arc::new(Notify::new());
    let (arrivals, arrived) = mpsc::channel(ARRIVALS_MOST);
    let (to_acknowledge, unacknowledged) = mpsc::channel(ARRIVALS_MOST);
    let name = connection.name.clone();
    let acks = tokio::spawn(acknowledge_all(
        unacknowledged,
        client.clone(),
        era.clone(),
        redeliver.clone(),
        name,
    ));
    let topics = topics(field.site(), &devices);
    let listener = {
        let (field, connection, client, stop) =
            (field.clone(), connection.clone(), client.clone(), stop.clone());
        tokio::spawn(async move {
            Listener::new(&field, &connection, &devices, client, intake, to_acknowledge)
                .go_on(arrived, stop)
                .await;
        })
    };
    let mut subscriber = Subscriber::new(&connection, meters, client, era, topics, arrivals);
    subscriber.go_on(events, &redeliver, &stop, acks).await;
    listener.abort();
}

fn topics(site: &Site, devices: &[DeviceIndex]) -> Vec<String> {
    let topics: BTreeSet<_> = devices
        .iter()
        .filter_map(|index| {
            let device = site.devices.get(*index)?;
            match &device.unit {
                unit if speaks_sparkplug(device) => Some(Place::of(unit)?.filter()),
                Unit::Topic(topic) => Some(topic.clone()),
                Unit::Modbus(_) => None,
            }
        })
        .collect();
    topics.into_iter().collect()
}

struct Subscriber {
    name: String,
    link: Link,
    client: Client,
    era: Arc<Era>,
    topics: Vec<String>,
    /// The topics of each subscription that the broker has not answered yet.
    unanswered: VecDeque<Vec<String>>,
    arrivals: mpsc::Sender<Arrival>,
    clock: SteadyClock,
    retry: Backoff,
    ever_up: bool,
    is_up: bool,
    /// Whether the broker has answered for all topics of this site in the session that it keeps.
    is_subscribed: bool,
    /// What was last logged of the connection.
    told: Option<LinkState>,
    meters: Arc<ConnectionMeters>,
}

impl Subscriber {
    fn new(
        connection: &Connection,
        meters: Arc<ConnectionMeters>,
        client: Client,
        era: Arc<Era>,
        topics: Vec<String>,
        arrivals: mpsc::Sender<Arrival>,
    ) -> Self {
        Self {
            name: connection.name.clone(),
            link: connection.link.clone(),
            client,
            era,
            topics,
            unanswered: VecDeque::new(),
            arrivals,
            clock: SteadyClock::begin(),
            retry: Backoff::new(FIRST_RETRY, LONGEST_RETRY, 0),
            ever_up: false,
            is_up: false,
            is_subscribed: false,
            told: None,
            meters,
        }
    }

    async fn go_on(
        &mut self,
        mut events: Events,
        redeliver: &Notify,
        stop: &CancellationToken,
        acks: JoinHandle<()>,
    ) {
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => break,
                () = redeliver.notified() => {
                    self.give_up(&mut events);
                    continue;
                }
                event = events.next() => event,
            };
            match event {
                Ok(said) => {
                    if !self.take(said).await {
                        self.give_up(&mut events);
                    }
                }
                Err(error) => {
                    self.give_up(&mut events);
                    let wait = self.went_down(&error);
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
        if self.is_up {
            self.say_goodbye(events, acks).await;
        }
    }

    /// Leaves the present connection, if there is one; the next poll makes another.
    fn give_up(&mut self, events: &mut Events) {
        self.era.turn();
        // After the era has turned, so that no acknowledgement of an earlier connection is left in the queue.
        events.leave();
        self.unanswered.clear();
        self.is_up = false;
        self.meters.set_up(false);
    }

    fn went_down(&mut self, error: &str) -> Duration {
        let wait = self.retry.failed(self.clock.now());
        if self.told != Some(LinkState::Down) {
            self.told = Some(LinkState::Down);
            let next = "it is tried again, ever more seldom, up to every 30 s";
            tracing::warn!(connection = self.name, link = %self.link, error, "connection to the broker is down; {next}");
        }
        wait
    }

    /// Takes what the broker sends; whether the connection can go on.
    async fn take(&mut self, said: Said) -> bool {
        match said {
            Said::Connected { session_present } => self.came_up(session_present),
            Said::Message(message) => return self.pass_on(message).await,
            Said::Subscribed(refused) => self.subscribed(&refused),
            Said::Ends(reason) => {
                tracing::warn!(connection = self.name, reason, "the broker ends the connection");
            }
            Said::Sent(_) | Said::Taken(..) | Said::Nothing => {}
        }
        true
    }

    fn came_up(&mut self, session_present: bool) {
        self.era.turn();
        // A session of an earlier run may know other topics than this site has, so this run subscribes at least once.
        self.is_subscribed &= session_present;
        if !self.is_subscribed {
            self.subscribe();
        }
        if self.ever_up {
            self.meters.reconnects.increment(1);
        }
        self.ever_up = true;
        self.is_up = true;
        self.meters.set_up(true);
        if self.told != Some(LinkState::Works) {
            self.told = Some(LinkState::Works);
            tracing::info!(connection = self.name, link = %self.link, session_present, "connection to the broker works");
        }
    }

    fn subscribe(&mut self) {
        for topics in self.topics.chunks(TOPICS_AT_ONCE) {
            match self.client.subscribe(topics) {
                Ok(()) => self.unanswered.push_back(topics.to_vec()),
                Err(error) => {
                    let first = topics.first();
                    tracing::error!(
                        connection = self.name,
                        ?first,
                        error,
                        "cannot subscribe; these devices stay silent"
                    );
                }
            }
        }
    }

    fn subscribed(&mut self, refused: &[Option<String>]) {
        // An answer that grants something shows that the connection is good for more than connecting.
        self.retry.succeeded();
        let topics = self.unanswered.pop_front().unwrap_or_default();
        self.is_subscribed = self.unanswered.is_empty();
        for (topic, code) in topics.iter().zip(refused) {
            if let Some(code) = code {
                let next = "its devices stay silent until the broker's access list allows it";
                tracing::error!(
                    connection = self.name,
                    topic,
                    code,
                    "the broker refuses a topic; {next}"
                );
            }
        }
    }

    /// Passes a message on. A message that will be acknowledged waits for room: Mosquitto sends a session's whole queue when it is
    /// resumed, whatever bound we gave it. Waiting is back-pressure on the broker, and it ends: then everything comes again.
    async fn pass_on(&mut self, message: Message) -> bool {
        self.retry.succeeded();
        self.meters.messages.increment(1);
        let may_be_lost = !message.is_kept();
        let arrival = Arrival {
            message,
            era: self.era.now(),
            at: Timestamp::now(),
        };
        if may_be_lost {
            if self.arrivals.try_send(arrival).is_err() {
                self.meters.messages_dropped.increment(1);
            }
            return true;
        }
        let passed = tokio::time::timeout(WAITS_FOR_ROOM, self.arrivals.send(arrival)).await;
        if passed.is_err() {
            let next = "the connection is made anew, and all that is unacknowledged comes again";
            tracing::warn!(
                connection = self.name,
                "messages come faster than they are stored; {next}"
            );
        }
        passed.is_ok()
    }

    /// Sends the acknowledgements of what is stored within a moment, then disconnects; the broker keeps the session.
    async fn say_goodbye(&mut self, mut events: Events, acks: JoinHandle<()>) {
        let goodbye = async {
            let mut acks = acks;
            loop {
                tokio::select! {
                    _ = &mut acks => break,
                    event = events.next() => if event.is_err() { return },
                }
            }
            if self.client.disconnect() {
                // The broker closes once it has read all that we sent; closing before it could take the last from it.
                while events.next().await.is_ok() {}
            }
        };
        if tokio::time::timeout(LAST_RECEIPTS, goodbye).await.is_err() {
            tracing::debug!(
                connection = self.name,
                "stopped without waiting longer; unacknowledged messages come again"
            );
        }
    }
}
