//! Which topic is published next, what is on its way, and what the broker has taken. Pure.
//!
//! A topic is on its way once at most, so that an older message never follows a newer one. A new connection trusts the broker with
//! nothing: everything is said again, since a broker that was restarted may have lost what it had acknowledged.
//!
//! Some brokers close the connection over a topic that they forbid. A topic that was refused, or on its way again and again when
//! connections broke, is suspect: it goes last and alone, once the connection has been calm for a while, so that it holds up no other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use crate::store::{TakenTopic, TopicRow};

/// So much that the broker has taken may be unnoted on disk; beyond it nothing more is published until it can be noted.
pub const UNNOTED_MOST: usize = 1_000;

/// So many connections that broke while a topic was on its way make it suspect.
const SUSPECT_AFTER: u32 = 3;
/// How long a connection must have been calm before a suspect is tried; twice as long each time.
const FIRST_CALM: Duration = Duration::from_secs(30);
const LONGEST_CALM: Duration = Duration::from_secs(3_600);

/// What is known of a topic.
#[derive(Clone, Debug, Default)]
struct Entry {
    /// Its newest version on disk.
    version: i64,
    /// The version that is noted on disk as taken.
    noted: Option<i64>,
    /// What the broker has taken on this connection.
    digest: Option<u64>,
    is_in_flight: bool,
    /// How often a connection broke while it was on its way, since the broker took it last.
    suspicion: u32,
}

/// A topic on its way.
#[derive(Clone, Debug)]
struct Sent {
    topic: String,
    version: i64,
    digest: u64,
    is_gone: bool,
}

/// What is to be published.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Goes before everything else: whether the gateway is there.
    first: String,
    topics: BTreeMap<String, Entry>,
    /// Topics whose newest version waits.
    waiting: BTreeSet<String>,
    /// Topics that may say something else than the broker has.
    touched: BTreeSet<String>,
    in_flight: HashMap<u64, Sent>,
    next_number: u64,
    unnoted: Vec<TakenTopic>,
}

impl Queue {
    /// A queue of what is on disk; nothing is on its way.
    pub fn new(first: String, rows: Vec<TopicRow>) -> Self {
        let mut queue = Self {
            first,
            topics: BTreeMap::new(),
            waiting: BTreeSet::new(),
            touched: BTreeSet::new(),
            in_flight: HashMap::new(),
            next_number: 1,
            unnoted: Vec::new(),
        };
        queue.refresh(rows);
        queue
    }

    /// A connection is there: everything is to be said on it.
    pub fn begin(&mut self) {
        self.lost();
        for entry in self.topics.values_mut() {
            entry.digest = None;
        }
        self.touched = self.topics.keys().cloned().collect();
    }

    /// The connection has broken: nothing is on its way any more, and what was waits again.
    pub fn lost(&mut self) {
        for sent in std::mem::take(&mut self.in_flight).into_values() {
            let Some(entry) = self.topics.get_mut(&sent.topic) else {
                continue;
            };
            entry.is_in_flight = false;
            entry.suspicion = entry.suspicion.saturating_add(1);
            if entry.noted == Some(entry.version) {
                self.touched.insert(sent.topic);
            } else {
                self.waiting.insert(sent.topic);
            }
        }
    }

    /// Takes in rows of the disk.
    pub fn refresh(&mut self, rows: Vec<TopicRow>) {
        for row in rows {
            let is_new = !self.topics.contains_key(&row.topic);
            let entry = self.topics.entry(row.topic.clone()).or_default();
            if is_new {
                entry.noted = row.taken;
            }
            let is_newer = is_new || entry.version != row.version;
            entry.version = row.version;
            if is_newer {
                // What it says now may be taken; one more failure, and it is suspect again.
                entry.suspicion = entry.suspicion.min(SUSPECT_AFTER - 1);
                if row.taken != Some(row.version) {
                    self.waiting.insert(row.topic);
                }
            }
        }
    }

    /// A topic that the broker may have says something else, though its version is the same.
    pub fn touch(&mut self, topic: &str) {
        if self.topics.contains_key(topic) {
            self.touched.insert(topic.to_owned());
        }
    }

    /// Nobody knows which have changed.
    pub fn touch_all(&mut self) {
        self.touched = self.topics.keys().cloned().collect();
    }

    /// At most so many topics that are to be published next on a connection that has been calm for so long: what waits before what was
    /// only touched. What was on its way when a connection broke goes alone, so that it is seen whose fault that is.
    pub fn next(&self, most: usize, calm: Duration) -> Vec<String> {
        if self.unnoted.len() >= UNNOTED_MOST {
            return Vec::new();
        }
        let is_alone = self.in_flight.is_empty();
        if is_alone && self.may_go(&self.first, |entry| entry.suspicion < SUSPECT_AFTER) {
            return vec![self.first.clone()];
        }
        let fresh = self.next_of(most, |entry| entry.suspicion == 0);
        if !fresh.is_empty() || !is_alone {
            return fresh;
        }
        let trusted = self.next_of(1, |entry| entry.suspicion < SUSPECT_AFTER);
        if !trusted.is_empty() {
            return trusted;
        }
        self.next_of(1, |entry| calm >= entry.needs_calm())
    }

