//! One run of a clock, from a start to the next: what its events add up to, and by when it must stop.

use jiff::{SignedDuration, Timestamp};
use model::Target;

use super::WorkCalendar;
use super::clock::{ClockEvent, ClockStand, ClockState, StoppedBy};

/// A run of a clock. A stop that was struck out is not in it.
pub(super) struct Run<'clock> {
    started_at: Timestamp,
    /// What was promised: first at the start, then at each raising.
    targets: Vec<(Timestamp, Target)>,
    /// How many of them, and of the pauses, came before people were told that it ran out: the later ones move nothing any more,
    /// even if the system's clock is set back to before the due time.
    targets_in_time: usize,
    pauses_in_time: usize,
    pauses: Vec<(Timestamp, Option<Timestamp>)>,
    pub(super) stopped: Option<(Timestamp, &'clock StoppedBy)>,
    /// Whether people were told that it ran out, and whether that was before it stopped.
    announced: Option<Announced>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Announced {
    WhileRunning,
    WhenStopped,
}

/// What was promised and by when, once raisings and pauses are counted.
struct Promise {
    target: Target,
    due: Timestamp,
    provisional: bool,
}

impl<'clock> Run<'clock> {
    /// The runs that a clock's events add up to, in order.
    pub(super) fn all(events: &'clock [ClockEvent]) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for event in events {
            match (event, runs.last_mut()) {
                (ClockEvent::Started { at, target }, _) => runs.push(Self::start(*at, *target)),
                (_, Some(run)) => run.take(event),
                (_, None) => {}
            }
        }
        runs
    }

    fn start(at: Timestamp, target: Target) -> Self {
        Self {
            started_at: at,
            targets: vec![(at, target)],
            targets_in_time: usize::MAX,
            pauses_in_time: usize::MAX,
            pauses: Vec::new(),
            stopped: None,
            announced: None,
        }
    }

    fn take(&mut self, event: &'clock ClockEvent) {
        match event {
            ClockEvent::Started { .. } => {}
            ClockEvent::Stopped { at, by } => self.stopped = Some((*at, by)),
            ClockEvent::Struck { .. } => self.stopped = None,
            ClockEvent::Paused { at } => self.pauses.push((*at, None)),
            ClockEvent::Resumed { at } => {
                if let Some(pause) = self.pauses.last_mut() {
                    pause.1.get_or_insert(*at);
                }
            }
            ClockEvent::Retargeted { at, target } => self.targets.push((*at, *target)),
            ClockEvent::Announced { .. } => {
                let when = match self.stopped {
                    None => {
                        self.targets_in_time = self.targets_in_time.min(self.targets.len());
                        self.pauses_in_time = self.pauses_in_time.min(self.pauses.len());
                        Announced::WhileRunning
                    }
                    Some(_) => Announced::WhenStopped,
                };
                self.announced.get_or_insert(when);
            }
        }
    }

    pub(super) fn has_open_pause(&self) -> bool {
        self.pauses.last().is_some_and(|pause| pause.1.is_none())
    }

    /// What was promised last.
    pub(super) fn promised(&self) -> Target {
        // A run begins with a target; seconds of nothing stand for what is never made.
        self.targets.last().map_or(Target::Seconds(0), |last| last.1)
    }

    pub(super) fn stand(&self, now: Timestamp, calendar: &WorkCalendar) -> ClockStand {
        let until = self
            .stopped
            .map_or_else(|| now.max(self.noted_until()), |(at, _)| at);
        let promise = self.promise(until, calendar);
        let missed = self.missed(until, promise.due);
        let state = match (missed, self.stopped.is_some(), self.has_open_pause()) {
            (true, ..) => ClockState::Missed,
            (false, true, _) => ClockState::Met,
            (false, false, true) => ClockState::Paused,
            (false, false, false) => ClockState::Running,
        };
        ClockStand {
            target: promise.target,
            started_at: self.started_at,
            due: promise.due,
            overdue: missed && self.stopped.is_none(),
            stopped: self.stopped.map(|(at, by)| (at, by.clone())),
            state,
            provisional: promise.provisional,
            announced: self.announced.is_some(),
            paused: self.paused(until, promise.due),
        }
    }

    /// The latest moment of which something is noted: a system clock that is set back undoes nothing of it, so that the due time of a
    /// clock that runs stays what it was.
    fn noted_until(&self) -> Timestamp {
        let raised = self.targets.iter().map(|(at, _)| *at);
        let paused = self.pauses.iter().map(|(from, to)| to.unwrap_or(*from));
        raised.chain(paused).fold(self.started_at, Timestamp::max)
    }

    /// Missed is for good: once people were told that it ran out, a system clock that is set back makes it no better. Only a
    /// reading from before the due time does, for it shows that the thing worked in time.
    fn missed(&self, until: Timestamp, due: Timestamp) -> bool {
        let shown_in_time = matches!(self.stopped, Some((_, StoppedBy::Telemetry)));
        let told = self.announced == Some(Announced::WhileRunning) && !shown_in_time;
        until > due || told
    }

    /// The promise in force at `until`. A raising of a clock that was missed by then changes nothing.
    fn promise(&self, until: Timestamp, calendar: &WorkCalendar) -> Promise {
        let mut targets = self.targets.iter().take(self.targets_in_time);
        let first = targets.next().map_or(Target::Seconds(0), |first| first.1);
        let mut promise = self.due(first, until, calendar);
        for (at, target) in targets {
            // What has stopped was judged by what was promised then.
            if self.stopped.is_some_and(|(stopped_at, _)| stopped_at <= *at) {
                break;
            }
            let raised_at = (*at).min(until);
            if raised_at > self.due(promise.target, raised_at, calendar).due {
                break;
            }
            promise = self.due(*target, until, calendar);
        }
        promise
    }

    /// By when `target` must be kept, with the pauses up to `until`.
    fn due(&self, target: Target, until: Timestamp, calendar: &WorkCalendar) -> Promise {
        let span = match target {
            Target::Seconds(count) => SignedDuration::from_secs(i64::from(count)),
            Target::Minutes(count) => SignedDuration::from_mins(i64::from(count)),
            Target::Hours(count) => SignedDuration::from_hours(i64::from(count)),
            Target::WorkingDays(count) => {
                let (due, provisional) = calendar.due(self.started_at, count, self.pauses_until(until));
                return Promise {
                    target,
                    due,
                    provisional,
                };
            }
            Target::Day(day) => {
                return Promise {
                    target,
                    due: calendar.end_of(day),
                    provisional: false,
                };
            }
        };
        let mut due = self.started_at.saturating_add(span).unwrap_or(Timestamp::MAX);
        for (from, to) in self.pauses_until(until) {
            // Once it was missed, waiting moves nothing any more.
            if from > due {
                break;
            }
            due = due
                .saturating_add(to.duration_since(from))
                .unwrap_or(Timestamp::MAX);
        }
        Promise {
            target,
            due,
            provisional: false,
        }
    }

    /// The pauses up to `until`; an open one counts up to it.
    fn pauses_until(&self, until: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let in_time = self.pauses.iter().take(self.pauses_in_time);
        let begun = in_time.filter(move |(from, _)| *from <= until);
        begun.map(move |(from, to)| (*from, to.unwrap_or(until).min(until).max(*from)))
    }

    /// How long it waited before it was due.
    fn paused(&self, until: Timestamp, due: Timestamp) -> SignedDuration {
        self.pauses_until(until)
            .filter(|(from, _)| *from <= due)
            .fold(SignedDuration::ZERO, |sum, (from, to)| {
                sum + to.duration_since(from)
            })
    }
}
