//! Whether what is stored keeps what was promised: everything that was taken is there exactly once, and nothing that was not said.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::publisher::Message;
use super::scrapes::Life;
use crate::compare::{Stored, StoredValue};

/// What a run came to, when nothing was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many times the gateway was started.
    pub lives: usize,
    /// How often it was asked what it had taken.
    pub scrapes: usize,
    /// Polled samples that it said it had taken, over all lives.
    pub taken: u64,
    /// Polled samples that are stored.
    pub polled: usize,
    /// Samples that its outbox dropped.
    pub dropped: u64,
    /// Messages that the broker took from their devices.
    pub messages: usize,
    /// Those of them that the gateway acknowledged.
    pub acknowledged: usize,
    /// What people did and the gateway confirmed.
    pub confirmed: usize,
    /// Tickets.
    pub tickets: usize,
}

/// What is known from outside.
pub(super) struct Evidence<'run> {
    /// What each life of the gateway said.
    pub(super) lives: &'run [Life],
    /// By counting device, the number of its last answer.
    pub(super) answers: &'run BTreeMap<String, u32>,
    /// By number, the messages that the broker took.
    pub(super) messages: &'run BTreeMap<u64, Message>,
    /// The numbers of those that the gateway acknowledged.
    pub(super) acknowledged: &'run BTreeSet<u64>,
}

/// Compares what is stored with the evidence.
pub(super) fn judge(evidence: &Evidence, stored: &Stored) -> Result<Figures, String> {
    let figures = Figures {
        lives: evidence.lives.len(),
        scrapes: evidence.lives.iter().map(|life| life.scrapes.len()).sum(),
        messages: evidence.messages.len(),
        acknowledged: evidence.acknowledged.len(),
        ..Figures::default()
    };
    for (device, last) in evidence.answers {
        answers_are_stored_once(device, *last, stored)?;
    }
    messages_are_stored_once(evidence, stored)?;
    taken_are_stored(evidence.lives, stored, figures)
}

/// Each answer of a counting device is stored at most once, in the order in which it was given.
fn answers_are_stored_once(device: &str, last: u32, stored: &Stored) -> Result<(), String> {
    let mut before = 0.0;
    for (at, value) in samples(stored, device, "answer") {
        let StoredValue::Number(answer) = *value else {
            return Err(format!("{device}: {value:?} at {at} is no number"));
        };
        if answer <= before || answer > f64::from(last) {
            return Err(format!(
                "{device}: answer {answer} is stored at {at} after answer {before}; the last that was given is {last}"
            ));
        }
        before = answer;
    }
    Ok(())
}

/// Each message is stored exactly once, at its own time.
fn messages_are_stored_once(evidence: &Evidence, stored: &Stored) -> Result<(), String> {
    let mut found = BTreeMap::<u64, usize>::new();
    for ((device, point), samples) in stored {
        for (at, value) in samples.iter().filter(|_| point == "number") {
            let StoredValue::Number(number) = *value else {
                return Err(format!("{device}: {value:?} at {at} is no number"));
            };
            // One that the broker never acknowledged may be stored all the same.
            if let Some(message) = evidence.messages.get(&(number as u64))
                && (message.at != *at || message.device != *device)
            {
                return Err(format!(
                    "{device}: message {number} is stored at {at}, and is {message:?}"
                ));
            }
            *found.entry(number as u64).or_default() += 1;
        }
    }
    if let Some((number, times)) = found.iter().find(|(_, times)| **times > 1) {
        return Err(format!("message {number} is stored {times} times"));
    }
    let is_missing = |number: &&u64| !found.contains_key(number);
    let acknowledged: Vec<_> = evidence.acknowledged.iter().filter(is_missing).collect();
    if let Some(first) = acknowledged.first() {
        return Err(format!(
            "{} messages were acknowledged by the gateway and are not stored; the first is {first}",
            acknowledged.len()
        ));
    }
    let missing: Vec<_> = evidence.messages.keys().filter(is_missing).collect();
    match missing.first() {
        None => Ok(()),
        Some(first) => Err(format!(
            "{} messages are not stored, though unacknowledged; the first is {first}",
            missing.len()
        )),
    }
}

