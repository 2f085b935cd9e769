//! What a device with holes and bounds of its own is found to have, poll by poll, whatever it refuses.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::modbus::learnt::{Border, Length};
use crate::modbus::plan::{Plan, plan};
use crate::test_site::point_at;
use model::{Address, DataType, ModbusLimits, Point, RegisterTable};

pub(super) const HOLDING: RegisterTable = RegisterTable::Holding;

/// A device with holes among its registers and a longest block.
pub(super) struct Picky {
    pub(super) holes: BTreeSet<u16>,
    pub(super) most: u16,
}

impl Picky {
    pub(super) fn refuses(&self, read: &Read) -> Option<u8> {
        if read.count > self.most {
            return Some(3);
        }
        (read.first..read.first + read.count)
            .any(|number| self.holes.contains(&number))
            .then_some(2)
    }

    /// One poll as the loop does it.
    fn poll(&self, plan: &Plan, healing: &mut Healing) -> Lesson {
        healing.begin(Duration::ZERO);
        for read in &plan.reads {
            let refused = self.refuses(read);
            healing.tried(read, refused);
            if refused.is_some() {
                healing.part_whole(read);
            }
            while let Some(piece) = healing.next_piece() {
                let refused = self.refuses(&piece);
                healing.tried(&piece, refused);
                if refused.is_some() {
                    healing.part(&piece);
                }
            }
        }
        healing.end("picky")
    }
}

pub(super) fn points(numbers: impl IntoIterator<Item = u16>) -> Vec<Point> {
    numbers
        .into_iter()
        .map(|number| point_at(HOLDING, number, DataType::U16))
        .collect()
}

pub(super) fn plan_of(points: &[Point], healing: &Healing) -> Plan {
    plan(points, &ModbusLimits::default(), &healing.learnt, |_| true)
}

/// Polls until nothing is refused and nothing new is learnt; what was found, and how many polls it took.
fn settle(device: &Picky, points: &[Point], most_polls: usize) -> (Healing, usize) {
    let mut healing = Healing::new(Learnt::default());
    let mut plan = plan_of(points, &healing);
    for poll in 0..most_polls {
        let Lesson { is_plan_new, .. } = device.poll(&plan, &mut healing);
        let extra = healing.tried.len() - plan.reads.len();
        assert!(extra <= MOST_EXTRA as usize, "{extra} beside {plan:?}");
        if is_plan_new {
            plan = plan_of(points, &healing);
        } else if !healing.is_refused {
            return (healing, poll);
        }
    }
    panic!("never settled: {:?}", healing.learnt);
}

fn shapes(points: &[Point], healing: &Healing) -> Vec<(u16, u16)> {
    let plan = plan_of(points, healing);
    plan.reads.iter().map(|read| (read.first, read.count)).collect()
}

pub(super) fn read_by(plan: &Plan) -> BTreeSet<u16> {
    plan.reads
        .iter()
        .flat_map(|read| read.slots.iter().map(|slot| read.first + slot.offset as u16))
        .collect()
}

#[test]
fn a_register_that_is_not_there_is_found_within_one_poll_and_left_out() {
    let device = Picky {
        holes: [21].into(),
        most: 125,
    };
    let points = points(0..40);
    let (healing, polls) = settle(&device, &points, 10);
    assert!(polls <= 3, "{polls}");
    let refused: Vec<u16> = healing
        .learnt
        .refused
        .keys()
        .map(|stretch| stretch.first)
        .collect();
    assert_eq!(refused, [21]);
    assert_eq!(shapes(&points, &healing), [(0, 21), (22, 18)]);
}

#[test]
fn a_gap_that_must_not_be_read_is_no_longer_read() {
    let device = Picky {
        holes: [5].into(),
        most: 125,
    };
    let points = points([0, 1, 9, 10, 30]);
    let (healing, _) = settle(&device, &points, 10);
    assert!(healing.learnt.refused.is_empty());
    assert_eq!(healing.learnt.borders().collect::<Vec<_>>(), [(HOLDING, 9)]);
    assert_eq!(shapes(&points, &healing), [(0, 2), (9, 2), (30, 1)]);
}

#[test]
fn a_hole_in_one_gap_parts_nothing_else() {
    // The registers of a booster pump set. What stood around the gap was refused as well.
    let device = Picky {
        holes: [3].into(),
        most: 125,
    };
    let points = points([0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 14, 18, 24]);
    let (healing, _) = settle(&device, &points, 20);
    assert_eq!(shapes(&points, &healing), [(0, 3), (4, 21)]);
}

