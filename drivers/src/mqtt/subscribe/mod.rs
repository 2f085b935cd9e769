//! The loop of one broker's connection: connects with a session that the broker keeps, subscribes, passes messages on, and
//! acknowledges what is stored.
//!
//! While there is no room for another message it reads nothing more, which is back-pressure on the broker, and goes on acknowledging,
//! which is what makes room: a broker may send as much at once as it likes, and Mosquitto does when a session is resumed, whatever bound
//! we gave it. A message of quality of service 0 does not wait; without room it is dropped and counted.
//!
//! A message beyond the connection's `max_packet_bytes` is not sent to us by an
//! MQTT 5 broker, which was told the bound when we connected: it drops that message, and the others go on. A broker that sends it
//! all the same is disconnected, and would send it again: then the setting has to be raised, as the log says.
//!
//! A retained message is taken like any other, at the time when it arrives: MQTT does not say how old it is.

mod serve;
mod topics;
mod watched;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::{Connection, ConnectionIndex, DeviceIndex, Site, Unit};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::topics::Topics;
use self::watched::watched;
use super::acks::{Reply, settle};
use super::line::Line;
use super::listen::{Arrival, Listener};
use super::packets;
use super::sparkplug::nodes::{Place, speaks_sparkplug};
use crate::backoff::Backoff;
use crate::clock::SteadyClock;
use crate::delivery::Delivery;
use crate::field::Field;
use crate::health::LinkState;
use crate::meters::ConnectionMeters;

/// Messages that wait to be read; at the bound no more are taken from the connection.
const ARRIVALS_MOST: usize = 2_000;
/// The bytes of messages that wait to be read; at the bound no more are taken from the connection, but one is always let through.
const UNREAD_MOST_BYTES: u32 = 16 << 20;
/// Messages that were read and are not on disk yet; at the bound the next waits to be read. As many as arrive while one group is
/// committed, which takes some 40 ms.
const UNSTORED_MOST: usize = 8_192;
/// Replies that wait to be sent; they wait for nothing but this loop.
const REPLIES_MOST: usize = 2_000;
/// Topics in one subscription; a thousand of the longest would burst some brokers' largest packet.
const TOPICS_AT_ONCE: usize = 100;
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// A connection that has held for so long, and on which something was acknowledged, is tried again at once when it breaks. Sooner it
/// could be two gateways of one name, which throw each other out and store the same messages again and again.
const CALM: Duration = Duration::from_secs(5);

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
    let topics = topics(field.site(), &devices);
    let clock = SteadyClock::begin();
    let mut retry = Backoff::new(FIRST_RETRY, LONGEST_RETRY, 0);
    loop {
        let (arrivals, arrived) = mpsc::channel(ARRIVALS_MOST);
        let (to_settle, unsettled) = mpsc::channel(UNSTORED_MOST);
        let (replies, to_say) = mpsc::channel(REPLIES_MOST);
        let settling = tokio::spawn(settle(unsettled, replies.clone()));
        let listening = {
            let (field, connection, stop) = (field.clone(), connection.clone(), stop.clone());
            let (devices, intake) = (devices.clone(), intake.clone());
            tokio::spawn(async move {
                Listener::new(&field, &connection, &devices, intake, to_settle, replies)
                    .go_on(arrived, stop)
                    .await;
            })
        };
        let mut subscriber = Subscriber::new(connection.clone(), meters.clone(), topics.clone(), arrivals);
        let began = clock.now();
        let panicked = watched(listening, subscriber.go_on(to_say, &stop)).await;
        settling.abort();
        meters.set_up(false);
        let Some(error) = panicked else { return };
        if clock.now().saturating_sub(began) > LONGEST_RETRY {
            retry.succeeded();
        }
        let next = "this is a fault of the gateway's: please report it; the connection is begun anew within 30 s, and what was not stored \
                    comes again";
        tracing::error!(
            connection = connection.name,
            error,
            "reading the broker's messages failed; {next}"
        );
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(retry.failed(clock.now())) => {}
        }
    }
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

/// Why a connection is over.
enum Ended {
    /// We are to stop, or nobody takes messages any more.
    Stop,
    /// All that is unacknowledged is to be sent again.
    Again,
    /// It broke.
    Broke(String),
    /// What came is no packet, or one beyond the bound; it would come again.
    Unreadable(String),
}