/// Whenever the gateway said how many samples of a device it had taken, at least so many of that time are stored.
fn taken_are_stored(lives: &[Life], stored: &Stored, mut figures: Figures) -> Result<Figures, String> {
    let times = times_by_device(stored);
    let none = Vec::new();
    for (number, life) in lives.iter().enumerate() {
        for scrape in &life.scrapes {
            let mut missing = 0;
            let mut devices = Vec::new();
            for (device, taken) in &scrape.taken {
                let times = times.get(device.as_str()).unwrap_or(&none);
                let until = |moment: Timestamp| times.partition_point(|at| *at <= moment);
                let found = (until(scrape.to) - times.partition_point(|at| *at < life.from)) as u64;
                if found < *taken {
                    missing += taken - found;
                    devices.push(format!("{found} of {taken} of {device}"));
                }
            }
            if missing > scrape.dropped {
                return Err(format!(
                    "life {number}: of what was counted as taken until {}, only {} are stored",
                    scrape.to,
                    devices.join(", ")
                ));
            }
        }
        if let Some(last) = life.scrapes.last() {
            figures.taken += last.taken.values().sum::<u64>();
            figures.dropped += last.dropped;
        }
    }
    let devices: BTreeSet<_> = lives
        .iter()
        .flat_map(|life| &life.scrapes)
        .flat_map(|scrape| scrape.taken.keys())
        .collect();
    let stored_of = |device: &String| times.get(device.as_str()).map_or(0, Vec::len);
    figures.polled = devices.into_iter().map(stored_of).sum();
    Ok(figures)
}

/// By device, the times of all its samples, in order.
fn times_by_device(stored: &Stored) -> BTreeMap<&str, Vec<Timestamp>> {
    let mut times = BTreeMap::<&str, Vec<Timestamp>>::new();
    for ((device, _), samples) in stored {
        times
            .entry(device)
            .or_default()
            .extend(samples.iter().map(|(at, _)| *at));
    }
    for times in times.values_mut() {
        times.sort_unstable();
    }
    times
}

fn samples<'stored>(
    stored: &'stored Stored,
    device: &str,
    point: &str,
) -> &'stored [(Timestamp, StoredValue)] {
    stored
        .get(&(device.to_owned(), point.to_owned()))
        .map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::super::scrapes::Scrape;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn stored(device: &str, point: &str, samples: &[(i64, f64)]) -> Stored {
        let samples = samples
            .iter()
            .map(|(second, value)| (at(*second), StoredValue::Number(*value)));
        Stored::from([((device.to_owned(), point.to_owned()), samples.collect())])
    }

    #[test]
    fn an_answer_that_is_stored_twice_or_was_never_given_is_told() {
        let judged =
            |samples: &[(i64, f64)]| answers_are_stored_once("c", 5, &stored("c", "answer", samples));
        assert!(
            judged(&[(1, 1.0), (2, 2.0), (3, 5.0)]).is_ok(),
            "3 and 4 were never taken"
        );
        assert!(judged(&[(1, 1.0), (2, 1.0)]).is_err(), "twice");
        assert!(judged(&[(1, 2.0), (2, 1.0)]).is_err(), "out of order");
        assert!(judged(&[(1, 6.0)]).is_err(), "never given");
    }

    #[test]
    fn a_message_that_is_lost_doubled_or_at_another_time_is_told() {
        let message = |second| Message {
            at: at(second),
            device: "m".to_owned(),
        };
        let messages = BTreeMap::from([(1, message(1)), (2, message(2))]);
        let judged = |acknowledged: &[u64], samples: &[(i64, f64)]| {
            let evidence = Evidence {
                lives: &[],
                answers: &BTreeMap::new(),
                messages: &messages,
                acknowledged: &acknowledged.iter().copied().collect(),
            };
            messages_are_stored_once(&evidence, &stored("m", "number", samples))
        };
        assert!(judged(&[1, 2], &[(1, 1.0), (2, 2.0)]).is_ok());
        assert!(
            judged(&[], &[(1, 1.0), (2, 2.0), (3, 3.0)]).is_ok(),
            "3 was not acknowledged to its device"
        );
        assert!(
            judged(&[1, 2], &[(1, 1.0)])
                .unwrap_err()
                .contains("acknowledged by the gateway")
        );
        assert!(
            judged(&[1], &[(1, 1.0)])
                .unwrap_err()
                .contains("though unacknowledged")
        );
        assert!(
            judged(&[], &[(1, 1.0), (2, 2.0), (3, 2.0)]).is_err(),
            "twice, at another time"
        );
    }

    #[test]
    fn a_sample_that_was_counted_and_is_not_stored_is_told_unless_it_was_dropped() {
        let judged = |taken: u64, to: i64, dropped: u64| {
            let scrape = Scrape {
                to: at(to),
                taken: BTreeMap::from([("c".to_owned(), taken)]),
                dropped,
            };
            let life = Life {
                from: at(10),
                scrapes: vec![scrape],
            };
            let samples = stored("c", "answer", &[(9, 1.0), (11, 2.0), (12, 3.0), (14, 4.0)]);
            taken_are_stored(&[life], &samples, Figures::default())
        };
        assert!(judged(2, 13, 0).is_ok());
        assert!(
            judged(3, 13, 0).is_err(),
            "9 is an earlier life's, and 14 is later than what was said"
        );
        assert!(judged(3, 13, 1).is_ok());
        assert!(judged(3, 14, 0).is_ok());
    }
}