#[test]
fn a_search_among_many_holes_takes_the_line_from_nobody_and_is_kept_seldom() {
    let device = Picky {
        holes: (0..200_u16)
            .filter(|number| number * number % 7 % 3 != 0)
            .collect(),
        most: 125,
    };
    let points = points(0..200);
    let mut healing = Healing::new(Learnt::default());
    let (mut most, mut asked, mut kept) = (0, 0, 0);
    for _ in 0..300 {
        kept += u32::from(device.poll(&plan_of(&points, &healing), &mut healing).is_to_keep);
        most = most.max(healing.tried.len());
        asked = healing.tried.len();
    }
    assert_eq!(
        read_by(&plan_of(&points, &healing)).len(),
        200 - device.holes.len()
    );
    assert!(
        most <= asked + 2 * MOST_EXTRA as usize,
        "{most} requests in a poll, {asked} in the end"
    );
    assert!(kept <= 100, "kept {kept} times");
}

#[test]
fn the_longest_block_that_a_device_takes_is_found_exactly() {
    let points = points(0..250);
    for most in [1, 2, 4, 7, 100] {
        let device = Picky {
            holes: BTreeSet::new(),
            most,
        };
        let (healing, _) = settle(&device, &points, 200);
        assert_eq!(healing.learnt.registers.most(125), most);
        assert_eq!(
            shapes(&points, &healing).len(),
            usize::from(250_u16.div_ceil(most))
        );
    }
}

#[test]
fn a_device_that_refuses_everything_shows_nothing_and_is_asked_in_parts_ever_more_seldom() {
    let device = Picky {
        holes: (0..200).collect(),
        most: 125,
    };
    let points = points([0, 1, 2, 50]);
    let mut healing = Healing::new(Learnt::default());
    let mut plan = plan_of(&points, &healing);
    let mut searching = Vec::new();
    for poll in 0..2_000 {
        let Lesson { is_plan_new, .. } = device.poll(&plan, &mut healing);
        if healing.tried.len() > plan.reads.len() {
            searching.push(poll);
        }
        if is_plan_new {
            plan = plan_of(&points, &healing);
        }
    }
    assert!(healing.learnt.is_empty(), "{:?}", healing.learnt);
    assert_eq!(searching[..8], [0, 2, 5, 10, 19, 36, 69, 134]);
    assert!(
        (20..40).contains(&searching.len()),
        "asked in parts {} times in 2,000 polls",
        searching.len()
    );
}

#[test]
fn the_only_register_that_is_there_is_found_wherever_it_stands() {
    for there in [0, 1, 77, 124, 125, 199] {
        let device = Picky {
            holes: (0..200).filter(|number| *number != there).collect(),
            most: 125,
        };
        let points = points(0..200);
        let (healing, _) = settle(&device, &points, 2 * 128 * (MOST_POLLS_APART as usize + 1) + 200);
        assert_eq!(read_by(&plan_of(&points, &healing)), [there].into());
    }
}

#[test]
fn polls_of_faster_points_neither_end_a_search_among_slower_ones_nor_mislead_it() {
    let device = Picky {
        holes: (20..100)
            .filter(|number| ![33, 37, 38].contains(number))
            .collect(),
        most: 125,
    };
    let is_often = |number: u16| !(20..100).contains(&number);
    let points = points((0..202).filter(|number| !(2..20).contains(number) && !(100..200).contains(number)));
    let is_fast =
        |point: &Point| matches!(point.address, Address::Register { number, .. } if is_often(number));
    let mut healing = Healing::new(Learnt::default());
    for poll in 0..20_000 {
        let wants_all = healing.wants_all();
        let plan = plan(&points, &ModbusLimits::default(), &healing.learnt, |point| {
            wants_all || is_fast(point) == (poll % 2 == 0)
        });
        device.poll(&plan, &mut healing);
    }
    assert_eq!(shapes(&points, &healing), [(0, 2), (33, 1), (37, 2), (200, 2)]);
    assert_eq!(healing.learnt.borders().count(), 0);
}

#[test]
fn a_poll_that_has_nothing_to_ask_does_not_end_a_search() {
    let device = Picky {
        holes: (20..200).collect(),
        most: 125,
    };
    let points = points(0..100);
    let mut healing = Healing::new(Learnt::default());
    let mut requests = 0;
    for _ in 0..400 {
        let plan = plan_of(&points, &healing);
        device.poll(&plan, &mut healing);
        requests = healing.tried.len();
        device.poll(&Plan::default(), &mut healing);
    }
    assert_eq!(shapes(&points, &healing), [(0, 20)]);
    assert_eq!(requests, 1);
}

/// A device of which some points are read at every fifth poll only, as the loop polls it.
struct Watched<'points> {
    points: &'points [Point],
    healing: Healing,
    number: u64,
    /// The most requests that a poll took.
    most: usize,
}

