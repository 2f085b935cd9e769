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
mod tests {
    use super::*;

    /// What goes next on a connection that was made a moment ago.
    fn next(queue: &Queue, most: usize) -> Vec<String> {
        queue.next(most, Duration::ZERO)
    }

    fn row(topic: &str, version: i64, taken: Option<i64>) -> TopicRow {
        TopicRow {
            topic: topic.into(),
            version,
            taken,
        }
    }

    fn queue(rows: &[(&str, i64, Option<i64>)]) -> Queue {
        let rows = rows
            .iter()
            .map(|(topic, version, taken)| row(topic, *version, *taken));
        let mut queue = Queue::new("status".into(), rows.collect());
        queue.begin();
        queue
    }

    fn send(queue: &mut Queue, topic: &str, digest: u64) -> u64 {
        queue.send(topic, digest, false).unwrap()
    }

    fn unnoted(queue: &mut Queue) -> Vec<(String, i64, bool)> {
        let taken = queue.take_unnoted();
        let shown = taken
            .iter()
            .map(|taken| (taken.topic.clone(), taken.version, taken.is_gone));
        let shown = shown.collect();
        queue.noted(taken);
        shown
    }

    #[test]
    fn a_new_connection_says_everything_first_that_we_are_there_then_what_waits() {
        let mut queue = queue(&[("a", 1, Some(1)), ("status", 1, Some(1)), ("z", 2, Some(1))]);
        assert_eq!(next(&queue, 10), ["status"]);
        send(&mut queue, "status", 1);
        assert_eq!(next(&queue, 10), ["z", "a"]);
        assert_eq!(next(&queue, 1), ["z"]);
    }

    #[test]
    fn a_message_waits_until_the_broker_has_taken_exactly_its_version() {
        let mut queue = queue(&[("a", 1, None)]);
        let first = send(&mut queue, "a", 1);
        assert_eq!(next(&queue, 10), Vec::<String>::new(), "once on its way at most");
        queue.refresh(vec![row("a", 2, None)]);
        assert!(queue.taken(first));
        assert_eq!(unnoted(&mut queue), [("a".to_owned(), 1, false)]);
        assert_eq!(next(&queue, 10), ["a"]);
        let second = send(&mut queue, "a", 2);
        assert!(queue.taken(second) && !queue.taken(second));
        assert_eq!(unnoted(&mut queue), [("a".to_owned(), 2, false)]);
        assert_eq!((next(&queue, 10), queue.waiting()), (vec![], 0));
    }

    #[test]
    fn what_was_on_its_way_when_the_connection_broke_is_said_again_and_so_is_what_was_taken_before() {
        let mut queue = queue(&[("a", 1, None), ("b", 1, None)]);
        let (a, b) = (send(&mut queue, "a", 1), send(&mut queue, "b", 1));
        queue.taken(a);
        assert_eq!(unnoted(&mut queue).len(), 1);
        queue.lost();
        assert_eq!(queue.waiting(), 1);
        assert!(!queue.taken(b), "an answer of the old connection says nothing");
        queue.begin();
        assert_eq!(next(&queue, 10), ["a"]);
        let a = send(&mut queue, "a", 1);
        assert_eq!(next(&queue, 10), Vec::<String>::new());
        queue.taken(a);
        assert_eq!(next(&queue, 10), ["b"]);
        send(&mut queue, "b", 1);
        assert_eq!(queue.in_flight(), 1);
    }

    #[test]
    fn what_the_broker_has_on_this_connection_is_not_sent_twice() {
        let mut queue = queue(&[("a", 1, None)]);
        let number = send(&mut queue, "a", 7);
        queue.taken(number);
        unnoted(&mut queue);
        queue.touch("a");
        assert_eq!(queue.send("a", 7, false), None);
        assert_eq!((next(&queue, 10), unnoted(&mut queue)), (vec![], vec![]));
        queue.refresh(vec![row("a", 2, Some(1))]);
        assert_eq!(queue.send("a", 7, false), None);
        assert_eq!(
            unnoted(&mut queue),
            [("a".to_owned(), 2, false)],
            "the version is taken all the same"
        );
    }

