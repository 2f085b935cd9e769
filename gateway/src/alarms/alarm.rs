//! An alarm: a rule's condition on one device, with a life of its own (the states of ISA-18.2 and IEC 62682).
//!
//! A rule says levels ("it holds now"), as often as it likes; here they become edges: raised, returned. Three regions are kept
//! apart and never overwrite each other: the condition, what people acknowledged, and what was set aside.

use jiff::{SignedDuration, Timestamp};
use model::{Severity, Text};
use serde::{Deserialize, Serialize};

/// What a rule says now of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The condition holds.
    Holds,
    /// It does not.
    Clear,
    /// Nobody knows: a point that the rule reads is not good, or the rule is broken.
    Unknown,
}

/// How long a level must last before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// Before an alarm is raised.
    pub on: SignedDuration,
    /// Before it has returned to normal.
    pub off: SignedDuration,
    /// Whether it stays until somebody resets it.
    pub latch: bool,
}

/// Where the condition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// It does not hold.
    Normal,
    /// It holds, but not yet for long enough.
    PendingOn {
        /// The first reading of it.
        since: Timestamp,
    },
    /// It holds.
    Active,
    /// It does not hold any more, but not yet for long enough.
    PendingOff {
        /// The first good reading of that.
        since: Timestamp,
    },
}

/// A rule's condition on one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// `DEVICE.RULE`: one for each pair, for good.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// The device; none for an alarm about the gateway itself.
    pub device: Option<String>,
    /// The device's class.
    pub class: Option<String>,
    /// How urgent.
    pub severity: Severity,
    /// Where the condition stands.
    pub phase: Phase,
    /// Whether the last level is known.
    pub known: bool,
    /// Whether somebody has seen this activation; true when there is none.
    pub acknowledged: bool,
    /// Whether it waits for a reset.
    pub latched: bool,
    /// Since when the present activation holds (or the last one did): its first reading.
    pub since: Timestamp,
    /// What it says.
    pub summary: Text,
    /// The ticket that it opened last.
    pub ticket: Option<String>,
    /// Set aside by a person until then.
    pub shelved: Option<SetAside>,
    /// Taken out of service by a person.
    pub out_of_service: Option<SetAside>,
}

/// That a person set an alarm aside: it goes on being evaluated, and still returns to normal; only people are not called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What an alarm shows, in the contract's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    /// Nothing to see.
    Normal,
    /// It holds, and nobody has seen it.
    ActiveUnacked,
    /// It holds, and somebody has.
    ActiveAcked,
    /// It does not hold any more, and nobody had seen it.
    ReturnedUnacked,
    /// It does not hold any more, and waits for a reset.
    Latched,
    /// Set aside for a while.
    Shelved,
    /// Out of service.
    OutOfService,
}

impl AlarmState {
    /// The name that the contract gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::ActiveUnacked => "active_unacked",
            Self::ActiveAcked => "active_acked",
            Self::ReturnedUnacked => "returned_unacked",
            Self::Latched => "latched",
            Self::Shelved => "shelved",
            Self::OutOfService => "out_of_service",
        }
    }
}

/// An edge that others act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The condition holds now, since `since`.
    Raised {
        /// The first reading of it.
        since: Timestamp,
    },
    /// It has returned to normal; `since` is the first good reading of that.
    Returned {
        /// That reading.
        since: Timestamp,
    },
}

impl Alarm {
    /// An alarm of which nothing was said yet, and about the gateway itself.
    pub fn quiet(id: String, rule: &str, severity: Severity, since: Timestamp) -> Self {
        Self {
            id,
            rule: rule.to_owned(),
            device: None,
            class: None,
            severity,
            phase: Phase::Normal,
            known: true,
            acknowledged: true,
            latched: false,
            since,
            summary: Text::default(),
            ticket: None,
            shelved: None,
            out_of_service: None,
        }
    }

