//! What a script is handed as `d`: the device that a rule is asked about, as it was last read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use model::{Missing, Reading, Value};

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
    /// The newest reading of each point, in the profile's order.
    pub(crate) readings: Vec<Reading>,
    /// As the plan numbers them.
    pub(crate) windows: Vec<Window>,
    /// Whether the newest batch was all silence.
    pub(crate) silent: bool,
    /// How many points are not good although the device answers.
    pub(crate) faulty: usize,
    /// Until when the windows reach.
    pub(crate) now: Timestamp,
    /// Whether a summary is being told, which shows what is not known as a dash.
    pub(crate) telling: bool,
    /// Whether that summary met something that is not known.
    pub(crate) dashed: bool,
}

impl Subject {
    /// A device of which nothing was read yet.
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let state = State {
            readings: vec![Reading::Missing(Missing::NotReadYet); plan.readers.len()],
            windows: plan
                .windows
                .iter()
                .map(|asked| Window::new(asked.length))
                .collect(),
            silent: false,
            faulty: 0,
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
        let good = |position: &usize| self.readings.get(*position).is_some_and(Reading::is_good);
        let full = |place: &usize| {
            self.windows
                .get(*place)
                .is_some_and(|window| window.is_full(self.now))
        };
        watch.points.iter().all(good) && watch.windows.iter().all(full)
    }

    /// Counts the points that are not good. Points that were not read yet since the device last began to answer don't count.
    pub(crate) fn count_faulty(&self) -> usize {
        let faulty =
            |reading: &&Reading| !reading.is_good() && **reading != Reading::Missing(Missing::NotReadYet);
        if self.silent {
            0
        } else {
            self.readings.iter().filter(faulty).count()
        }
    }

    /// Takes a point's reading, into its windows too, and says whether it differs from the one before.
    pub(crate) fn take(&mut self, plan: &Plan, position: usize, at: Timestamp, reading: &Reading) -> bool {
        let value = reading.good().and_then(Value::as_number);
        for (window, asked) in self.windows.iter_mut().zip(&plan.windows) {
            if asked.position == position {
                window.put(at, value);
            }
        }
        match self.readings.get_mut(position) {
            Some(known) if known != reading => {
                known.clone_from(reading);
                true
            }
            _ => false,
        }
    }
}
