//! What happens to which part of the facility, and when: worked out from a seed before anything is started.

use std::fmt;
use std::time::Duration;

use crate::dice::Dice;

/// What something can happen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The gateway's process.
    Gateway,
    /// The database's process.
    Database,
    /// The broker's process.
    Broker,
    /// The process that plays the fire mains.
    Simulator,
    /// The disk of the gateway's data folder.
    GatewayDisk,
    /// The disk of the database.
    DatabaseDisk,
    /// The disk of the broker.
    BrokerDisk,
    /// The gateway's link to the database.
    DatabaseLink,
    /// The gateway's link to the broker.
    BrokerLink,
    /// The gateway's link to half of the counting devices.
    DeviceLink,
    /// The gateway's link to the fire mains.
    PlantLink,
    /// A fire main.
    FireMain,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The process is killed (SIGKILL), and started again afterwards.
    Kill,
    /// The process is stopped (SIGSTOP), and goes on afterwards (SIGCONT).
    Freeze,
    /// The link is cut.
    Cut,
    /// The link carries nothing, and loses nothing.
    Stall,
    /// The link loses what the gateway says.
    Deaf,
    /// The link loses what the other side says.
    Mute,
    /// The disk is filled to its last byte.
    Fill,
    /// It leaks.
    Leak,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it begins, from the start of the run.
    pub begins: Duration,
    /// When it is over.
    pub ends: Duration,
    /// To what.
    pub target: Target,
    /// What.
    pub what: What,
    /// Which of several.
    pub which: usize,
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (begins, lasts) = (self.begins.as_secs_f64(), (self.ends - self.begins).as_secs_f64());
        write!(
            formatter,
            "{begins:8.3} s  {:?} {:?} for {lasts:.3} s",
            self.target, self.what
        )
    }
}

/// How one kind of target fares: what can happen to it, how long it is left alone before, and how long it lasts, in milliseconds.
type Fate = (Target, &'static [What], [u64; 2], [u64; 2]);

const PROCESS: &[What] = &[What::Kill, What::Kill, What::Freeze];
const LINK: &[What] = &[What::Cut, What::Stall, What::Deaf, What::Mute];

const FATES: [Fate; 12] = [
    (Target::Gateway, PROCESS, [1_500, 6_000], [0, 2_000]),
    (Target::GatewayDisk, &[What::Fill], [2_000, 8_000], [500, 4_000]),
    (Target::Database, PROCESS, [3_000, 12_000], [0, 4_000]),
    (Target::DatabaseDisk, &[What::Fill], [6_000, 20_000], [500, 3_000]),
    (Target::DatabaseLink, LINK, [1_000, 6_000], [200, 3_000]),
    (Target::Broker, PROCESS, [4_000, 14_000], [0, 3_000]),
    (Target::BrokerDisk, &[What::Fill], [6_000, 20_000], [500, 3_000]),
    (Target::BrokerLink, LINK, [1_000, 6_000], [200, 2_000]),
    (Target::Simulator, PROCESS, [4_000, 14_000], [0, 3_000]),
    (Target::DeviceLink, LINK, [1_000, 8_000], [200, 2_000]),
    (Target::PlantLink, LINK, [2_000, 10_000], [200, 2_000]),
    (Target::FireMain, &[What::Leak], [1_000, 5_000], [1_500, 5_000]),
];

/// All that happens within a length of time, in the order in which it begins. To one target one thing happens at a time; to several,
/// whatever falls together.
pub fn plan(dice: &mut Dice, length: Duration) -> Vec<Event> {
    let mut events = Vec::new();
    for (target, can_happen, alone, lasts) in FATES {
        let mut now = Duration::ZERO;
        loop {
            let begins = now + between(dice, alone);
            let ends = begins + between(dice, lasts);
            if ends > length {
                break;
            }
            let what = can_happen[dice.roll() as usize % can_happen.len()];
            let which = dice.roll() as usize;
            events.push(Event {
                begins,
                ends,
                target,
                what,
                which,
            });
            now = ends;
        }
    }
    events.sort_by_key(|event| (event.begins, event.target));
    events
}

fn between(dice: &mut Dice, [from, to]: [u64; 2]) -> Duration {
    dice.between(Duration::from_millis(from), Duration::from_millis(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_has_the_same_plan_and_a_target_one_trouble_at_a_time() {
        let length = Duration::from_secs(120);
        let events = plan(&mut Dice::of(7), length);
        assert_eq!(events, plan(&mut Dice::of(7), length));
        assert_ne!(events, plan(&mut Dice::of(8), length));
        for (target, ..) in FATES {
            let of_it: Vec<_> = events.iter().filter(|event| event.target == target).collect();
            assert!(of_it.len() > 2, "{target:?} has {} events", of_it.len());
            assert!(of_it.windows(2).all(|pair| pair[0].ends <= pair[1].begins));
        }
    }
}
