//! The hand that publishes: hears of changes, asks the queue what goes next, sends it, and has the desk note what the broker took.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use drivers::publish::{Heard, LastWill, Publication};
use jiff::Timestamp;
use model::{Connection, Publishing};
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::content::{Content, Pages};
use super::queue::Queue;
use super::stand::{Meters, PublishStand};
use super::{Names, OFFLINE};
use crate::desk::{Changed, Command, DeskHandle};
use crate::live::DeviceState;
use crate::step_clock::Since;
use crate::store::{Records, RecordsReader, StoreError};

/// Topics on their way at once; fewer than any broker's bound, and enough to hide a slow line.
const WINDOW: usize = 16;
/// How often devices are looked at, and what the broker took is noted on disk.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Changes come in groups: what follows within this is read from the disk together.
const GROUP: Duration = Duration::from_millis(20);
/// So much that the broker took is noted at once, without waiting for the next look.
const NOTED_AT_ONCE: usize = 500;

/// Publishes what changes.
pub struct Publisher {
    broker: Connection,
    names: Names,
    pages: Arc<Pages>,
    /// What waits, and tickets.
    reader: Arc<Mutex<RecordsReader>>,
    changes: broadcast::Receiver<Changed>,
    desk: DeskHandle,
    stand: Arc<Mutex<PublishStand>>,
}

impl Publisher {
    /// A publisher of what stands in `records`, which from now on count up what is to be published. `pages` says what topics say,
    /// `changes` when, and the desk notes what the broker took.
    ///
    /// # Errors
    /// The records cannot be read or written.
    pub fn open(
        settings: &Publishing,
        names: Names,
        pages: Pages,
        records: &mut Records,
        changes: broadcast::Receiver<Changed>,
        desk: DeskHandle,
    ) -> Result<Self, StoreError> {
        records.publish_as(names.clone(), &pages.topics())?;
        Ok(Self {
            broker: settings.broker.clone(),
            names,
            pages: Arc::new(pages),
            reader: Arc::new(Mutex::new(records.reader()?)),
            changes,
            desk,
            stand: Arc::new(Mutex::new(PublishStand::new(Since::now()))),
        })
    }

    /// How it goes.
    pub fn stand(&self) -> Arc<Mutex<PublishStand>> {
        Arc::clone(&self.stand)
    }

    /// Publishes until it is told to stop, and then says that the gateway is gone.
    pub async fn run(mut self, stop: CancellationToken) {
        let (give, publications) = mpsc::channel(4 * WINDOW);
        let (tell, heard) = mpsc::channel(4 * WINDOW);
        let will = LastWill {
            topic: self.names.status(),
            payload: OFFLINE.into(),
        };
        let connection = drivers::publish::run(self.broker.clone(), will, publications, tell, stop.clone());
        let connection = tokio::spawn(connection);
        let rows = self.read(RecordsReader::topics).await;
        let mut delivery = Delivery {
            queue: Queue::new(self.names.status(), rows.unwrap_or_default()),
            states: self.pages.device_states(),
            era: None,
            calm_since: Instant::now(),
            is_stale: false,
            has_been_up: false,
            meters: Meters::new(),
            give,
        };
        self.go_on(&mut delivery, heard, &stop).await;
        self.note(&mut delivery.queue).await;
        if connection.await.is_err() {
            tracing::error!("the connection that publishes ended by itself: report this");
        }
    }

