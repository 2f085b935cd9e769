//! Finds the rest that a unit needs between two requests, which is told by its silence after a first answer.

use std::time::Duration;

use super::Learnt;

/// The first rest that is tried, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(320);
/// So many polls in a row in which a unit answers at first and is silent then make one try a longer rest.
const SUSPICIONS: u8 = 2;
/// Every rest was tried, and none helped.
const GIVEN_UP: u8 = u8::MAX;

impl Learnt {
    /// A unit answered at the beginning of a poll and was silent then: it may need a longer rest. Whether another one is tried now.
    pub(crate) fn fell_silent(&mut self) -> bool {
        if !self.may_need_rest() {
            return false;
        }
        self.suspicions += 1;
        if self.suspicions < SUSPICIONS {
            return false;
        }
        if self.pause >= LONGEST_PAUSE {
            // No rest helps, so it is something else.
            self.pause = Duration::ZERO;
            self.suspicions = GIVEN_UP;
        } else {
            self.suspicions = 0;
            self.pause = (self.pause * 2).max(FIRST_PAUSE);
        }
        true
    }

    /// Whether a longer rest may still be what it needs.
    pub(crate) fn may_need_rest(&self) -> bool {
        self.suspicions != GIVEN_UP
    }

    /// It answered all that it was asked.
    pub(crate) fn answered_all(&mut self) {
        if self.may_need_rest() {
            self.suspicions = 0;
        }
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
    fn a_unit_that_no_rest_helps_is_given_none() {
        let mut learnt = Learnt::default();
        let tries = (0..100).filter(|_| learnt.fell_silent()).count();
        assert_eq!(
            (tries, learnt.pause, learnt.may_need_rest()),
            (8, Duration::ZERO, false)
        );
    }
}
