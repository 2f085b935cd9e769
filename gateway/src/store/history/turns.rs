//! Which slot is packed next: they take turns, so that one that is never done holds up no other.

use std::collections::{BTreeMap, BTreeSet};

/// A slot that could not be packed so often is stepped over.
const MOST_REFUSALS: u32 = 3;

/// A slot that was packed rests for so long, in nanoseconds: one that gets something late with each commit is packed, and its hour summed
/// up, once a minute instead of once a second.
const REST: i64 = 60 * 1_000_000_000;

/// The slots that have rows, and which of them was packed last.
#[derive(Default)]
pub(super) struct Turns {
    waiting: BTreeSet<i64>,
    last: Option<i64>,
    /// When which were packed that rest now.
    resting: BTreeMap<i64, i64>,
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

    /// The next of those before one, at a moment in nanoseconds: a device that is constantly late puts its old slot back with each
    /// commit, and the oldest would never be another.
    pub(super) fn next(&mut self, before: i64, now: i64) -> Option<i64> {
        // A clock that was set back lets nothing rest for longer.
        self.resting
            .retain(|_, packed| (0..REST).contains(&now.saturating_sub(*packed)));
        let is_due = |slot: &&i64| !self.resting.contains_key(slot);
        let after_last = self
            .last
            .map_or(i64::MIN, |last| last.saturating_add(1))
            .min(before);
        let after_last = self.waiting.range(after_last..before).find(is_due);
        let next = after_last
            .or_else(|| self.waiting.range(..before).find(is_due))
            .copied();
        self.last = next.or(self.last);
        next
    }

    /// How many before one wait.
    pub(super) fn waiting(&self, before: i64) -> usize {
        self.waiting.range(..before).count()
    }

    /// A slot is packed, at a moment; more may have come meanwhile.
    pub(super) fn done(&mut self, slot: i64, has_more: bool, now: i64) {
        self.refused.remove(&slot);
        self.resting.insert(slot, now);
        if !has_more {
            self.waiting.remove(&slot);
        }
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
        // Twenty seconds a slot.
        for now in (0..7).map(|turn| turn * REST / 3) {
            if let Some(slot) = turns.next(8, now) {
                taken.push((now / (REST / 3), slot));
                turns.done(slot, false, now);
            }
            turns.add([-9]);
        }
        assert_eq!(taken, [(0, -9), (1, 5), (2, 6), (3, 7), (4, -9)]);
        assert_eq!(turns.waiting(8), 1);
        assert_eq!(turns.next(8, 3 * REST), Some(-9));
        turns.done(-9, true, 3 * REST);
        assert_eq!((turns.next(8, 3 * REST), turns.next(8, REST)), (None, Some(-9)));
    }

    #[test]
    fn what_was_refused_three_times_is_stepped_over_also_when_more_of_it_comes() {
        let mut turns = Turns::default();
        turns.add([1, 2]);
        let refusals: Vec<bool> = (0..3).map(|_| turns.refuse(1)).collect();
        assert_eq!(refusals, [false, false, true]);
        turns.add([1]);
        assert_eq!((turns.next(9, 0), turns.waiting(9)), (Some(2), 1));
        assert_eq!(turns.remove_before(9), BTreeSet::from([2]));
        assert_eq!(turns.next(9, 0), None);
    }
}
