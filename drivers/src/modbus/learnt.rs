//! What a device has shown of itself that its profile does not say: registers that it refuses, blocks that it does not take, the
//! rest that it needs between two requests.
//!
//! A refused block is parted where it may be parted, and its halves are asked for. A part that can't be parted further and is
//! refused has registers that are not there. Halves that both come mean that the whole was too long, or that what stands between
//! them must not be read: which of the two, the lengths that have been seen to work decide.

use std::collections::BTreeMap;
use std::time::Duration;

use model::RegisterTable;

/// At most so many refused stretches and borders are kept of a device; one that has more is not what its profile describes.
pub(crate) const MOST_KEPT: usize = 256;
/// The first rest that is tried, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(320);
/// So many polls in a row in which a unit answers at first and is silent then make one try a longer rest.
const SUSPICIONS: u8 = 2;
/// Every rest was tried, and none helped.
const GIVEN_UP: u8 = u8::MAX;

/// Registers or bits that stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// Of which table.
    pub table: RegisterTable,
    /// The first.
    pub first: u16,
    /// How many.
    pub count: u16,
}

impl Stretch {
    pub(crate) fn end(&self) -> u32 {
        u32::from(self.first) + u32::from(self.count)
    }
}

/// What came of asking for a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tried {
    /// What was asked for.
    pub(crate) stretch: Stretch,
    /// The code of the refusal, if it was refused.
    pub(crate) refused: Option<u8>,
    /// Whether it can't be asked for in parts.
    pub(crate) is_alone: bool,
}

/// What a device has shown of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// Stretches that were refused, each a point's, with the exception's code. They are left out.
    pub refused: BTreeMap<Stretch, u8>,
    /// Where a block must not go on: the first register after each border. Whether it has been made sure.
    pub(crate) borders: BTreeMap<(RegisterTable, u16), bool>,
    /// How many registers it answers at once.
    pub registers: Length,
    /// How many bits.
    pub bits: Length,
    /// The rest between two requests that was found to be needed; zero for none.
    pub pause: Duration,
    pub(crate) suspicions: u8,
}

/// How long a block a device takes, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    /// The longest that came.
    pub proven: u16,
    /// The shortest that was refused for its length alone.
    pub refused: Option<u16>,
}

impl Length {
    /// The longest block to ask for: halfway between what came and what was refused, until the two are neighbours.
    pub(crate) fn most(self, allowed: u16) -> u16 {
        match self.refused {
            None => allowed,
            Some(refused) => self
                .proven
                .midpoint(refused.max(self.proven))
                .clamp(1, allowed.max(1)),
        }
    }
}

impl Learnt {
    /// Where a block must not go on: the first register or bit after each border.
    pub fn borders(&self) -> impl Iterator<Item = (RegisterTable, u16)> {
        self.borders.keys().copied()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.refused.is_empty()
            && self.borders.is_empty()
            && self.lengths().all(|length| length.refused.is_none())
            && self.pause.is_zero()
    }

    fn lengths(&self) -> impl Iterator<Item = &Length> {
        [&self.registers, &self.bits].into_iter()
    }

    /// The length that holds for a table.
    pub(crate) fn length(&self, table: RegisterTable) -> Length {
        if table.is_bits() {
            self.bits
        } else {
            self.registers
        }
    }

    /// Whether a block from `first` on may not go on to a point at `next`.
    pub(crate) fn parts(&self, table: RegisterTable, first: u16, next: u32) -> bool {
        let Some(after) = first.checked_add(1) else {
            return false;
        };
        let next = u16::try_from(next).unwrap_or(u16::MAX);
        after <= next
            && self
                .borders
                .range((table, after)..=(table, next))
                .next()
                .is_some()
    }

    /// Whether any register from `first` up to but without `end` was refused.
    pub(crate) fn is_refused_within(&self, table: RegisterTable, first: u32, end: u32) -> bool {
        self.refused
            .keys()
            .any(|stretch| stretch.table == table && u32::from(stretch.first) < end && first < stretch.end())
    }

    /// A block that was refused is asked for in two parts, the second from `at` on.
    pub(crate) fn part(&mut self, table: RegisterTable, at: u16) {
        if self.borders.len() < MOST_KEPT {
            self.borders.entry((table, at)).or_insert(false);
        }
    }