    #[test]
    fn a_topic_is_forgotten_once_its_removal_is_taken_unless_it_has_come_back() {
        let mut queue = queue(&[("a", 3, None), ("b", 3, None)]);
        let (a, b) = (
            queue.send("a", 0, true).unwrap(),
            queue.send("b", 0, true).unwrap(),
        );
        queue.taken(a);
        queue.taken(b);
        queue.refresh(vec![row("b", 4, None)]);
        assert_eq!(unnoted(&mut queue).len(), 2);
        queue.touch("a");
        assert_eq!(next(&queue, 10), ["b"]);
        send(&mut queue, "b", 1);
    }

    #[test]
    fn what_the_broker_refuses_goes_last_and_alone_on_a_calm_connection_ever_more_seldom() {
        let mut queue = queue(&[("a", 1, None), ("b", 1, None)]);
        let number = send(&mut queue, "a", 1);
        assert_eq!(queue.refused(number).as_deref(), Some("a"));
        queue.begin();
        assert_eq!(
            queue.next(10, LONGEST_CALM),
            ["b"],
            "not beside another, though it is another connection"
        );
        let number = send(&mut queue, "b", 1);
        assert_eq!(queue.next(10, LONGEST_CALM), Vec::<String>::new());
        queue.taken(number);
        assert_eq!((next(&queue, 10), queue.waiting()), (vec![], 1));
        assert_eq!(queue.next(10, FIRST_CALM), ["a"]);
        let number = send(&mut queue, "a", 1);
        queue.refused(number);
        assert_eq!(queue.next(10, FIRST_CALM), Vec::<String>::new());
        assert_eq!(queue.next(10, 2 * FIRST_CALM), ["a"]);
        queue.refresh(vec![row("a", 1, None)]);
        assert_eq!(next(&queue, 10), Vec::<String>::new());
        queue.refresh(vec![row("a", 2, None)]);
        assert_eq!(next(&queue, 10), ["a"], "it says something else now");
    }

    #[test]
    fn the_one_over_which_the_broker_closes_holds_up_none_of_those_that_were_on_their_way_with_it() {
        let mut queue = queue(&[("a", 1, None), ("b", 1, None), ("c", 1, None)]);
        let mut sent_alone = Vec::new();
        let mut taken = BTreeSet::new();
        // The broker takes everything but `b`, over which it closes before it has said anything.
        for _ in 0..10 {
            let topics = next(&queue, 10);
            if topics.is_empty() {
                break;
            }
            let numbers: Vec<_> = topics.iter().map(|topic| send(&mut queue, topic, 1)).collect();
            if topics.contains(&"b".to_owned()) {
                queue.lost();
                queue.begin();
            } else {
                numbers.iter().for_each(|number| assert!(queue.taken(*number)));
                taken.extend(topics.clone());
            }
            if let [alone] = topics.as_slice() {
                sent_alone.push(alone.clone());
            }
        }
        assert!(taken.contains("a") && taken.contains("c"), "{taken:?}");
        assert_eq!(sent_alone.iter().filter(|topic| *topic == "b").count(), 2);
        assert_eq!(queue.next(1, FIRST_CALM), ["b"]);
        let number = send(&mut queue, "b", 1);
        queue.taken(number);
        queue.touch("b");
        assert!(
            next(&queue, 10).contains(&"b".to_owned()),
            "the broker took it: it is trusted again"
        );
    }

    #[test]
    fn while_nothing_can_be_noted_only_so_much_is_published() {
        let rows: Vec<_> = (0..UNNOTED_MOST + 5)
            .map(|number| row(&number.to_string(), 1, None))
            .collect();
        let mut queue = Queue::new("status".into(), rows);
        while let Some(topic) = next(&queue, 1).pop() {
            let number = send(&mut queue, &topic, 1);
            queue.taken(number);
        }
        assert_eq!((queue.unnoted(), queue.waiting()), (UNNOTED_MOST, 5));
        let taken = queue.take_unnoted();
        queue.not_noted(taken);
        assert_eq!(next(&queue, 1), Vec::<String>::new());
        unnoted(&mut queue);
        assert_eq!(next(&queue, 10).len(), 5);
    }

    #[test]
    fn a_topic_that_no_broker_can_have_is_not_touched() {
        let mut queue = queue(&[]);
        queue.touch("a");
        assert_eq!(next(&queue, 1), Vec::<String>::new());
    }
}
