//! Which topics the broker still has to be asked for: all of them in a new session, and again and again those that it refused.

use std::collections::{BTreeSet, VecDeque};

/// The topics of a connection, and what the broker said of them.
pub(super) struct Topics {
    all: Vec<String>,
    /// Whether the broker has answered for all of them in the session that it keeps.
    are_answered: bool,
    /// Those of each subscription that the broker has not answered yet.
    unanswered: VecDeque<Vec<String>>,
    /// Those that it refused when it was last asked; no more than all.
    refused: BTreeSet<String>,
}

/// What an answer brought that was not known before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Topics that the broker refuses now, and why.
    pub(super) refused: Vec<(String, String)>,
    /// Topics that it had refused, and allows now.
    pub(super) allowed: Vec<String>,
}

impl Topics {
    /// None of them asked for.
    pub(super) fn new(all: Vec<String>) -> Self {
        Self {
            all,
            are_answered: false,
            unanswered: VecDeque::new(),
            refused: BTreeSet::new(),
        }
    }

    /// A connection began: the topics to ask for on it. A session of an earlier run may know other topics than this site has, so a run
    /// asks for all of them at least once; one of ours knows all that were not refused.
    pub(super) fn wanted(&mut self, session_present: bool) -> Vec<String> {
        self.unanswered.clear();
        self.are_answered &= session_present;
        if self.are_answered {
            self.refused()
        } else {
            self.all.clone()
        }
    }

    /// These were asked for, in one packet.
    pub(super) fn asked(&mut self, topics: &[String]) {
        self.unanswered.push_back(topics.to_vec());
    }

    /// Whether an answer is still to come.
    pub(super) fn are_asked(&self) -> bool {
        !self.unanswered.is_empty()
    }

    /// Those that the broker refused when it was last asked.
    pub(super) fn refused(&self) -> Vec<String> {
        self.refused.iter().cloned().collect()
    }

    /// The broker answered the oldest packet: for each of its topics why it was refused, if it was.
    pub(super) fn answered(&mut self, codes: &[Option<String>]) -> News {
        let topics = self.unanswered.pop_front().unwrap_or_default();
        self.are_answered |= self.unanswered.is_empty();
        let mut news = News::default();
        for (topic, code) in topics.into_iter().zip(codes) {
            match code {
                Some(code) => {
                    if self.refused.insert(topic.clone()) {
                        news.refused.push((topic, code.clone()));
                    }
                }
                None => {
                    if self.refused.remove(&topic) {
                        news.allowed.push(topic);
                    }
                }
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_topic_is_asked_for_on_every_connection_and_told_once_until_it_is_allowed() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut topics = Topics::new(names(&["a", "b"]));
        assert_eq!(
            topics.wanted(true),
            names(&["a", "b"]),
            "by this run it never was"
        );
        topics.asked(&names(&["a"]));
        topics.asked(&names(&["b"]));
        assert_eq!(topics.answered(&[None]), News::default());
        // It ended before the second answer.
        assert_eq!(topics.wanted(true), names(&["a", "b"]));
        topics.asked(&names(&["a", "b"]));
        let refused = [None, Some("NotAuthorized".to_owned())];
        let news = topics.answered(&refused);
        assert_eq!(news.refused, [("b".to_owned(), "NotAuthorized".to_owned())]);
        assert_eq!(topics.wanted(true), names(&["b"]));
        topics.asked(&names(&["b"]));
        assert_eq!(topics.answered(&refused[1..]), News::default(), "it was told");
        assert_eq!(topics.wanted(false), names(&["a", "b"]));
        topics.asked(&names(&["a", "b"]));
        assert_eq!(topics.answered(&[None, None]).allowed, names(&["b"]));
        assert!(topics.wanted(true).is_empty());
    }
}
