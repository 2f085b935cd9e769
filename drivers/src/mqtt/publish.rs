//! The loop of a connection that publishes: sends retained messages, and says of each when the broker has taken it.
//!
//! It remembers nothing over a connection's end. Every connection is a new client with a new session, since a client that keeps
//! its queue loses it at a broker that has forgotten the session, and keeps events of the old connection for the new one. Whoever
//! publishes holds each message until [`Heard::Taken`] and gives it again after [`Heard::Up`].

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use model::Connection;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use super::broker::LastWill;
use super::broker::{self, Client, Events, Requested, Said};
use crate::backoff::Backoff;
use crate::clock::SteadyClock;
use crate::health::LinkState;

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// A broker that takes nothing for so long, though it was given something, is given up and dialled again.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a stop may wait until the broker has taken the last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A retained message to publish with quality of service 1.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Where.
    pub topic: String,
    /// What; empty: the broker forgets what it has kept there.
    pub payload: Vec<u8>,
    /// Comes back with [`Heard::Taken`].
    pub number: u64,
    /// For which connection it is meant; in a later one it is left out, since it was given again there.
    pub era: u64,
}

/// What becomes of the connection and of what was published on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// There is a new connection, and nothing is on its way: what has not been taken is to be given again.
    Up {
        /// Which; publications are to name it.
        era: u64,
    },
    /// There is none any more, and why.
    Down(String),
    /// The broker has taken the publication of that number.
    Taken(u64),
    /// It refused it, and why; it would do so again.
    Refused(u64, String),
}

/// Publishes until `stop` is cancelled; then says the last will itself. Publications wait in their channel while there is no
/// connection, and `heard` must be read, or nothing goes on.
pub async fn run(
    broker: Connection,
    will: LastWill,
    mut publications: mpsc::Receiver<Publication>,
    heard: mpsc::Sender<Heard>,
    stop: CancellationToken,
) {
    let clock = SteadyClock::begin();
    let mut retry = Backoff::new(FIRST_RETRY, LONGEST_RETRY, 0);
    let mut told = None;
    for era in 1.. {
        let Some((client, events)) = broker::client(&broker, will.clone()) else {
            return;
        };
        let mut session = Session::new(&broker, client, events, era);
        let Some(why) = session.go_on(&mut publications, &heard, &stop, &mut told).await else {
            return session.say_goodbye(&will).await;
        };
        if session.has_taken {
            retry.succeeded();
        }
        if told != Some(LinkState::Down) {
            told = Some(LinkState::Down);
            let next = "it is tried again, ever more seldom, up to every 30 s; what is to be published waits on disk";
            tracing::warn!(link = %broker.link, why, "the broker that is published to is away; {next}");
        }
        if heard.send(Heard::Down(why)).await.is_err() {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(retry.failed(clock.now())) => {}
        }
    }
}

/// One connection.
struct Session<'broker> {
    broker: &'broker Connection,
    client: Client,
    events: Events,
    era: u64,
    is_up: bool,
    /// Whether the broker has taken anything.
    has_taken: bool,
    /// What the client was asked to send and has not sent yet, in its order.
    asked: VecDeque<u64>,
    /// What is on its way, by the number that the protocol gave it.
    in_flight: HashMap<u16, u64>,
    /// When the broker took something last, or was first given something to take.
    moved_at: Instant,
}

impl<'broker> Session<'broker> {
    fn new(broker: &'broker Connection, client: Client, events: Events, era: u64) -> Self {
        Self {
            broker,
            client,
            events,
            era,
            is_up: false,
            has_taken: false,
            asked: VecDeque::new(),
            in_flight: HashMap::new(),
            moved_at: Instant::now(),
        }
    }

    /// Goes on until the connection breaks, and says why; `None` once `stop` is cancelled, or nobody publishes any more.
    async fn go_on(
        &mut self,
        publications: &mut mpsc::Receiver<Publication>,
        heard: &mpsc::Sender<Heard>,
        stop: &CancellationToken,
        told: &mut Option<LinkState>,
    ) -> Option<String> {
        loop {
            let gives_up_at = self.moved_at + PATIENCE;
            let said = tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep_until(gives_up_at), if self.is_waiting() => {
                    return Some(format!("the broker has taken nothing for {PATIENCE:?}"));
                }
                publication = publications.recv(), if self.is_up => {
                    if let Some(refused) = self.publish(publication?) {
                        heard.send(refused).await.ok()?;
                    }
                    continue;
                }
                event = self.events.next() => match event {
                    Ok(said) => said,
                    Err(why) => return Some(why),
                },
            };
            let news = match said {
                Said::Connected => {
                    self.is_up = true;
                    if *told != Some(LinkState::Works) {
                        *told = Some(LinkState::Works);
                        tracing::info!(link = %self.broker.link, "publishing to the broker");
                    }
                    Some(Heard::Up { era: self.era })
                }
                Said::Sent(packet) => {
                    self.sent(packet);
                    None
                }
                Said::Taken(packet, taken) => self.taken(packet, taken),
                Said::Ends(why) => return Some(why),
                Said::Nothing => None,
            };
            if let Some(news) = news {
                heard.send(news).await.ok()?;
            }
        }
    }

    fn is_waiting(&self) -> bool {
        !self.asked.is_empty() || !self.in_flight.is_empty()
    }

    /// Asks the client to send a message; what it can't even be asked for is refused.
    fn publish(&mut self, publication: Publication) -> Option<Heard> {
        let Publication {
            topic,
            payload,
            number,
            era,
        } = publication;
        if era != self.era {
            return None;
        }
        if !self.is_waiting() {
            self.moved_at = Instant::now();
        }
        match self.client.publish_retained(&topic, payload) {
            Requested::Done => {
                self.asked.push_back(number);
                None
            }
            Requested::NoRoom => Some(Heard::Refused(number, "the client does not take it".to_owned())),
        }
    }

    fn sent(&mut self, packet: u16) {
        if let Some(number) = self.asked.pop_front() {
            self.in_flight.insert(packet, number);
        }
    }

    fn taken(&mut self, packet: u16, taken: Result<(), String>) -> Option<Heard> {
        let number = self.in_flight.remove(&packet)?;
        self.has_taken = true;
        self.moved_at = Instant::now();
        Some(match taken {
            Ok(()) => Heard::Taken(number),
            Err(why) => Heard::Refused(number, why),
        })
    }

    /// Says that we are gone, since a broker that we leave in order does not publish the last will.
    async fn say_goodbye(&mut self, will: &LastWill) {
        if !self.is_up {
            return;
        }
        let goodbye = async {
            self.publish(Publication {
                topic: will.topic.clone(),
                payload: will.payload.clone(),
                number: 0,
                era: self.era,
            });
            while self.is_waiting() {
                match self.events.next().await {
                    Ok(Said::Sent(packet)) => self.sent(packet),
                    Ok(Said::Taken(packet, taken)) => drop(self.taken(packet, taken)),
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
            if self.client.disconnect() {
                while self.events.next().await.is_ok() {}
            }
        };
        if tokio::time::timeout(LAST_WORDS, goodbye).await.is_err() {
            tracing::debug!(link = %self.broker.link, "stopped before the broker had taken the last words; it has our will");
        }
    }
}