    fn next_of(&self, most: usize, may_be: impl Fn(&Entry) -> bool) -> Vec<String> {
        let touched = self.touched.difference(&self.waiting);
        let topics = self.waiting.iter().chain(touched);
        topics
            .filter(|topic| self.may_go(topic, &may_be))
            .take(most)
            .cloned()
            .collect()
    }

    fn may_go(&self, topic: &str, may_be: impl Fn(&Entry) -> bool) -> bool {
        let is_wanted = self.waiting.contains(topic) || self.touched.contains(topic);
        let entry = self.topics.get(topic).filter(|_| is_wanted);
        entry.is_some_and(|entry| !entry.is_in_flight && may_be(entry))
    }

    /// A topic is sent with that content: the number under which to send it; none when the broker has it already.
    pub fn send(&mut self, topic: &str, digest: u64, is_gone: bool) -> Option<u64> {
        self.waiting.remove(topic);
        self.touched.remove(topic);
        let entry = self.topics.get_mut(topic)?;
        let sent = Sent {
            topic: topic.to_owned(),
            version: entry.version,
            digest,
            is_gone,
        };
        if entry.digest == Some(digest) && !is_gone {
            self.is_taken(sent);
            return None;
        }
        entry.is_in_flight = true;
        let number = self.next_number;
        self.next_number += 1;
        self.in_flight.insert(number, sent);
        Some(number)
    }

    /// The broker has taken what was sent under that number; whether anything was.
    pub fn taken(&mut self, number: u64) -> bool {
        let Some(sent) = self.in_flight.remove(&number) else {
            return false;
        };
        self.is_taken(sent);
        true
    }

    /// The broker refused what was sent under that number, and would do so again: it is suspect. Which topic it was.
    pub fn refused(&mut self, number: u64) -> Option<String> {
        let sent = self.in_flight.remove(&number)?;
        self.suspect(&sent.topic);
        Some(sent.topic)
    }

    /// A topic cannot be sent now: it is suspect.
    pub fn suspect(&mut self, topic: &str) {
        let Some(entry) = self.topics.get_mut(topic) else {
            return;
        };
        entry.is_in_flight = false;
        entry.suspicion = entry.suspicion.saturating_add(1).max(SUSPECT_AFTER);
        if entry.noted == Some(entry.version) {
            self.touched.insert(topic.to_owned());
        } else {
            self.waiting.insert(topic.to_owned());
        }
    }

    /// What is to be noted on disk; it is given back by [`Queue::not_noted`] or [`Queue::noted`].
    pub fn take_unnoted(&mut self) -> Vec<TakenTopic> {
        std::mem::take(&mut self.unnoted)
    }

    /// It could not be noted.
    pub fn not_noted(&mut self, taken: Vec<TakenTopic>) {
        self.unnoted.splice(0..0, taken);
    }

    /// It is noted.
    pub fn noted(&mut self, taken: Vec<TakenTopic>) {
        for taken in taken {
            let Some(entry) = self.topics.get_mut(&taken.topic) else {
                continue;
            };
            if !taken.is_gone {
                entry.noted = Some(taken.version);
            } else if entry.version == taken.version && !entry.is_in_flight {
                self.topics.remove(&taken.topic);
                self.touched.remove(&taken.topic);
            }
        }
    }

    /// How much the broker has taken that is not noted on disk.
    pub fn unnoted(&self) -> usize {
        self.unnoted.len()
    }

    /// How many topics are on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// How many topics have a version that no broker has taken.
    pub fn waiting(&self) -> usize {
        let on_their_way = self.in_flight.values().filter(|sent| {
            let entry = self.topics.get(&sent.topic);
            entry.is_some_and(|entry| entry.noted != Some(sent.version))
        });
        self.waiting.len() + on_their_way.count()
    }

    fn is_taken(&mut self, sent: Sent) {
        let Some(entry) = self.topics.get_mut(&sent.topic) else {
            return;
        };
        entry.is_in_flight = false;
        entry.suspicion = 0;
        entry.digest = Some(sent.digest);
        if sent.is_gone || entry.noted != Some(sent.version) {
            self.unnoted.push(TakenTopic {
                topic: sent.topic,
                version: sent.version,
                is_gone: sent.is_gone,
            });
        }
    }
}

impl Entry {
    /// How long a connection must have been calm before it is tried.
    fn needs_calm(&self) -> Duration {
        match self.suspicion.checked_sub(SUSPECT_AFTER) {
            None => Duration::ZERO,
            Some(more) => FIRST_CALM.saturating_mul(1 << more.min(20)).min(LONGEST_CALM),
        }
    }
}

#[cfg(test)]
mod tests;
