//! What a device of one profile needs to be judged: its points by name, which rules read which of them, and which windows they
//! ask for. Devices of one profile share one plan.

use std::collections::HashMap;
use std::time::Duration;

use model::{DenseId, Profile};

use crate::reads::Reads;
use crate::rule::Rules;
use crate::{RuleIndex, rule::Body};

/// The plan of a profile.
#[derive(Debug)]
pub(crate) struct Plan {
    /// A point's position in the profile, by its name.
    pub(crate) positions: HashMap<String, usize>,
    /// By position: the place at which the newest reading is kept; none for a point that no rule reads.
    pub(crate) places: Vec<Option<usize>>,
    /// How many are kept.
    pub(crate) kept: usize,
    /// The rules that watch such devices.
    pub(crate) slots: Vec<Watch>,
    /// For each point: the slots whose condition reads it.
    pub(crate) readers: Vec<Vec<usize>>,
    /// The windows that rules ask for.
    pub(crate) windows: Vec<Asked>,
    /// The slots whose condition has a window.
    pub(crate) timed: Vec<usize>,
    /// The slots that ask whether the device is silent or faulty.
    pub(crate) sighted: Vec<usize>,
}

/// A rule that watches devices of the profile.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Which rule.
    pub(crate) rule: RuleIndex,
    /// Where the readings are kept that must be good, in the order in which the condition's points are known.
    pub(crate) points: Vec<usize>,
    /// The windows that must be full, by their place in the plan.
    pub(crate) windows: Vec<usize>,
}

/// A window that rules ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The point's position.
    pub(crate) position: usize,
    /// How long.
    pub(crate) length: Duration,
}

impl Plan {
    /// The plan of a profile under all the rules of a site.
    pub(crate) fn new(profile: &Profile, rules: &Rules) -> Self {
        let mut plan = Self::bare(profile);
        for (rule, body) in rules
            .bodies
            .iter()
            .filter(|(_, body)| body.profiles.contains(&profile.id))
        {
            plan.watch(rule, body);
        }
        plan
    }

    /// The plan of a profile under one rule that is still being checked.
    pub(crate) fn for_trial(profile: &Profile, body: &Body) -> Self {
        let mut plan = Self::bare(profile);
        plan.watch(RuleIndex::at(0), body);
        plan
    }

    fn bare(profile: &Profile) -> Self {
        let names = profile
            .points
            .iter()
            .enumerate()
            .map(|(position, point)| (point.name.clone(), position));
        Self {
            positions: names.collect(),
            places: vec![None; profile.points.len()],
            kept: 0,
            slots: Vec::new(),
            readers: vec![Vec::new(); profile.points.len()],
            windows: Vec::new(),
            timed: Vec::new(),
            sighted: Vec::new(),
        }
    }

    fn watch(&mut self, rule: RuleIndex, body: &Body) {
        let slot = self.slots.len();
        let positions = self.positions_of(&body.condition);
        for position in &positions {
            if let Some(readers) = self.readers.get_mut(*position) {
                readers.push(slot);
            }
        }
        let points = self.keep(&positions);
        self.keep(&self.positions_of(&body.summary));
        let windows = self.windows_of(&body.condition);
        if !windows.is_empty() {
            self.timed.push(slot);
        }
        if body.condition.sight {
            self.sighted.push(slot);
        }
        self.windows_of(&body.summary);
        self.slots.push(Watch {
            rule,
            points,
            windows,
        });
    }

    fn positions_of(&self, reads: &Reads) -> Vec<usize> {
        reads
            .points
            .iter()
            .filter_map(|(name, _)| self.positions.get(name).copied())
            .collect()
    }

    /// The places of points' readings, which are kept from now on.
    fn keep(&mut self, positions: &[usize]) -> Vec<usize> {
        let mut places = Vec::new();
        for position in positions {
            if let Some(place) = self.places.get_mut(*position) {
                places.push(*place.get_or_insert(self.kept));
                self.kept = self.kept.max(places.last().map_or(0, |place| place + 1));
            }
        }
        places
    }

    /// The places of the windows in the plan, which they are added to.
    fn windows_of(&mut self, reads: &Reads) -> Vec<usize> {
        let mut places = Vec::new();
        for (name, length) in &reads.windows {
            let Some(position) = self.positions.get(name).copied() else {
                continue;
            };
            let asked = Asked {
                position,
                length: *length,
            };
            let place = self
                .windows
                .iter()
                .position(|known| *known == asked)
                .unwrap_or_else(|| {
                    self.windows.push(asked);
                    self.windows.len() - 1
                });
            places.push(place);
        }
        places
    }
}