    /// Learns from what a poll tried; whether anything is to be planned anew.
    ///
    /// A device that refuses everything shows nothing of its registers: it may be starting, or be another one.
    pub(crate) fn digest(&mut self, tried: &[Tried]) -> bool {
        let before = self.clone();
        if tried.iter().all(|tried| tried.refused.is_some()) {
            self.borders.retain(|_, is_sure| *is_sure);
            return *self != before;
        }
        for one in tried {
            match one.refused {
                None => self.came(one.stretch),
                Some(code) if one.is_alone => self.is_not_there(one.stretch, code),
                Some(_) => {}
            }
        }
        let trying: Vec<_> = self
            .borders
            .iter()
            .filter(|(_, is_sure)| !**is_sure)
            .map(|(border, _)| *border)
            .filter(|(table, _)| !is_open(*table, tried))
            .collect();
        for (table, at) in trying {
            self.weigh(table, at, tried);
        }
        let is_settled = |learnt: &Self| {
            (
                learnt.refused.clone(),
                learnt.borders.clone(),
                learnt
                    .lengths()
                    .map(|length| length.most(u16::MAX))
                    .collect::<Vec<_>>(),
            )
        };
        is_settled(self) != is_settled(&before)
    }

    fn came(&mut self, stretch: Stretch) {
        self.refused.remove(&stretch);
        let length = self.length_mut(stretch.table);
        length.proven = length.proven.max(stretch.count);
        // It may take more than it once did: a new device behind an old address.
        length.refused = length.refused.filter(|refused| *refused > stretch.count);
    }

    fn is_not_there(&mut self, stretch: Stretch, code: u8) {
        if self.refused.len() < MOST_KEPT {
            self.refused.insert(stretch, code);
        }
        // The borders that led to it have done their work.
        self.borders
            .retain(|(table, _), is_sure| *is_sure || *table != stretch.table);
    }

    /// Says why a block was refused whose parts on both sides of `at` have come, if they have.
    fn weigh(&mut self, table: RegisterTable, at: u16, tried: &[Tried]) {
        let beside = tried.iter().filter(|tried| {
            tried.stretch.table == table && !(tried.stretch.first < at && tried.stretch.end() > u32::from(at))
        });
        let left = beside
            .clone()
            .filter(|tried| tried.stretch.first < at)
            .max_by_key(|tried| tried.stretch.first);
        let right = beside
            .filter(|tried| tried.stretch.first >= at)
            .min_by_key(|tried| tried.stretch.first);
        let (Some(left), Some(right)) = (left, right) else {
            return;
        };
        if left.refused.is_some() || right.refused.is_some() {
            return;
        }
        let together = right.stretch.end().saturating_sub(u32::from(left.stretch.first));
        let together = u16::try_from(together).unwrap_or(u16::MAX);
        let (is_gapless, length) = (
            left.stretch.end() == u32::from(right.stretch.first),
            self.length_mut(table),
        );
        let is_explained = length.refused.is_some_and(|refused| together >= refused);
        if is_explained || (is_gapless && together > length.proven) {
            length.refused = Some(length.refused.map_or(together, |refused| refused.min(together)));
            self.borders.remove(&(table, at));
        } else {
            self.borders.insert((table, at), true);
        }
    }

