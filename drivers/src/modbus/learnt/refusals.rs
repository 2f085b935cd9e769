//! Finds out why a block was refused, from what came of asking for its parts.
//!
//! A refused block is parted where it may be parted, and its halves are asked for. A part that can't be parted further and is
//! refused has registers that are not there. Halves that both come mean that the whole was too long, or that what stands between
//! them must not be read: which of the two, the lengths that have been seen to work decide.

use model::RegisterTable;

use super::{Learnt, Length, MOST_KEPT, Stretch};

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

impl Learnt {
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
