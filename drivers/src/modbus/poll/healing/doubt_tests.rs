//! What is refused by chance or during an outage is not believed, and what was believed wrongly is found out.

use model::ModbusLimits;

use super::tests::{HOLDING, Picky, plan_of, points, read_by};
use super::*;
use crate::modbus::learnt::Border;
use model::Point;

const SECOND: Duration = Duration::from_secs(1);

/// A device that is polled once a second, as the loop does it.
struct Polled {
    points: Vec<Point>,
    plan: Plan,
    healing: Healing,
    now: Duration,
    /// Requests so far.
    requests: u32,
    /// Those of them that were refused in the plan, or as parts of what the plan asked.
    refused: u32,
    /// What was asked for beside the plan.
    asides: Vec<Stretch>,
}

impl Polled {
    fn new(numbers: impl IntoIterator<Item = u16>, learnt: Learnt) -> Self {
        let (points, healing) = (points(numbers), Healing::new(learnt));
        Self {
            plan: plan_of(&points, &healing),
            points,
            healing,
            now: Duration::ZERO,
            requests: 0,
            refused: 0,
            asides: Vec::new(),
        }
    }

    /// One poll of a device that `refuses` a request by its number.
    fn poll(&mut self, refuses: impl Fn(u32, &Read) -> Option<u8>) {
        self.now += SECOND;
        let (plan, healing) = (&self.plan, &mut self.healing);
        healing.begin(self.now);
        let mut ask = |healing: &mut Healing, read: &Read| {
            let refused = refuses(self.requests, read);
            self.requests += 1;
            self.refused += u32::from(refused.is_some() && !read.slots.is_empty());
            healing.tried(read, refused);
            refused.is_some()
        };
        for read in &plan.reads {
            if ask(healing, read) {
                healing.part_whole(read);
            }
            while let Some(piece) = healing.next_piece() {
                if ask(healing, &piece) {
                    healing.part(&piece);
                }
            }
        }
        if let Some(read) = healing.next_retry(plan, &ModbusLimits::default()) {
            self.asides.push(read.stretch());
            ask(healing, &read);
        }
        if healing.end("polled").is_plan_new {
            self.plan = plan_of(&self.points, healing);
        }
    }

    fn poll_for(&mut self, time: Duration, device: &Picky) {
        let until = self.now + time;
        while self.now < until {
            self.poll(|_, read| device.refuses(read));
        }
    }

    fn reads(&self) -> usize {
        self.plan.reads.len()
    }
}

fn picky(holes: &[u16], most: u16) -> Picky {
    Picky {
        holes: holes.iter().copied().collect(),
        most,
    }
}

#[test]
fn an_outage_that_begins_or_ends_inside_a_poll_gives_nothing_up() {
    for begins in 0..12 {
        for lasts in 1..40 {
            let mut polled = Polled::new([0, 1, 2, 300, 600, 601, 900], Learnt::default());
            for _ in 0..40 {
                polled.poll(|number, _| (begins..begins + lasts).contains(&number).then_some(2));
            }
            let learnt = &polled.healing.learnt;
            assert!(learnt.is_empty(), "{lasts} refusals from {begins} on: {learnt:?}");
            assert_eq!(polled.reads(), 4);
        }
    }
}

#[test]
fn a_poll_that_falls_silent_behind_refusals_decides_nothing() {
    let points = points([0, 300, 600, 610]);
    let mut healing = Healing::new(Learnt::default());
    let plan = plan_of(&points, &healing);
    for _ in 0..4 {
        healing.begin(Duration::ZERO);
        let [first, second, third] = plan.reads.as_slice() else {
            panic!("{plan:?}");
        };
        healing.tried(first, None);
        for read in [second, third] {
            healing.tried(read, Some(2));
            healing.part_whole(read);
        }
        while let Some(piece) = healing.next_piece() {
            healing.tried(&piece, None);
        }
        healing.cut();
        healing.end("cut");
    }
    assert!(healing.learnt.refused.is_empty(), "{:?}", healing.learnt);
    assert!(healing.learnt.borders.values().all(|border| !border.is_sure()));
}

#[test]
fn refusals_by_chance_do_not_add_up() {
    let mut polled = Polled::new((0..60).chain(70..100).chain([400]), Learnt::default());
    let before = polled.reads();
    for _ in 0..20_000 {
        polled.poll(|number, _| (number % 101 == 0).then_some(2));
    }
    // The last one may still be looked into.
    for _ in 0..5 {
        polled.poll(|_, _| None);
    }
    assert!(polled.healing.learnt.is_empty(), "{:?}", polled.healing.learnt);
    assert_eq!(polled.reads(), before);
}

#[test]
fn each_refused_point_is_asked_for_every_ten_minutes_and_what_has_come_back_brings_the_rest_along() {
    let holes = [3, 40, 80, 120];
    let mut polled = Polled::new(0..125, Learnt::default());
    polled.poll_for(30 * SECOND, &picky(&holes, 125));
    let known = polled.healing.learnt.refused.clone();
    assert_eq!(known.len(), 4);
    polled.poll_for(RETRY_AFTER, &picky(&holes, 125));
    let mut asked = polled.asides.clone();
    asked.sort();
    assert!(asked.iter().eq(known.keys()), "{asked:?}");
    // From here on it has them, and each is read again a poll after the other.
    polled.poll_for(RETRY_AFTER / 4 + 6 * SECOND, &picky(&[], 125));
    assert!(polled.healing.learnt.refused.is_empty());
    assert_eq!((polled.reads(), polled.asides.len()), (1, 8));
}

#[test]
fn what_was_believed_wrongly_is_found_out_within_days_and_costs_no_reading() {
    let mut learnt = Learnt::default();
    for at in [20, 50] {
        learnt.borders.insert((HOLDING, at), Border::Sure(60));
    }
    learnt.registers.proven = 10;
    learnt.registers.refused = Some(11);
    let mut polled = Polled::new((0..20).chain(30..125), learnt);
    polled.poll_for(RECHECK_AFTER + 20 * SECOND, &picky(&[], 125));
    assert!(polled.healing.learnt.is_empty(), "{:?}", polled.healing.learnt);
    assert_eq!((polled.reads(), polled.refused), (1, 0));
}

#[test]
fn what_holds_is_tried_once_a_day_and_costs_no_reading() {
    let device = picky(&[25], 40);
    let mut polled = Polled::new((0..20).chain(30..125), Learnt::default());
    polled.poll_for(100 * SECOND, &device);
    let (learnt, refused) = (polled.healing.learnt.clone(), polled.refused);
    polled.poll_for(RECHECK_AFTER, &device);
    assert_eq!((polled.asides.len(), polled.refused), (1, refused));
    assert_eq!(polled.healing.learnt, learnt);
    assert_eq!(read_by(&polled.plan).len(), 115);
}
