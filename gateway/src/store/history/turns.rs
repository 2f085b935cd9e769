//! Which slot is packed next: they take turns, so that one that is never done holds up no other.

use std::collections::{BTreeMap, BTreeSet};

/// A slot that could not be packed so often is stepped over.
const MOST_REFUSALS: u32 = 3;

/// The slots that have rows, and which of them was packed last.
#[derive(Default)]
pub(super) struct Turns {
    waiting: BTreeSet<i64>,
    last: Option<i64>,
    /// How often which could not be packed.
    refused: BTreeMap<i64, u32>,
}

impl Turns {
    /// These slots have rows.
    pub(super) fn add(&mut self, slots: impl IntoIterator<Item = i64>) {
        let refused = &self.refused;
        let is_tried = |slot: &i64| refused.get(slot).is_none_or(|times| *times < MOST_REFUSALS);
        self.waiting.extend(slots.into_iter().filter(is_tried));
    }

    /// The next of those before one: a device that is constantly late puts its old slot back with each commit, and the oldest would
    /// never be another.
    pub(super) fn next(&mut self, before: i64) -> Option<i64> {
        let after_last = self
            .last
            .map_or(i64::MIN, |last| last.saturating_add(1))
            .min(before);
        let mut slots = self.waiting.range(after_last..before);
        let next = slots
            .next()
            .or_else(|| self.waiting.range(..before).next())
            .copied();
        self.last = next.or(self.last);
        next
    }

    /// How many before one wait.
    pub(super) fn waiting(&self, before: i64) -> usize {
        self.waiting.range(..before).count()
    }

    /// All rows of a slot are packed.
    pub(super) fn done(&mut self, slot: i64) {
        self.waiting.remove(&slot);
        self.refused.remove(&slot);
    }

    /// A slot could not be packed for what it says; whether it is stepped over from now on, until the next start.
    pub(super) fn refuse(&mut self, slot: i64) -> bool {
        let times = self.refused.entry(slot).or_default();
        *times += 1;
        let is_stepped_over = *times >= MOST_REFUSALS;
        if is_stepped_over {
            self.waiting.remove(&slot);
        }
        is_stepped_over
    }

    /// Forgets the slots before one, and returns those that waited.
    pub(super) fn remove_before(&mut self, slot: i64) -> BTreeSet<i64> {
        self.refused = self.refused.split_off(&slot);
        let kept = self.waiting.split_off(&slot);
        std::mem::replace(&mut self.waiting, kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_turn_however_often_another_comes_back() {
        let mut turns = Turns::default();
        turns.add([-9, 5, 6, 7, 8]);
        let mut taken = Vec::new();
        for _ in 0..6 {
            let slot = turns.next(8).unwrap();
            taken.push(slot);
            turns.done(slot);
            turns.add([-9]);
        }
        assert_eq!(taken, [-9, 5, 6, 7, -9, -9]);
        assert_eq!(turns.waiting(8), 1);
        assert_eq!(turns.next(-9), None);
    }

    #[test]
    fn what_was_refused_three_times_is_stepped_over_also_when_more_of_it_comes() {
        let mut turns = Turns::default();
        turns.add([1, 2]);
        let refusals: Vec<bool> = (0..3).map(|_| turns.refuse(1)).collect();
        assert_eq!(refusals, [false, false, true]);
        turns.add([1]);
        assert_eq!((turns.next(9), turns.waiting(9)), (Some(2), 1));
        assert_eq!(turns.remove_before(9), BTreeSet::from([2]));
        assert_eq!(turns.next(9), None);
    }
}