struct Subscriber {
    connection: Connection,
    topics: Topics,
    arrivals: mpsc::Sender<Arrival>,
    clock: SteadyClock,
    retry: Backoff,
    /// The number of the present connection.
    era: u64,
    /// When the present connection came up.
    up_since: Instant,
    /// Whether anything was acknowledged on it.
    has_acknowledged: bool,
    /// When the broker is asked again for the topics that it refused.
    ask_refused_at: Option<Instant>,
    /// The bytes that messages may still take up until they are read.
    unread: Arc<Semaphore>,
    /// What has arrived and finds no room; until it does, nothing more is read.
    held: Option<Arrival>,
    /// What was last logged of the connection.
    told: Option<LinkState>,
    meters: Arc<ConnectionMeters>,
}

impl Subscriber {
    fn new(
        connection: Connection,
        meters: Arc<ConnectionMeters>,
        topics: Vec<String>,
        arrivals: mpsc::Sender<Arrival>,
    ) -> Self {
        Self {
            connection,
            topics: Topics::new(topics),
            arrivals,
            clock: SteadyClock::begin(),
            retry: Backoff::new(FIRST_RETRY, LONGEST_RETRY, 0),
            era: 0,
            up_since: Instant::now(),
            has_acknowledged: false,
            ask_refused_at: None,
            unread: Arc::new(Semaphore::new(UNREAD_MOST_BYTES as usize)),
            held: None,
            told: None,
            meters,
        }
    }

    async fn go_on(&mut self, mut replies: mpsc::Receiver<Reply>, stop: &CancellationToken) {
        loop {
            let opened = tokio::select! {
                () = stop.cancelled() => return,
                () = discard(&mut replies) => return,
                opened = Line::open(&self.connection) => opened,
            };
            let ended = match opened {
                Ok((mut line, session_present)) => {
                    self.came_up(&mut line, session_present);
                    let ended = self.serve(line, &mut replies, stop).await;
                    self.meters.set_up(false);
                    self.judge();
                    ended
                }
                Err(why) => Ended::Broke(why),
            };
            self.held = None;
            let wait = match ended {
                Ended::Stop => return,
                Ended::Again => continue,
                Ended::Broke(why) | Ended::Unreadable(why) => self.went_down(&why),
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = discard(&mut replies) => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Whether the connection that is over was good for more than connecting. That messages arrived says nothing: what breaks it may
    /// come right after them, each time.
    fn judge(&mut self) {
        let held = self.up_since.elapsed();
        if held > LONGEST_RETRY || self.has_acknowledged && held > CALM {
            self.retry.succeeded();
        }
    }

    fn went_down(&mut self, error: &str) -> Duration {
        let wait = self.retry.failed(self.clock.now());
        if self.told != Some(LinkState::Down) {
            self.told = Some(LinkState::Down);
            let (name, link) = (&self.connection.name, &self.connection.link);
            let next = "it is tried again, ever more seldom, up to every 30 s";
            tracing::warn!(connection = name, %link, error, "connection to the broker is down; {next}");
        }
        wait
    }

    fn came_up(&mut self, line: &mut Line, session_present: bool) {
        if self.era > 0 {
            self.meters.reconnects.increment(1);
        }
        self.era += 1;
        self.up_since = Instant::now();
        self.has_acknowledged = false;
        self.ask_refused_at = None;
        let topics = self.topics.wanted(session_present);
        self.subscribe(line, &topics);
        self.meters.set_up(true);
        if self.told != Some(LinkState::Works) {
            self.told = Some(LinkState::Works);
            let (name, link) = (&self.connection.name, &self.connection.link);
            tracing::info!(connection = name, %link, session_present, "connection to the broker works");
        }
    }

    fn subscribe(&mut self, line: &mut Line, topics: &[String]) {
        for topics in packets::portions(topics, TOPICS_AT_ONCE, line.largest_sent()) {
            match line.subscribe(topics) {
                Ok(()) => self.topics.asked(topics),
                Err(error) => {
                    let first = topics.first();
                    tracing::error!(
                        connection = self.connection.name,
                        ?first,
                        error,
                        "cannot subscribe; these devices stay silent"
                    );
                }
            }
        }
    }
}

/// Takes replies to a connection that is gone, so that nobody waits with one; returns when nobody is left who has any.
async fn discard(replies: &mut mpsc::Receiver<Reply>) {
    while replies.recv().await.is_some() {}
}
