//! A deadline clock, kept as its events; when it is due and how it stands are worked out when it is read.

use jiff::{SignedDuration, Timestamp};
use model::Target;
use serde::{Deserialize, Serialize};

use super::WorkCalendar;
use super::run::Run;

/// Which promise a clock measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockKind {
    /// Someone takes it and tells the reporter.
    Respond,
    /// Someone is on site.
    Arrive,
    /// It works again.
    Resolve,
}

impl ClockKind {
    /// The name that the contract gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Respond => "respond",
            Self::Arrive => "arrive",
            Self::Resolve => "resolve",
        }
    }
}

/// What stopped a clock: reports count these apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedBy {
    /// The telemetry showed it: the condition went back to normal.
    Telemetry,
    /// A person did what the clock waits for.
    Person(String),
    /// A person said so while the telemetry did not show it.
    Word(String),
    /// The ticket was closed or cancelled while the clock still ran.
    Closing(String),
}

impl StoppedBy {
    /// The name that reports give it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Telemetry => "telemetry",
            Self::Person(_) => "person",
            Self::Word(_) => "word",
            Self::Closing(_) => "closing",
        }
    }
}

/// One thing that happened to a clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum ClockEvent {
    /// It began to run, or began anew.
    Started {
        /// From when.
        at: Timestamp,
        /// What was promised then; a changed standard does not touch it.
        target: Target,
    },
    /// It stopped.
    Stopped {
        /// When what it waits for happened.
        at: Timestamp,
        /// Who or what showed it.
        by: StoppedBy,
    },
    /// The last stop did not count: the condition came back too soon.
    Struck {
        /// When that was seen.
        at: Timestamp,
    },
    /// It waits for parts.
    Paused {
        /// From when.
        at: Timestamp,
    },
    /// It runs again.
    Resumed {
        /// From when.
        at: Timestamp,
    },
    /// The ticket was raised to a row that promises another span: it counts from the clock's own start.
    Retargeted {
        /// When that was said.
        at: Timestamp,
        /// What is promised now.
        target: Target,
    },
    /// People were told that it ran out.
    Announced {
        /// When.
        at: Timestamp,
    },
}

/// A clock of a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// Which promise it measures.
    pub kind: ClockKind,
    /// What happened to it, in order; only ever appended to.
    pub events: Vec<ClockEvent>,
}

/// How a clock's present run stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockStand {
    /// What was promised.
    pub target: Target,
    /// From when it runs.
    pub started_at: Timestamp,
    /// By when it must stop; while paused, as if resumed now.
    pub due: Timestamp,
    /// When and by whom it was stopped.
    pub stopped: Option<(Timestamp, StoppedBy)>,
    /// How it stands.
    pub state: ClockState,
    /// Missed and not stopped yet.
    pub overdue: bool,
    /// The due day lies past the loaded calendar years, so it counts weekends only.
    pub provisional: bool,
    /// People were told that it ran out.
    pub announced: bool,
    /// How long it waited for parts before it was due: a clock that waited is never counted as met without saying so.
    pub paused: SignedDuration,
}

/// How a clock stands, in the contract's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockState {
    /// It runs, and is not due yet.
    Running,
    /// It waits for parts.
    Paused,
    /// It stopped in time.
    Met,
    /// Its due time passed before it stopped.
    Missed,
}

impl ClockState {
    /// The name that the contract gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Met => "met",
            Self::Missed => "missed",
        }
    }
}

impl Clock {
    /// A clock that starts now.
    pub fn start(kind: ClockKind, target: Target, at: Timestamp) -> Self {
        Self {
            kind,
            events: vec![ClockEvent::Started { at, target }],
        }
    }

    /// Whether it runs or is paused: it has not been stopped.
    pub fn is_unstopped(&self) -> bool {
        self.run().is_some_and(|run| run.stopped.is_none())
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.run()
            .is_some_and(|run| run.stopped.is_none() && run.has_open_pause())
    }

    /// Stops it, unless it is stopped already. An open pause is not ended by it: if the stop is struck out, the clock still waits.
    pub fn stop(&mut self, at: Timestamp, by: StoppedBy) {
        if self.is_unstopped() {
            self.events.push(ClockEvent::Stopped { at, by });
        }
    }

    /// Strikes out a stop that the telemetry had shown; other stops stand.
    pub fn strike(&mut self, at: Timestamp) {
        if self.is_stopped_by_telemetry() {
            self.events.push(ClockEvent::Struck { at });
        }
    }

    /// Whether the telemetry stopped it.
    pub fn is_stopped_by_telemetry(&self) -> bool {
        self.run()
            .is_some_and(|run| matches!(run.stopped, Some((_, StoppedBy::Telemetry))))
    }

    /// Starts it anew if it had stopped; one that still runs runs on.
    pub fn restart(&mut self, at: Timestamp) {
        if let Some(run) = self.run()
            && run.stopped.is_some()
        {
            let target = run.promised();
            self.events.push(ClockEvent::Started { at, target });
        }
    }

