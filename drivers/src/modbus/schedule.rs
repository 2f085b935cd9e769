//! Which device is due next: each on its own fixed grid of slots, the grids spread over the interval.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

/// Slots fall on a grid of this, so that connections wake the processor together instead of each for itself.
const TICK: Duration = Duration::from_millis(10);

/// The slots of the devices of one connection, by number.
#[derive(Debug)]
pub(crate) struct Schedule {
    intervals: Vec<Duration>,
    slots: BinaryHeap<Reverse<(Duration, usize)>>,
}

/// A device whose slot has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Its number.
    pub(crate) device: usize,
    /// How many slots had passed unused; they are skipped, not made up for.
    pub(crate) missed: u64,
}

impl Schedule {
    /// A schedule of devices by their intervals, beginning at zero. Devices of one interval are spread evenly over it, in order.
    pub(crate) fn new(intervals: Vec<Duration>) -> Self {
        let intervals: Vec<_> = intervals
            .into_iter()
            .map(|interval| interval.max(Duration::from_millis(1)))
            .collect();
        let mut alike = BTreeMap::<Duration, u32>::new();
        for interval in &intervals {
            *alike.entry(*interval).or_default() += 1;
        }
        let mut placed = BTreeMap::<Duration, u32>::new();
        let slots = intervals
            .iter()
            .enumerate()
            .map(|(device, interval)| {
                let place = placed.entry(*interval).or_default();
                let share = f64::from(*place) / f64::from(alike.get(interval).copied().unwrap_or(1));
                *place += 1;
                Reverse((on_grid(interval.mul_f64(share)), device))
            })
            .collect();
        Self { intervals, slots }
    }

    /// When the next slot comes; `None` without devices.
    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.slots.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes the earliest slot if it has come at `now`, and enters that device's next one.
    ///
    /// A slot that passed while the line was busy is used late, so that nobody loses a poll to a neighbour's timeout; of several
    /// that passed only the newest is used.
    pub(crate) fn take(&mut self, now: Duration) -> Option<Turn> {
        let Reverse((due, device)) = *self.slots.peek()?;
        if due > now {
            return None;
        }
        self.slots.pop();
        let interval = self.intervals.get(device).copied()?;
        let missed = now.saturating_sub(due).as_nanos() / interval.as_nanos().max(1);
        let missed = u32::try_from(missed).unwrap_or(u32::MAX - 1);
        let next = due.saturating_add(interval.saturating_mul(missed + 1));
        self.slots.push(Reverse((next, device)));
        Some(Turn {
            device,
            missed: u64::from(missed),
        })
    }
}

fn on_grid(moment: Duration) -> Duration {
    let ticks = moment.as_nanos() / TICK.as_nanos();
    TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// The (moment, device) of each turn until `end`, when polls take no time.
    fn turns(schedule: &mut Schedule, end: Duration) -> Vec<(u64, usize)> {
        let mut turns = Vec::new();
        while let Some(now) = schedule.next_at().filter(|at| *at < end) {
            let turn = schedule.take(now).unwrap();
            turns.push((now.as_millis() as u64, turn.device));
        }
        turns
    }

    #[test]
    fn devices_of_one_interval_are_spread_over_it_and_keep_their_grid() {
        let mut schedule = Schedule::new(vec![ms(1000); 4]);
        let expected = vec![
            (0, 0),
            (250, 1),
            (500, 2),
            (750, 3),
            (1000, 0),
            (1250, 1),
            (1500, 2),
            (1750, 3),
        ];
        assert_eq!(turns(&mut schedule, ms(2000)), expected);
    }

    #[test]
    fn slots_fall_on_a_grid_of_ten_milliseconds() {
        let mut schedule = Schedule::new(vec![ms(1000); 300]);
        let moments: Vec<u64> = turns(&mut schedule, ms(1000))
            .into_iter()
            .map(|(moment, _)| moment)
            .collect();
        assert_eq!(moments.len(), 300);
        assert!(moments.iter().all(|moment| moment.is_multiple_of(10)));
        assert_eq!(
            moments.iter().collect::<std::collections::BTreeSet<_>>().len(),
            100
        );
    }

    #[test]
    fn a_slot_that_passed_is_used_late_and_the_grid_stays() {
        let mut schedule = Schedule::new(vec![ms(1000)]);
        assert_eq!(schedule.take(ms(300)), Some(Turn { device: 0, missed: 0 }));
        assert_eq!(schedule.take(ms(999)), None);
        assert_eq!(schedule.next_at(), Some(ms(1000)));
    }

    #[test]
    fn slots_that_piled_up_are_skipped_and_counted() {
        let mut schedule = Schedule::new(vec![ms(100)]);
        assert_eq!(schedule.take(ms(550)), Some(Turn { device: 0, missed: 5 }));
        assert_eq!(schedule.take(ms(550)), None);
        assert_eq!(schedule.next_at(), Some(ms(600)));
    }

    #[test]
    fn a_connection_without_devices_is_never_due() {
        let mut schedule = Schedule::new(Vec::new());
        assert_eq!(schedule.next_at(), None);
        assert_eq!(schedule.take(ms(1)), None);
    }

    proptest! {
        #[test]
        fn on_a_busy_line_every_device_still_gets_its_turns(
            intervals in prop::collection::vec(50_u64..5000, 1..12),
            poll in 1_u64..400,
        ) {
            let slowest = *intervals.iter().max().unwrap();
            let count = intervals.len();
            let mut schedule = Schedule::new(intervals.into_iter().map(ms).collect());
            let mut now = Duration::ZERO;
            let mut seen = vec![0; count];
            while now < ms(3 * (slowest + poll * count as u64)) {
                now = now.max(schedule.next_at().unwrap());
                seen[schedule.take(now).unwrap().device] += 1;
                now += ms(poll);
            }
            prop_assert!(seen.iter().all(|turns| *turns >= 1), "{seen:?}");
        }
    }
}
