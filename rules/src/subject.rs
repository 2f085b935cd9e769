//! What a script is handed as `d`: the device that a rule is asked about, as it was last read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use model::{Missing, Reading, Value};

use crate::native::Facts;
use crate::plan::{Asked, Plan, Watch};
use crate::window::Window;

/// A device as scripts see it. A script gets a clone, which is the same device.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) plan: Arc<Plan>,
    // Rhai calls functions with shared references only; nobody else ever waits for this lock.
    state: Arc<Mutex<State>>,
}

/// What is known of the device.
#[derive(Debug)]
pub(crate) struct State {
    /// The newest readings of the points that rules read, as the plan places them.
    kept: Vec<Reading>,
    /// How each point can be seen, in the profile's order.
    sights: Vec<Sight>,
    /// As the plan numbers them.
    pub(crate) windows: Vec<Window>,
    /// Whether the newest batch was all silence.
    pub(crate) silent: bool,
    /// How many points are not good, whether the device answers or not.
    not_good: usize,
    /// Until when the windows reach.
    pub(crate) now: Timestamp,
    /// Whether a summary is being told, which shows what is not known as a dash.
    pub(crate) telling: bool,
    /// Whether that summary met something that is not known.
    pub(crate) dashed: bool,
}

/// How a point was seen last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// It was not read yet since the device last began to answer.
    NotRead,
    Good,
    NoAnswer,
    NotGood,
}

impl Sight {
    fn of(reading: &Reading) -> Self {
        match reading {
            Reading::Good(_) => Self::Good,
            Reading::Missing(Missing::NotReadYet) => Self::NotRead,
            Reading::Missing(Missing::NoAnswer) => Self::NoAnswer,
            Reading::Missing(_) | Reading::Uncertain(..) => Self::NotGood,
        }
    }

    fn is_not_good(self) -> bool {
        matches!(self, Self::NoAnswer | Self::NotGood)
    }
}

impl Subject {
    /// A device of which nothing was read yet.
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let state = State {
            kept: vec![Reading::Missing(Missing::NotReadYet); plan.kept],
            sights: vec![Sight::NotRead; plan.readers.len()],
            windows: plan
                .windows
                .iter()
                .map(|asked| Window::new(asked.length))
                .collect(),
            silent: false,
            not_good: 0,
            now: Timestamp::UNIX_EPOCH,
            telling: false,
            dashed: false,
        };
        Self {
            plan,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// What is known of it.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of a window in the plan.
    pub(crate) fn window(&self, position: usize, length: Duration) -> Option<usize> {
        self.plan
            .windows
            .iter()
            .position(|known| *known == Asked { position, length })
    }
}

impl State {
    /// Whether everything that a rule reads is known.
    pub(crate) fn knows(&self, watch: &Watch) -> bool {
        let good = |place: &usize| self.kept.get(*place).is_some_and(Reading::is_good);
        let full = |place: &usize| {
            self.windows
                .get(*place)
                .is_some_and(|window| window.is_full(self.now))
        };
        watch.points.iter().all(good) && watch.windows.iter().all(full)
    }

    /// How many points are not good although the device answers. Points that were not read yet since it last began to don't count.
    pub(crate) fn faulty(&self) -> usize {
        if self.silent { 0 } else { self.not_good }
    }

    /// The newest reading of a point that a rule reads, by its position in the profile.
    pub(crate) fn reading(&self, plan: &Plan, position: usize) -> Option<&Reading> {
        let place = plan.places.get(position).copied().flatten()?;
        self.kept.get(place)
    }

    /// What a rule's condition may look at without Rhai.
    pub(crate) fn facts<'state>(&'state self, watch: &'state Watch) -> impl Facts + use<'state> {
        Known { state: self, watch }
    }

    /// Takes a point's reading, into its windows too, and says whether a rule reads it and it differs from the one before.
    pub(crate) fn take(&mut self, plan: &Plan, position: usize, at: Timestamp, reading: &Reading) -> bool {
        let Some(seen) = self.sights.get_mut(position) else {
            return false;
        };
        let now = Sight::of(reading);
        if *seen != now {
            self.not_good = self.not_good + usize::from(now.is_not_good()) - usize::from(seen.is_not_good());
            *seen = now;
        }
        let Some(place) = plan.places.get(position).copied().flatten() else {
            return false;
        };
        self.recall(plan, position, at, reading);
        match self.kept.get_mut(place) {
            Some(known) if known != reading => {
                known.clone_from(reading);
                true
            }
            _ => false,
        }
    }

    /// Takes a point's reading into its windows alone.
    pub(crate) fn recall(&mut self, plan: &Plan, position: usize, at: Timestamp, reading: &Reading) {
        for (window, asked) in self.windows.iter_mut().zip(&plan.windows) {
            if asked.position == position {
                window.put(at, reading.good().and_then(Value::as_number));
            }
        }
    }

    /// A device that answers again: points that are read less often are not yet known, but they are not at fault.
    pub(crate) fn forget_silence(&mut self) {
        for seen in self.sights.iter_mut().filter(|seen| **seen == Sight::NoAnswer) {
            *seen = Sight::NotRead;
            self.not_good -= 1;
        }
        for reading in &mut self.kept {
            if *reading == Reading::Missing(Missing::NoAnswer) {
                *reading = Reading::Missing(Missing::NotReadYet);
            }
        }
    }
}

/// A device as a compiled condition sees it.
struct Known<'state> {
    state: &'state State,
    watch: &'state Watch,
}

impl Facts for Known<'_> {
    fn point(&self, place: usize) -> Option<&Reading> {
        self.state.kept.get(*self.watch.points.get(place)?)
    }

    fn silent(&self) -> bool {
        self.state.silent
    }

    fn faulty(&self) -> i64 {
        i64::try_from(self.state.faulty()).unwrap_or(i64::MAX)
    }
}