    /// Pauses it, if it runs.
    pub fn pause(&mut self, at: Timestamp) {
        if self.is_unstopped() && !self.is_paused() {
            self.events.push(ClockEvent::Paused { at });
        }
    }

    /// Ends its pause, if there is one; also under a stop that may yet be struck out.
    pub fn resume(&mut self, at: Timestamp) {
        if self.run().is_some_and(|run| run.has_open_pause()) {
            self.events.push(ClockEvent::Resumed { at });
        }
    }

    /// Promises another span, counted from its own start. Whether it was missed before is worked out when it is read: then
    /// the old promise stands.
    pub fn retarget(&mut self, at: Timestamp, target: Target) {
        self.events.push(ClockEvent::Retargeted { at, target });
    }

    /// How it stands at `now`; `None` only for a clock without a start, which is never made.
    pub fn stand(&self, now: Timestamp, calendar: &WorkCalendar) -> Option<ClockStand> {
        Some(self.run()?.stand(now, calendar))
    }

    /// How each of its runs stands, the present one last: a clock that started anew had kept or missed its promise before.
    pub fn stands(&self, now: Timestamp, calendar: &WorkCalendar) -> Vec<ClockStand> {
        let runs = Run::all(&self.events);
        runs.iter().map(|run| run.stand(now, calendar)).collect()
    }

    /// Whether it was ever promised in working days; others need no calendar.
    pub fn counts_days(&self) -> bool {
        self.events.iter().any(|event| match event {
            ClockEvent::Started { target, .. } | ClockEvent::Retargeted { target, .. } => {
                matches!(target, Target::WorkingDays(_))
            }
            _ => false,
        })
    }

    /// How many times it was started: the number of its present run.
    pub fn runs(&self) -> usize {
        self.events
            .iter()
            .filter(|event| matches!(event, ClockEvent::Started { .. }))
            .count()
    }

    fn run(&self) -> Option<Run<'_>> {
        Run::all(&self.events).pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    fn arrive() -> Clock {
        Clock::start(ClockKind::Arrive, Target::Minutes(30), at(0))
    }

    fn stand(clock: &Clock, seconds: i64) -> ClockStand {
        clock.stand(at(seconds), &WorkCalendar::utc_weekends()).unwrap()
    }

    #[test]
    fn a_clock_is_missed_only_after_its_due_time_has_passed() {
        assert_eq!(stand(&arrive(), 1800).state, ClockState::Running);
        let late = stand(&arrive(), 1801);
        assert_eq!((late.state, late.overdue), (ClockState::Missed, true));
    }

    #[test]
    fn a_stop_in_time_is_met_and_a_late_one_stays_missed_but_is_no_longer_overdue() {
        let mut in_time = arrive();
        in_time.stop(at(1799), StoppedBy::Person("Li".into()));
        assert_eq!(stand(&in_time, 9000).state, ClockState::Met);
        let mut late = arrive();
        late.stop(at(1801), StoppedBy::Person("Li".into()));
        assert_eq!(
            (stand(&late, 9000).state, stand(&late, 9000).overdue),
            (ClockState::Missed, false)
        );
    }

    #[test]
    fn a_pause_moves_the_due_time_by_its_length() {
        let mut clock = arrive();
        clock.pause(at(600));
        assert_eq!(stand(&clock, 4000).state, ClockState::Paused);
        assert_eq!(stand(&clock, 4000).due, at(1800 + 3400));
        clock.resume(at(1200));
        assert_eq!(stand(&clock, 1300).due, at(2400));
        assert_eq!(stand(&clock, 2401).state, ClockState::Missed);
    }

    #[test]
    fn a_pause_counts_whole_when_the_system_clock_is_set_back_into_it() {
        let mut clock = arrive();
        clock.pause(at(600));
        clock.resume(at(1200));
        assert_eq!(stand(&clock, 900).due, at(2400));
        assert_eq!(stand(&clock, 900).state, ClockState::Running);
    }

    #[test]
    fn a_struck_stop_leaves_the_clock_as_if_it_had_never_stopped() {
        let mut clock = arrive();
        clock.stop(at(1000), StoppedBy::Telemetry);
        assert_eq!(stand(&clock, 1500).state, ClockState::Met);
        clock.strike(at(1500));
        assert_eq!(stand(&clock, 1600).state, ClockState::Running);
        assert_eq!(stand(&clock, 1900).state, ClockState::Missed);
    }

    #[test]
    fn only_a_stop_by_telemetry_can_be_struck() {
        let mut clock = arrive();
        clock.stop(at(1000), StoppedBy::Person("Li".into()));
        clock.strike(at(1100));
        assert_eq!(stand(&clock, 9000).state, ClockState::Met);
    }

    #[test]
    fn a_clock_that_starts_anew_has_its_whole_time_again() {
        let mut clock = arrive();
        clock.restart(at(100));
        assert_eq!(clock.runs(), 1, "one that still runs runs on");
        clock.stop(at(200), StoppedBy::Telemetry);
        clock.restart(at(5000));
        assert_eq!((clock.runs(), stand(&clock, 5000).due), (2, at(6800)));
    }
}
