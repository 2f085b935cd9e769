//! Which topic is published next, what is on its way, and what the broker has taken. Pure.
//!
//! A topic is on its way once at most, so that an older message never follows a newer one. A new connection trusts the broker with
//! nothing: everything is said again, since a broker that was restarted may have lost what it had acknowledged.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::store::{TakenTopic, TopicRow};

/// So much that the broker has taken may be unnoted on disk; beyond it nothing more is published until it can be noted.
pub const UNNOTED_MOST: usize = 1_000;

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
    /// On this connection, and what would be sent is still the same version.
    is_refused: bool,
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
            (entry.digest, entry.is_refused) = (None, false);
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
                entry.is_refused = false;
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

    /// At most so many topics that are to be published next: what waits before what was only touched.
    pub fn next(&self, most: usize) -> Vec<String> {
        if self.unnoted.len() >= UNNOTED_MOST {
            return Vec::new();
        }
        let may_go = |topic: &&String| {
            self.topics
                .get(*topic)
                .is_some_and(|entry| !entry.is_in_flight && !entry.is_refused)
        };
        let first = [&self.first]
            .into_iter()
            .filter(|first| self.waiting.contains(*first) || self.touched.contains(*first));
        let waiting = self.waiting.iter().filter(|topic| **topic != self.first);
        let touched = self
            .touched
            .iter()
            .filter(|topic| **topic != self.first && !self.waiting.contains(*topic));
        first
            .chain(waiting)
            .chain(touched)
            .filter(may_go)
            .take(most)
            .cloned()
            .collect()
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

    /// The broker refused what was sent under that number, and would do so again: it is left alone until it changes or there is
    /// another connection. Which topic it was.
    pub fn refused(&mut self, number: u64) -> Option<String> {
        let sent = self.in_flight.remove(&number)?;
        self.set_aside(&sent.topic);
        Some(sent.topic)
    }

    /// Leaves a topic alone until it changes or there is another connection.
    pub fn set_aside(&mut self, topic: &str) {
        let Some(entry) = self.topics.get_mut(topic) else {
            return;
        };
        (entry.is_in_flight, entry.is_refused) = (false, true);
        if entry.noted != Some(entry.version) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let queue = queue(&[("a", 1, Some(1)), ("status", 1, Some(1)), ("z", 2, Some(1))]);
        assert_eq!(queue.next(10), ["status", "z", "a"]);
        assert_eq!(queue.next(1), ["status"]);
    }

    #[test]
    fn a_message_waits_until_the_broker_has_taken_exactly_its_version() {
        let mut queue = queue(&[("a", 1, None)]);
        let first = send(&mut queue, "a", 1);
        assert_eq!(queue.next(10), Vec::<String>::new(), "once on its way at most");
        queue.refresh(vec![row("a", 2, None)]);
        assert!(queue.taken(first));
        assert_eq!(unnoted(&mut queue), [("a".to_owned(), 1, false)]);
        assert_eq!(queue.next(10), ["a"]);
        let second = send(&mut queue, "a", 2);
        assert!(queue.taken(second) && !queue.taken(second));
        assert_eq!(unnoted(&mut queue), [("a".to_owned(), 2, false)]);
        assert_eq!((queue.next(10), queue.waiting()), (vec![], 0));
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
        assert_eq!(queue.next(10), ["b", "a"]);
        send(&mut queue, "b", 1);
        send(&mut queue, "a", 1);
        assert_eq!(queue.in_flight(), 2);
    }

    #[test]
    fn what_the_broker_has_on_this_connection_is_not_sent_twice() {
        let mut queue = queue(&[("a", 1, None)]);
        let number = send(&mut queue, "a", 7);
        queue.taken(number);
        unnoted(&mut queue);
        queue.touch("a");
        assert_eq!(queue.send("a", 7, false), None);
        assert_eq!((queue.next(10), unnoted(&mut queue)), (vec![], vec![]));
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
        assert_eq!(queue.next(10), ["b"]);
        send(&mut queue, "b", 1);
    }

    #[test]
    fn what_the_broker_refuses_is_left_alone_until_it_changes() {
        let mut queue = queue(&[("a", 1, None)]);
        let number = send(&mut queue, "a", 1);
        assert_eq!(queue.refused(number).as_deref(), Some("a"));
        assert_eq!((queue.next(10), queue.waiting()), (vec![], 1));
        queue.refresh(vec![row("a", 1, None)]);
        assert_eq!(queue.next(10), Vec::<String>::new());
        queue.refresh(vec![row("a", 2, None)]);
        assert_eq!(queue.next(10), ["a"]);
        queue.refused(number);
        queue.begin();
        assert_eq!(queue.next(10), ["a"]);
    }

    #[test]
    fn while_nothing_can_be_noted_only_so_much_is_published() {
        let rows: Vec<_> = (0..UNNOTED_MOST + 5)
            .map(|number| row(&number.to_string(), 1, None))
            .collect();
        let mut queue = Queue::new("status".into(), rows);
        while let Some(topic) = queue.next(1).pop() {
            let number = send(&mut queue, &topic, 1);
            queue.taken(number);
        }
        assert_eq!((queue.unnoted(), queue.waiting()), (UNNOTED_MOST, 5));
        let taken = queue.take_unnoted();
        queue.not_noted(taken);
        assert_eq!(queue.next(1), Vec::<String>::new());
        unnoted(&mut queue);
        assert_eq!(queue.next(10).len(), 5);
    }

    #[test]
    fn a_topic_that_no_broker_can_have_is_not_touched() {
        let mut queue = queue(&[]);
        queue.touch("a");
        assert_eq!(queue.next(1), Vec::<String>::new());
    }
}