    async fn go_on(
        &mut self,
        delivery: &mut Delivery,
        mut heard: mpsc::Receiver<Heard>,
        stop: &CancellationToken,
    ) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                news = heard.recv() => {
                    let Some(news) = news else { return };
                    self.hear(delivery, news);
                    while let Ok(news) = heard.try_recv() {
                        self.hear(delivery, news);
                    }
                }
                changed = self.changes.recv() => {
                    if !self.take(delivery, changed) {
                        return;
                    }
                    tokio::time::sleep(GROUP).await;
                    while let Some(changed) = next_now(&mut self.changes) {
                        self.take(delivery, changed);
                    }
                }
                _ = look.tick() => {
                    self.look(delivery);
                    self.note(&mut delivery.queue).await;
                }
            }
            if delivery.era.is_some() {
                self.send(delivery).await;
            }
            if delivery.queue.unnoted() >= NOTED_AT_ONCE {
                self.note(&mut delivery.queue).await;
            }
            self.stand_of(|stand| stand.waiting = delivery.queue.waiting());
            delivery.meters.waiting.set(delivery.queue.waiting() as f64);
        }
    }

    /// Takes in what the connection says.
    fn hear(&self, delivery: &mut Delivery, news: Heard) {
        let (queue, meters) = (&mut delivery.queue, &delivery.meters);
        match news {
            Heard::Up { era } => {
                let is_again = std::mem::replace(&mut delivery.has_been_up, true);
                queue.begin();
                (delivery.era, delivery.is_stale) = (Some(era), true);
                delivery.calm_since = Instant::now();
                meters.up.set(1.0);
                meters.reconnects.increment(u64::from(is_again));
                self.stand_of(|stand| {
                    (stand.is_up, stand.away_since, stand.error) = (true, None, None);
                    stand.reconnects += u64::from(is_again);
                });
            }
            Heard::Down(why) => {
                queue.lost();
                delivery.era = None;
                meters.up.set(0.0);
                self.stand_of(|stand| {
                    stand.is_up = false;
                    stand.away_since.get_or_insert_with(Since::now);
                    stand.error = Some(why);
                });
            }
            Heard::Taken(number) => {
                if queue.taken(number) {
                    meters.published.increment(1);
                    self.stand_of(|stand| stand.published += 1);
                }
            }
            Heard::Refused(number, why) => {
                delivery.calm_since = Instant::now();
                if let Some(topic) = queue.refused(number) {
                    meters.refused.increment(1);
                    let next = "it is tried again ever more seldom, and when it changes: allow it in the broker's access list";
                    let is_first = self.stand_of(|stand| {
                        stand.refused += 1;
                        stand.error = Some(format!("{topic}: {why}"));
                        stand.refused == 1
                    });
                    // Once: with a wrong access list it is every topic.
                    if is_first {
                        warn!(topic, why, "the broker refuses what is published; {next}");
                    }
                }
            }
        }
    }

    /// Takes in a change; whether there will be more.
    fn take(&self, delivery: &mut Delivery, changed: Result<Changed, broadcast::error::RecvError>) -> bool {
        let queue = &mut delivery.queue;
        match changed {
            Ok(Changed::Alarm(alarm)) => {
                // Its version may have been seen on disk before it was to be seen here.
                queue.touch(&self.names.alarm(&alarm.id));
                if let Some(device) = &alarm.device {
                    queue.touch(&self.names.device(device));
                }
            }
            Ok(Changed::Ticket(_)) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => queue.touch_all(),
            Err(broadcast::error::RecvError::Closed) => return false,
        }
        queue.touch(&self.names.gateway());
        delivery.is_stale = true;
        true
    }

    /// Looks at how devices are.
    fn look(&self, delivery: &mut Delivery) {
        let states = self.pages.device_states();
        for topic in self.pages.changed_devices(&delivery.states, &states) {
            delivery.queue.touch(&topic);
        }
        if delivery.states != states {
            delivery.queue.touch(&self.names.gateway());
        }
        delivery.states = states;
    }

    /// Sends as much as may be on its way.
    async fn send(&self, delivery: &mut Delivery) {
        if std::mem::take(&mut delivery.is_stale) {
            match self.read(RecordsReader::topics_waiting).await {
                Some(rows) => delivery.queue.refresh(rows),
                None => delivery.is_stale = true,
            }
        }
        loop {
            let room = WINDOW.saturating_sub(delivery.queue.in_flight());
            let topics = delivery.queue.next(room, delivery.calm_since.elapsed());
            if topics.is_empty() {
                return;
            }
            let pages = Arc::clone(&self.pages);
            let now = Timestamp::now();
            let contents = self.read(move |reader| {
                let content = |topic: String| {
                    let content = pages.content(&topic, reader, now);
                    (topic, content)
                };
                Ok(topics.into_iter().map(content).collect::<Vec<_>>())
            });
            let Some(contents) = contents.await else { return };
            for (topic, content) in contents {
                match content {
                    Ok(content) => delivery.give(topic, content),
                    Err(error) => {
                        warn!(topic, %error, "what is to be published cannot be read; it is tried again ever more seldom");
                        delivery.queue.suspect(&topic);
                        delivery.calm_since = Instant::now();
                    }
                }
            }
        }
    }

    /// Has the desk note what the broker took; what it cannot note now is kept for the next time.
    async fn note(&self, queue: &mut Queue) {
        let taken = queue.take_unnoted();
        if taken.is_empty() {
            return;
        }
        match self.desk.ask(Command::TopicsTaken(taken.clone())).await {
            Ok(_) => queue.noted(taken),
            Err(error) => {
                tracing::debug!(%error, "what the broker took is not noted yet");
                queue.not_noted(taken);
            }
        }
    }

    /// Reads something; `None` when it cannot be read, which is told.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&RecordsReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let reader = Arc::clone(&self.reader);
        let found = tokio::task::spawn_blocking(move || {
            read(&reader.lock().unwrap_or_else(PoisonError::into_inner)).map_err(|error| error.to_string())
        });
        let found = found.await.map_err(|error| error.to_string()).flatten();
        found
            .map_err(|error| warn!(error, "what is to be published cannot be read; it is tried again"))
            .ok()
    }

    fn stand_of<T>(&self, change: impl FnOnce(&mut PublishStand) -> T) -> T {
        change(&mut self.stand.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is on its way.
struct Delivery {
    queue: Queue,
    /// How devices were at the last look.
    states: Vec<DeviceState>,
    /// The present connection.
    era: Option<u64>,
    /// When it was made, or something was refused last.
    calm_since: Instant,
    /// Whether the disk has more than the queue knows.
    is_stale: bool,
    has_been_up: bool,
    meters: Meters,
    give: mpsc::Sender<Publication>,
}

impl Delivery {
    /// Gives a topic to the connection.
    fn give(&mut self, topic: String, content: Content) {
        let Some(era) = self.era else { return };
        let (last, payload, is_gone) = match content {
            Content::Kept(payload) => (None, payload, false),
            Content::Last(last) => (Some(last), Vec::new(), true),
            Content::Gone => (None, Vec::new(), true),
        };
        let Some(number) = self.queue.send(&topic, digest(&payload), is_gone) else {
            return;
        };
        let publication = |number, payload| Publication {
            topic: topic.clone(),
            payload,
            number,
            era,
        };
        // The removal follows on the same topic, so whoever took it has taken this one, too.
        let last = last.map(|last| publication(0, last));
        for publication in last.into_iter().chain([publication(number, payload)]) {
            // There is room for all that may be on its way; a connection that has ended says so, and then it is given again.
            let _ = self.give.try_send(publication);
        }
    }
}

/// The next change, if there is one now.
fn next_now(
    changes: &mut broadcast::Receiver<Changed>,
) -> Option<Result<Changed, broadcast::error::RecvError>> {
    match changes.try_recv() {
        Ok(changed) => Some(Ok(changed)),
        Err(broadcast::error::TryRecvError::Lagged(missed)) => {
            Some(Err(broadcast::error::RecvError::Lagged(missed)))
        }
        Err(_) => None,
    }
}

fn digest(payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    payload.hash(&mut hasher);
    hasher.finish()
}
