//! Judges a site's devices as their batches arrive, and tells each verdict that differs from the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{Batch, DenseId, DeviceIndex, Reading, Site, Text};

use crate::plan::Plan;
use crate::subject::Subject;
use crate::verdict::Judgement;
use crate::watched::{Watched, told};
use crate::{RuleIndex, Rules, ask};

/// So many complaints about summaries are kept until they are fetched; later ones are dropped.
const MOST_COMPLAINTS: usize = 100;

/// What the windows of a device look back on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LooksBack {
    /// Which device.
    pub device: DeviceIndex,
    /// Its points that have windows, by their positions in the profile.
    pub points: Vec<usize>,
    /// The longest of the windows.
    pub length: Duration,
}

/// Judges devices: batches in, changed verdicts out.
#[derive(Debug)]
pub struct Judge {
    rules: Arc<Rules>,
    /// By the device's number; none for those that no rule watches.
    devices: Vec<Option<Watched>>,
    /// Devices whose windows say something else at a time, in the order of times.
    due: BTreeSet<(Timestamp, DeviceIndex)>,
    complaints: Vec<String>,
}

impl Judge {
    /// A judge who has seen nothing yet. Devices out of service are never judged.
    pub fn new(rules: Arc<Rules>, site: Arc<Site>) -> Self {
        let plans: BTreeMap<&str, Arc<Plan>> = site
            .profiles
            .iter()
            .map(|(id, profile)| (id.as_str(), Arc::new(Plan::new(profile, &rules))))
            .collect();
        let watched = |index: DeviceIndex| {
            let device = site.devices.get(index).filter(|device| device.in_service)?;
            let plan = plans
                .get(device.profile.id.as_str())
                .filter(|plan| !plan.slots.is_empty())?;
            Some(Watched::new(Subject::new(Arc::clone(plan)), device))
        };
        let devices = site.devices.ids().map(watched).collect();
        Self {
            rules,
            devices,
            due: BTreeSet::new(),
            complaints: Vec::new(),
        }
    }

    /// After a restart: what the condition was when it was last known, for hysteresis to go on from. The first verdict is told
    /// all the same. A rule that does not watch the device is left alone.
    pub fn seed(&mut self, rule: RuleIndex, device: DeviceIndex, holds: bool) {
        let Some(watched) = self.watched(device) else {
            return;
        };
        let plan = Arc::clone(&watched.subject.plan);
        for (slot, _) in watched
            .slots
            .iter_mut()
            .zip(&plan.slots)
            .filter(|(_, watch)| watch.rule == rule)
        {
            slot.level = holds;
        }
    }

    /// What windows look back on, of each device that has any.
    pub fn looks_back(&self) -> Vec<LooksBack> {
        let watched = self.devices.iter().enumerate();
        watched
            .filter_map(|(position, watched)| {
                let windows = &watched.as_ref()?.subject.plan.windows;
                let points: BTreeSet<usize> = windows.iter().map(|asked| asked.position).collect();
                Some(LooksBack {
                    device: DeviceIndex::at(position),
                    points: points.into_iter().collect(),
                    length: windows.iter().map(|asked| asked.length).max()?,
                })
            })
            .collect()
    }

    /// After a restart: what a device said before it, by the points' positions in the profile, in the order of times. It fills windows
    /// and says nothing of levels. Where nothing was read for longer than a restart takes, windows have a gap, now and at the first batch.
    pub fn recall<'reading>(
        &mut self,
        device: DeviceIndex,
        at: Timestamp,
        readings: impl IntoIterator<Item = (usize, &'reading Reading)>,
    ) {
        if let Some(watched) = self.watched(device) {
            watched.recall(at, readings);
        }
    }

    /// Takes a device's batch and asks the rules that read what has changed. A batch not newer than the one before is ignored.
    pub fn take(&mut self, batch: &Batch) -> Vec<Judgement> {
        let taken = self
            .watched(batch.device)
            .is_some_and(|watched| watched.take(batch));
        if taken {
            self.judge(batch.device, batch.at)
        } else {
            Vec::new()
        }
    }

    /// When a window says something else though no batch arrives; `None` while nothing waits for time to pass.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Asks the rules whose windows say something else by `now`.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Judgement> {
        let mut judgements = Vec::new();
        // Those that are due now; each gets its next time, later than now, when it is judged.
        let due: Vec<DeviceIndex> = self
            .due
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, device)| *device)
            .collect();
        for device in due {
            if let Some(watched) = self.watched(device) {
                watched.pass_time(now);
                judgements.extend(self.judge(device, now));
            }
        }
        judgements
    }

    /// Batches of the device were lost: its windows are unknown from here until they are full again.
    pub fn gap(&mut self, device: DeviceIndex) {
        let Some(watched) = self.watched(device) else {
            return;
        };
        let before = watched.due;
        watched.gap();
        let after = watched.due;
        self.reschedule(device, before, after);
    }

    /// The system's clock was set, and is `now`: every window starts anew, since nobody knows how long it has lasted.
    pub fn set_clock(&mut self, now: Timestamp) {
        for position in 0..self.devices.len() {
            let device = DeviceIndex::at(position);
            let Some(watched) = self.watched(device) else {
                continue;
            };
            let before = watched.due;
            watched.set_clock(now);
            let after = watched.due;
            self.reschedule(device, before, after);
        }
    }

    /// What the rule says of the device to people, from its newest readings; what is not known is a dash. A summary that fails
    /// is the rule's id, and a complaint.
    pub fn summary(&mut self, rule: RuleIndex, device: DeviceIndex) -> Text {
        let rules = Arc::clone(&self.rules);
        let id = rules.get(rule).map_or("", |rule| rule.id.as_str());
        let fallback = Text::new(id, id);
        let (Some(body), Some(watched)) = (rules.bodies.get(rule), self.watched(device)) else {
            return fallback;
        };
        let subject = watched.subject.clone();
        let Some(watch) = subject.plan.slots.iter().find(|watch| watch.rule == rule) else {
            return fallback;
        };
        subject.state().telling = true;
        let said = ask::summary(&rules.engine, body, &subject);
        let mut state = subject.state();
        state.telling = false;
        // A summary that reckons with what is not known may fail; nobody has to mend that.
        let excused = std::mem::take(&mut state.dashed);
        drop(state);
        said.unwrap_or_else(|failure| {
            if !excused && self.complaints.len() < MOST_COMPLAINTS {
                self.complaints.push(told(&failure, &rules, watch));
            }
            fallback
        })
    }

    /// The summaries that failed since this was asked last, each with its place, at most a hundred.
    pub fn complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }

    fn watched(&mut self, device: DeviceIndex) -> Option<&mut Watched> {
        self.devices.get_mut(device.position())?.as_mut()
    }

    fn judge(&mut self, device: DeviceIndex, at: Timestamp) -> Vec<Judgement> {
        let rules = Arc::clone(&self.rules);
        let Some(watched) = self.watched(device) else {
            return Vec::new();
        };
        let mut judgements = Vec::new();
        watched.judge(&rules, |watch, verdict| {
            judgements.push(Judgement {
                rule: watch.rule,
                device,
                at,
                verdict,
            });
        });
        let before = watched.due;
        let after = watched.next_due();
        watched.due = after;
        self.reschedule(device, before, after);
        judgements
    }

    fn reschedule(&mut self, device: DeviceIndex, before: Option<Timestamp>, after: Option<Timestamp>) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.due.remove(&(before, device));
        }
        if let Some(after) = after {
            self.due.insert((after, device));
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod window_tests;
