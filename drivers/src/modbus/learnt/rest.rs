//! Finds the rest that a unit needs between two requests, which is told by its silence after a first answer.

use std::time::Duration;

use super::Learnt;

/// The first rest that is tried, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(320);
/// So many polls in a row in which a unit answers at first and is silent then make one try a longer rest.
const SUSPICIONS: u8 = 2;
/// After so many polls in a row that were answered whole half the rest is tried; after twice as many where that was too short before.
const CALM_POLLS: u32 = 500;
const MOST_DOUBLINGS: u8 = 6;
/// Every rest was tried, and none helped.
const GIVEN_UP: u8 = u8::MAX;

impl Learnt {
    /// A unit answered at the beginning of a poll and was silent then: it may need a longer rest. Whether another one is tried now.
    pub(crate) fn fell_silent(&mut self) -> bool {
        if !self.may_need_rest() {
            return false;
        }
        let has_halved = self.has_halved_rest;
        self.rest_before
            .get_or_insert(if has_halved { self.pause * 2 } else { self.pause });
        self.calm_polls = 0;
        self.suspicions += 1;
        if self.suspicions < SUSPICIONS {
            return false;
        }
        if self.pause >= LONGEST_PAUSE {
            // No longer rest helps, so it is something else; what it needed before it still needs.
            self.pause = self.rest_before.take().unwrap_or_default();
            self.suspicions = GIVEN_UP;
        } else {
            self.suspicions = 0;
            if std::mem::take(&mut self.has_halved_rest) {
                self.was_too_short = (self.was_too_short + 1).min(MOST_DOUBLINGS);
            }
            self.pause = (self.pause * 2).max(FIRST_PAUSE);
        }
        true
    }

    /// Whether a longer rest may still be what it needs.
    pub(crate) fn may_need_rest(&self) -> bool {
        self.suspicions != GIVEN_UP
    }

    /// It answered all that it was asked. Whether a shorter rest is tried now.
    pub(crate) fn answered_all(&mut self) -> bool {
        if self.may_need_rest() {
            self.suspicions = 0;
            self.rest_before = None;
        }
        if self.pause.is_zero() {
            return false;
        }
        self.calm_polls += 1;
        let is_calm = self.calm_polls >= CALM_POLLS << self.was_too_short;
        if is_calm {
            (self.calm_polls, self.has_halved_rest) = (0, true);
            self.pause = Some(self.pause / 2)
                .filter(|half| *half >= FIRST_PAUSE)
                .unwrap_or_default();
        }
        is_calm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_falls_silent_after_its_first_answer_is_given_longer_and_longer_rests() {
        let mut learnt = Learnt::default();
        assert!(!learnt.fell_silent());
        learnt.answered_all();
        assert!(!learnt.fell_silent() && learnt.fell_silent());
        assert_eq!(learnt.pause, FIRST_PAUSE);
        while learnt.pause < LONGEST_PAUSE {
            learnt.fell_silent();
        }
    }

    #[test]
    fn a_rest_that_is_not_needed_any_more_is_halved_until_it_is_none() {
        let mut learnt = Learnt {
            pause: Duration::from_millis(20),
            ..Learnt::default()
        };
        let mut rests = Vec::new();
        for poll in 1..=2_000 {
            if learnt.answered_all() {
                rests.push((poll, learnt.pause.as_millis()));
            }
        }
        assert_eq!(rests, [(500, 10), (1000, 5), (1500, 0)]);
    }

    #[test]
    fn a_rest_that_was_halved_too_far_is_given_back_and_tried_again_ever_more_seldom() {
        let needed = Duration::from_millis(20);
        let mut learnt = Learnt {
            pause: needed,
            ..Learnt::default()
        };
        let (mut too_short, mut falls_silent) = (Vec::new(), 0);
        for poll in 0..20_000 {
            if learnt.pause < needed {
                falls_silent += 1;
                learnt.fell_silent();
            } else if learnt.answered_all() {
                too_short.push(poll);
            }
        }
        assert_eq!(too_short.len(), 5, "{too_short:?}");
        assert_eq!((falls_silent, learnt.pause), (10, needed));
    }

    #[test]
    fn a_unit_that_needs_a_rest_keeps_it_when_one_read_of_it_falls_silent_for_good() {
        let needed = Duration::from_millis(20);
        let mut learnt = Learnt {
            pause: needed,
            ..Learnt::default()
        };
        learnt.answered_all();
        while learnt.may_need_rest() {
            learnt.fell_silent();
        }
        assert_eq!(learnt.pause, needed);
        // Also where half of it was just tried.
        let mut learnt = Learnt {
            pause: needed,
            calm_polls: CALM_POLLS - 1,
            ..Learnt::default()
        };
        assert!(learnt.answered_all() && learnt.pause < needed);
        while learnt.may_need_rest() {
            learnt.fell_silent();
        }
        assert_eq!(learnt.pause, needed);
    }

    #[test]
    fn a_unit_that_no_rest_helps_is_given_none() {
        let mut learnt = Learnt::default();
        let tries = (0..100).filter(|_| learnt.fell_silent()).count();
        assert_eq!(
            (tries, learnt.pause, learnt.may_need_rest()),
            (8, Duration::ZERO, false)
        );
    }
}
