//! What a device with holes and bounds of its own is found to have, poll by poll, whatever it refuses.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::modbus::plan::{Plan, plan};
use crate::test_site::point_at;
use model::{Address, DataType, ModbusLimits, Point, RegisterTable};

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

    /// One poll as the loop does it: whether anything is to be planned anew.
    fn poll(&self, plan: &Plan, healing: &mut Healing) -> bool {
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

fn points(numbers: impl IntoIterator<Item = u16>) -> Vec<Point> {
    numbers
        .into_iter()
        .map(|number| point_at(HOLDING, number, DataType::U16))
        .collect()
}

fn plan_of(points: &[Point], healing: &Healing) -> Plan {
    plan(points, &ModbusLimits::default(), &healing.learnt, |_| true)
}

/// Polls until nothing is refused and nothing new is learnt; what was found, and how many polls it took.
fn settle(device: &Picky, points: &[Point], most_polls: usize) -> (Healing, usize) {
    let mut healing = Healing::new(Learnt::default());
    let mut plan = plan_of(points, &healing);
    for poll in 0..most_polls {
        let is_new = device.poll(&plan, &mut healing);
        let extra = healing.tried.len() - plan.reads.len();
        assert!(extra <= MOST_EXTRA as usize, "{extra} beside {plan:?}");
        if is_new {
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

fn read_by(plan: &Plan) -> BTreeSet<u16> {
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
        let is_new = device.poll(&plan, &mut healing);
        if healing.tried.len() > plan.reads.len() {
            searching.push(poll);
        }
        if is_new {
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
        let plan = plan(&points, &ModbusLimits::default(), &healing.learnt, |point| {
            is_fast(point) == (poll % 2 == 0)
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

proptest! {
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