    fn length_mut(&mut self, table: RegisterTable) -> &mut Length {
        if table.is_bits() {
            &mut self.bits
        } else {
            &mut self.registers
        }
    }

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

/// Whether a refused block of a table is still to be asked for in parts: until then nothing is known of the borders that led to it.
fn is_open(table: RegisterTable, tried: &[Tried]) -> bool {
    let is_part = |part: &Stretch, whole: &Stretch| {
        part != whole && part.table == table && part.first >= whole.first && part.end() <= whole.end()
    };
    let refused = tried
        .iter()
        .filter(|one| one.refused.is_some() && !one.is_alone && one.stretch.table == table);
    refused
        .map(|one| &one.stretch)
        .any(|whole| !tried.iter().any(|part| is_part(&part.stretch, whole)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modbus::plan::{Plan, Read, part, plan};
    use crate::test_site::point_at;
    use model::{DataType, ModbusLimits, Point};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const HOLDING: RegisterTable = RegisterTable::Holding;

    /// A device with holes among its registers and a longest block.
    struct Picky {
        holes: BTreeSet<u16>,
        most: u16,
    }

    impl Picky {
        fn refuses(&self, read: &Read) -> Option<u8> {
            if read.count > self.most {
                return Some(3);
            }
            (read.first..read.first + read.count)
                .any(|number| self.holes.contains(&number))
                .then_some(2)
        }

        /// One poll as the loop does it, with so many extra requests; what was tried.
        fn poll(&self, plan: &Plan, learnt: &mut Learnt, mut extra: usize) -> Vec<Tried> {
            let mut tried = Vec::new();
            let mut pieces: Vec<Read> = plan.reads.iter().rev().cloned().collect();
            while let Some(read) = pieces.pop() {
                let (refused, parts) = (self.refuses(&read), part(&read));
                tried.push(read.tried(refused));
                if let (Some(_), Some((left, right))) = (refused, parts) {
                    learnt.part(read.table, right.first);
                    if extra >= 2 {
                        extra -= 2;
                        pieces.extend([right, left]);
                    }
                }
            }
            tried
        }
    }

    fn points(numbers: &[u16]) -> Vec<Point> {
        numbers
            .iter()
            .map(|number| point_at(HOLDING, *number, DataType::U16))
            .collect()
    }

    /// Polls until nothing new is learnt; how many polls it took.
    fn settle(device: &Picky, points: &[Point], learnt: &mut Learnt) -> usize {
        for poll in 0..200 {
            let plan = plan(points, &ModbusLimits::default(), learnt, |_| true);
            let tried = device.poll(&plan, learnt, 8);
            if !learnt.digest(&tried) && tried.iter().all(|tried| tried.refused.is_none()) {
                return poll;
            }
        }
        panic!("never settled: {learnt:?}");
    }

    fn shapes(points: &[Point], learnt: &Learnt) -> Vec<(u16, u16)> {
        let plan = plan(points, &ModbusLimits::default(), learnt, |_| true);
        plan.reads.iter().map(|read| (read.first, read.count)).collect()
    }

    #[test]
    fn a_register_that_is_not_there_is_found_within_one_poll_and_left_out() {
        let device = Picky {
            holes: [21].into(),
            most: 125,
        };
        let (points, mut learnt) = (points(&(0..40).collect::<Vec<_>>()), Learnt::default());
        assert!(settle(&device, &points, &mut learnt) <= 3);
        assert_eq!(
            learnt
                .refused
                .keys()
                .map(|stretch| stretch.first)
                .collect::<Vec<_>>(),
            [21]
        );
        assert_eq!(shapes(&points, &learnt), [(0, 21), (22, 18)]);
    }

    #[test]
    fn a_gap_that_must_not_be_read_is_no_longer_read() {
        let device = Picky {
            holes: [5].into(),
            most: 125,
        };
        let (points, mut learnt) = (points(&[0, 1, 9, 10, 30]), Learnt::default());
        settle(&device, &points, &mut learnt);
        assert!(learnt.refused.is_empty());
        assert_eq!(learnt.borders().collect::<Vec<_>>(), [(HOLDING, 9)]);
        assert_eq!(shapes(&points, &learnt), [(0, 2), (9, 2), (30, 1)]);
    }

    #[test]
    fn the_longest_block_that_a_device_takes_is_found_exactly() {
        let (points, mut learnt) = (points(&(0..300).collect::<Vec<_>>()), Learnt::default());
        let device = Picky {
            holes: BTreeSet::new(),
            most: 100,
        };
        settle(&device, &points, &mut learnt);
        assert_eq!(
            (learnt.registers.most(125), shapes(&points, &learnt).len()),
            (100, 3)
        );
    }

    #[test]
    fn a_device_that_refuses_everything_shows_nothing() {
        let device = Picky {
            holes: (0..200).collect(),
            most: 125,
        };
        let (points, mut learnt) = (points(&[0, 1, 2, 50]), Learnt::default());
        for _ in 0..3 {
            let plan = plan(&points, &ModbusLimits::default(), &learnt, |_| true);
            let tried = device.poll(&plan, &mut learnt, 8);
            learnt.digest(&tried);
        }
        assert!(learnt.is_empty(), "{learnt:?}");
    }

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

    proptest! {
        #[test]
        fn whatever_a_device_refuses_all_that_it_has_is_read_in_the_end_and_nothing_is_refused_any_more(
            numbers in prop::collection::btree_set(0_u16..250, 2..60),
            holes in prop::collection::btree_set(0_u16..250, 0..12),
            most in 4_u16..=125,
        ) {
            let numbers: Vec<u16> = numbers.into_iter().collect();
            prop_assume!(numbers.iter().any(|number| !holes.contains(number)));
            let (points, mut learnt) = (points(&numbers), Learnt::default());
            settle(&Picky { holes: holes.clone(), most }, &points, &mut learnt);
            let plan = plan(&points, &ModbusLimits::default(), &learnt, |_| true);
            let read: BTreeSet<u16> = plan
                .reads
                .iter()
                .flat_map(|read| read.slots.iter().map(|slot| read.first + slot.offset as u16))
                .collect();
            let there: BTreeSet<u16> = numbers.iter().copied().filter(|number| !holes.contains(number)).collect();
            prop_assert_eq!(read, there);
        }
    }
}
