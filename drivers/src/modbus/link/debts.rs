//! Which units still owe an answer: one that was given up may come any time, and must not be taken for the next one's.

use std::collections::BTreeMap;
use std::time::Duration;

/// A unit that has owed an answer for so many timeouts, while others have answered since, does not owe it any more.
const TIMEOUTS_UNTIL_FORGIVEN: u32 = 10;

/// Units whose answer was given up, each with when that was and how long it had been waited for.
#[derive(Debug, Default)]
pub(super) struct Debts {
    owed: BTreeMap<u8, Owed>,
}

#[derive(Clone, Copy, Debug)]
struct Owed {
    since: Duration,
    waited: Duration,
}

impl Debts {
    /// An answer that had been `waited` for is given up at `now`.
    pub(super) fn give_up(&mut self, unit: u8, now: Duration, waited: Duration) {
        self.owed.insert(unit, Owed { since: now, waited });
    }

    pub(super) fn is_owed_by(&self, unit: u8) -> bool {
        self.owed.contains_key(&unit)
    }

    pub(super) fn is_owed_by_anybody(&self) -> bool {
        !self.owed.is_empty()
    }

    /// When the answer that a unit owes can be thought lost: after as long again as it was waited for.
    pub(super) fn lost_at(&self, unit: u8) -> Option<Duration> {
        self.owed.get(&unit).map(|owed| owed.since + owed.waited)
    }

    /// A unit has answered at `now`: it owes nothing, and others that were asked long before it will not answer any more.
    pub(super) fn answered(&mut self, unit: u8, now: Duration) {
        self.owed.retain(|owing, owed| {
            *owing != unit && now.saturating_sub(owed.since) < owed.waited * TIMEOUTS_UNTIL_FORGIVEN
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_answers_owes_nothing_and_one_that_has_owed_for_long_is_forgiven() {
        let second = Duration::from_secs(1);
        let mut debts = Debts::default();
        debts.give_up(1, second, second);
        debts.give_up(2, 5 * second, second);
        assert_eq!(debts.lost_at(2), Some(6 * second));
        debts.answered(2, 6 * second);
        assert!(debts.is_owed_by(1) && !debts.is_owed_by(2));
        debts.answered(3, 12 * second);
        assert!(!debts.is_owed_by_anybody());
    }
}