impl<'points> Watched<'points> {
    fn new(points: &'points [Point]) -> Self {
        Self {
            points,
            healing: Healing::new(Learnt::default()),
            number: 0,
            most: 0,
        }
    }

    fn plan_of(&self, learnt: &Learnt, number: u64) -> Plan {
        plan(self.points, &ModbusLimits::default(), learnt, |point| {
            number.is_multiple_of(u64::from(point.every))
        })
    }

    fn poll(&mut self, device: &Picky) -> Plan {
        let plan = self.plan_of(&self.healing.learnt, self.number);
        self.number += 1;
        device.poll(&plan, &mut self.healing);
        self.most = self.most.max(self.healing.tried.len());
        if self.healing.wants_all() {
            self.number = 0;
        }
        plan
    }

    /// Polls until nothing has been refused for two rounds.
    fn settle(&mut self, device: &Picky, most_polls: usize) {
        let mut quiet = 0;
        for _ in 0..most_polls {
            self.poll(device);
            quiet = if self.healing.is_refused { 0 } else { quiet + 1 };
            if quiet == 10 {
                return;
            }
        }
        panic!("never settled: {:?}", self.healing.learnt);
    }

    /// How many reads a poll takes of one who knows the device.
    fn fewest(&self, device: &Picky, number: u64) -> usize {
        let mut numbers: Vec<u16> = read_by(&self.plan_of(&Learnt::default(), 0))
            .into_iter()
            .collect();
        let mut learnt = Learnt::default();
        for hole in numbers.iter().filter(|number| device.holes.contains(number)) {
            learnt.refused.insert(
                Stretch {
                    table: HOLDING,
                    first: *hole,
                    count: 1,
                },
                2,
            );
        }
        numbers.retain(|number| !device.holes.contains(number));
        for pair in numbers.windows(2) {
            if (pair[0]..pair[1]).any(|between| device.holes.contains(&between)) {
                learnt.borders.insert((HOLDING, pair[1]), Border::Sure(0));
            }
        }
        learnt.registers = Length {
            proven: device.most,
            refused: Some(device.most + 1),
        };
        self.plan_of(&learnt, number).reads.len()
    }
}

proptest! {
    #[test]
    fn with_slower_points_too_all_that_is_there_is_read_in_few_requests(
        numbers in prop::collection::btree_map(0_u16..250, any::<bool>(), 2..60),
        holes in prop::collection::btree_set(0_u16..250, 0..250),
        few_holes in any::<bool>(),
        most in 1_u16..=125,
    ) {
        let holes: BTreeSet<u16> = holes.into_iter().take(if few_holes { 3 } else { 250 }).collect();
        let there: BTreeSet<u16> = numbers.keys().copied().filter(|number| !holes.contains(number)).collect();
        prop_assume!(!there.is_empty());
        let points: Vec<Point> = numbers
            .iter()
            .map(|(number, is_slow)| {
                let mut point = point_at(HOLDING, *number, DataType::U16);
                point.every = if *is_slow { 5 } else { 1 };
                point
            })
            .collect();
        let device = Picky { holes, most };
        let mut watched = Watched::new(&points);
        watched.settle(&device, 60 * (MOST_POLLS_APART as usize + 1));
        let all = watched.plan_of(&watched.healing.learnt, 0);
        prop_assert_eq!(read_by(&all), there);
        // A block that was too long may have been taken for one with a hole in a gap, until it is tried again: never many of them.
        for number in [0, 1] {
            let reads = watched.plan_of(&watched.healing.learnt, number).reads.len();
            let fewest = watched.fewest(&device, number);
            prop_assert!(reads <= fewest + 4, "{reads} where {fewest} would do");
        }
        let most = 2 * (watched.fewest(&device, 0) + MOST_EXTRA as usize);
        prop_assert!(watched.most <= most, "{} requests in a poll", watched.most);
    }

    #[test]
    fn whatever_a_device_refuses_all_that_it_has_is_read_in_the_end_and_nothing_is_refused_any_more(
        numbers in prop::collection::btree_set(0_u16..250, 2..60),
        holes in prop::collection::btree_set(0_u16..250, 0..250),
        most in 1_u16..=125,
    ) {
        let there: BTreeSet<u16> = numbers.difference(&holes).copied().collect();
        prop_assume!(!there.is_empty());
        let points = points(numbers);
        // A poll that finds something ends the longer pauses, so that what takes the longest is to find the first and the last.
        let (healing, _) = settle(&Picky { holes, most }, &points, 60 * (MOST_POLLS_APART as usize + 1));
        prop_assert_eq!(read_by(&plan_of(&points, &healing)), there);
    }
}