    /// Whether the condition holds, as far as alarms are concerned.
    pub fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Active | Phase::PendingOff { .. })
    }

    /// The condition in the contract's words.
    pub fn condition(&self) -> &'static str {
        match (self.known, self.is_active()) {
            (false, _) => "unknown",
            (true, true) => "active",
            (true, false) => "clear",
        }
    }

    /// What it shows.
    pub fn state(&self) -> AlarmState {
        if self.out_of_service.is_some() {
            AlarmState::OutOfService
        } else if self.shelved.is_some() {
            AlarmState::Shelved
        } else if self.is_active() {
            if self.acknowledged {
                AlarmState::ActiveAcked
            } else {
                AlarmState::ActiveUnacked
            }
        } else if self.latched {
            AlarmState::Latched
        } else if self.acknowledged {
            AlarmState::Normal
        } else {
            AlarmState::ReturnedUnacked
        }
    }

    /// Whether people are to be called for it.
    pub fn calls_people(&self) -> bool {
        self.shelved.is_none() && self.out_of_service.is_none()
    }

    /// Takes in a level that a rule said at `at`. An unknown level neither raises nor clears.
    pub fn take(&mut self, level: Level, at: Timestamp, delays: Delays) -> Option<Edge> {
        self.known = level != Level::Unknown;
        match (level, self.phase) {
            (Level::Unknown, Phase::PendingOff { .. }) => self.phase = Phase::Active,
            (Level::Holds, Phase::Normal) => self.phase = Phase::PendingOn { since: at },
            (Level::Holds, Phase::PendingOff { .. }) => self.phase = Phase::Active,
            (Level::Clear, Phase::PendingOn { .. }) => self.phase = Phase::Normal,
            (Level::Clear, Phase::Active) => self.phase = Phase::PendingOff { since: at },
            _ => {}
        }
        self.tick(at, delays)
    }

    /// Lets time pass: delays that have run out, shelving that ends.
    pub fn tick(&mut self, now: Timestamp, delays: Delays) -> Option<Edge> {
        if let Phase::PendingOn { since } | Phase::PendingOff { since } = &mut self.phase {
            // A clock that was set back: the delay runs from now on, and not once the clock has caught up.
            *since = now.min(*since);
        }
        for aside in [&mut self.shelved, &mut self.out_of_service] {
            aside.take_if(|aside| aside.until <= now);
        }
        match self.phase {
            Phase::PendingOn { since } if self.known && now.duration_since(since) >= delays.on => {
                self.phase = Phase::Active;
                self.since = since;
                self.acknowledged = false;
                self.latched = delays.latch;
                Some(Edge::Raised { since })
            }
            Phase::PendingOff { since } if self.known && now.duration_since(since) >= delays.off => {
                self.phase = Phase::Normal;
                Some(Edge::Returned { since })
            }
            _ => None,
        }
    }

    /// The system's clock was set by `step` while a delay ran: it has lasted as long as before.
    pub fn set_clock(&mut self, step: SignedDuration) {
        if let Phase::PendingOn { since } | Phase::PendingOff { since } = &mut self.phase {
            *since = since.saturating_add(step).unwrap_or(*since);
        }
    }

    /// Since when a delay runs, or waits for somebody to know whether it does; none: no delay.
    pub fn pending_since(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::PendingOn { since } | Phase::PendingOff { since } => Some(since),
            Phase::Normal | Phase::Active => None,
        }
    }

    /// When [`Alarm::tick`] has something to do next, if nothing else happens.
    pub fn next_due(&self, delays: Delays) -> Option<Timestamp> {
        let delayed = match self.phase {
            Phase::PendingOn { since } if self.known => since.saturating_add(delays.on).ok(),
            Phase::PendingOff { since } if self.known => since.saturating_add(delays.off).ok(),
            _ => None,
        };
        let asides = [&self.shelved, &self.out_of_service]
            .into_iter()
            .flatten()
            .map(|aside| aside.until);
        delayed.into_iter().chain(asides).min()
    }

    /// Somebody has seen it. A latched alarm is seen, and goes on waiting for its reset.
    pub fn acknowledge(&mut self) {
        self.acknowledged = true;
    }

    /// Whether a reset is allowed: it waits for one, and the condition does not hold.
    pub fn can_reset(&self) -> bool {
        self.latched && !self.is_active() && self.known
    }

    /// Resets a latched alarm.
    pub fn reset(&mut self) {
        self.latched = false;
        self.acknowledged = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAYS: Delays = Delays {
        on: SignedDuration::from_secs(10),
        off: SignedDuration::from_secs(5),
        latch: false,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    fn alarm() -> Alarm {
        Alarm {
            id: "fire-main-1.low".into(),
            rule: "low".into(),
            device: Some("fire-main-1".into()),
            class: Some("fire_water".into()),
            severity: Severity::Critical,
            phase: Phase::Normal,
            known: true,
            acknowledged: true,
            latched: false,
            since: at(0),
            summary: Text::default(),
            ticket: None,
            shelved: None,
            out_of_service: None,
        }
    }

    fn raised() -> Alarm {
        let mut alarm = alarm();
        alarm.take(Level::Holds, at(0), DELAYS);
        assert_eq!(alarm.tick(at(10), DELAYS), Some(Edge::Raised { since: at(0) }));
        alarm
    }

    #[test]
    fn a_condition_is_raised_once_it_has_held_for_the_on_delay() {
        let mut alarm = alarm();
        assert_eq!(alarm.take(Level::Holds, at(0), DELAYS), None);
        assert_eq!(alarm.next_due(DELAYS), Some(at(10)));
        assert_eq!(alarm.take(Level::Holds, at(9), DELAYS), None);
        assert_eq!(
            alarm.take(Level::Holds, at(10), DELAYS),
            Some(Edge::Raised { since: at(0) })
        );
        assert_eq!(alarm.state(), AlarmState::ActiveUnacked);
    }

    #[test]
    fn a_clock_that_is_set_neither_ends_a_delay_nor_holds_it_up() {
        let hours = SignedDuration::from_hours(8);
        for step in [hours, -hours] {
            let mut alarm = alarm();
            alarm.take(Level::Holds, at(0), DELAYS);
            alarm.set_clock(step);
            assert_eq!(alarm.tick(at(9) + step, DELAYS), None);
            assert!(alarm.tick(at(10) + step, DELAYS).is_some());
        }
        let mut unseen = alarm();
        unseen.take(Level::Holds, at(28_800), DELAYS);
        assert_eq!(unseen.tick(at(0), DELAYS), None);
        assert_eq!(unseen.tick(at(10), DELAYS), Some(Edge::Raised { since: at(0) }));
    }

    #[test]
    fn a_short_excursion_raises_nothing() {
        let mut alarm = alarm();
        alarm.take(Level::Holds, at(0), DELAYS);
        alarm.take(Level::Clear, at(9), DELAYS);
        alarm.take(Level::Holds, at(10), DELAYS);
        assert_eq!(alarm.tick(at(19), DELAYS), None);
        assert_eq!(alarm.tick(at(20), DELAYS), Some(Edge::Raised { since: at(10) }));
    }

    #[test]
    fn unknown_neither_raises_nor_clears() {
        let mut pending = alarm();
        pending.take(Level::Holds, at(0), DELAYS);
        assert_eq!(pending.take(Level::Unknown, at(5), DELAYS), None);
        assert_eq!(pending.tick(at(60), DELAYS), None);
        assert_eq!(
            pending.take(Level::Holds, at(61), DELAYS),
            Some(Edge::Raised { since: at(0) })
        );

        let mut active = raised();
        active.take(Level::Clear, at(20), DELAYS);
        active.take(Level::Unknown, at(22), DELAYS);
        assert_eq!(active.tick(at(60), DELAYS), None);
        assert_eq!(
            (active.state(), active.condition()),
            (AlarmState::ActiveUnacked, "unknown")
        );
        active.take(Level::Clear, at(70), DELAYS);
        assert_eq!(
            active.tick(at(75), DELAYS),
            Some(Edge::Returned { since: at(70) })
        );
    }

    #[test]
    fn a_returned_alarm_waits_until_somebody_has_seen_it() {
        let mut alarm = raised();
        alarm.take(Level::Clear, at(20), DELAYS);
        assert_eq!(
            alarm.state(),
            AlarmState::ActiveUnacked,
            "the off-delay has not run out"
        );
        assert_eq!(alarm.tick(at(25), DELAYS), Some(Edge::Returned { since: at(20) }));
        assert_eq!(alarm.state(), AlarmState::ReturnedUnacked);
        alarm.acknowledge();
        assert_eq!(alarm.state(), AlarmState::Normal);
    }

    #[test]
    fn an_acknowledgement_does_not_outlive_its_activation() {
        let mut alarm = raised();
        alarm.acknowledge();
        assert_eq!(alarm.state(), AlarmState::ActiveAcked);
        alarm.take(Level::Clear, at(20), DELAYS);
        alarm.tick(at(25), DELAYS);
        alarm.take(Level::Holds, at(30), DELAYS);
        alarm.tick(at(40), DELAYS);
        assert_eq!(alarm.state(), AlarmState::ActiveUnacked);
    }

    #[test]
    fn a_latched_alarm_stays_until_it_is_reset() {
        let delays = Delays {
            on: SignedDuration::ZERO,
            off: SignedDuration::ZERO,
            latch: true,
        };
        let mut alarm = alarm();
        assert_eq!(
            alarm.take(Level::Holds, at(0), delays),
            Some(Edge::Raised { since: at(0) })
        );
        alarm.acknowledge();
        assert!(!alarm.can_reset());
        assert_eq!(
            alarm.take(Level::Clear, at(5), delays),
            Some(Edge::Returned { since: at(5) })
        );
        assert_eq!(alarm.state(), AlarmState::Latched);
        assert!(alarm.can_reset());
        alarm.reset();
        assert_eq!(alarm.state(), AlarmState::Normal);
    }

    #[test]
    fn shelving_ends_by_itself_and_never_stops_evaluation() {
        let mut alarm = alarm();
        alarm.shelved = Some(SetAside {
            by: "Li".into(),
            reason: "test".into(),
            at: at(0),
            until: at(100),
        });
        alarm.take(Level::Holds, at(0), DELAYS);
        assert_eq!(alarm.tick(at(10), DELAYS), Some(Edge::Raised { since: at(0) }));
        assert_eq!(alarm.state(), AlarmState::Shelved);
        assert_eq!(alarm.next_due(DELAYS), Some(at(100)));
        alarm.tick(at(100), DELAYS);
        assert_eq!(alarm.state(), AlarmState::ActiveUnacked);
    }
}
