//! One device that rules watch: takes its batches, and knows which of its rules must be asked again.

use std::time::Duration;

use jiff::Timestamp;
use model::{Batch, BatchOrder, Device, Missing, PointId, Reading};
use rhai::{Engine, Position};

use crate::ask::{self, Failure};
use crate::plan::Watch;
use crate::rule::{Body, Rules};
use crate::script::place;
use crate::subject::Subject;
use crate::verdict::Verdict;

/// A device of which so many polls are missing is not yet taken for silent (as the live image has it), and neither are its windows …
const BRIDGED_POLLS: u32 = 3;
/// … and so long a restart may take.
const RESTART: Duration = Duration::from_secs(5);

/// A device with the rules that watch it.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) subject: Subject,
    pub(crate) slots: Vec<Slot>,
    first_point: PointId,
    /// Where the newest batch stands.
    newest: Option<BatchOrder>,
    /// The newest time before the restart that something was recalled of.
    recalled: Option<Timestamp>,
    /// How long nothing may be read, for windows to take what was read before for what went on.
    bridged: Duration,
    /// When its windows say something else though no batch arrives.
    pub(crate) due: Option<Timestamp>,
}

/// A rule on this device.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// Which hysteresis goes on from.
    pub(crate) level: bool,
    /// What was said last.
    pub(crate) verdict: Option<Verdict>,
    /// Whether something that it reads has changed since it was asked.
    pub(crate) stale: bool,
}

impl Watched {
    pub(crate) fn new(subject: Subject, device: &Device) -> Self {
        let points = &device.profile.points;
        let rarest = subject
            .plan
            .windows
            .iter()
            .filter_map(|asked| points.get(asked.position));
        let rarest = rarest.map(|point| point.every).max().unwrap_or(1);
        let polls = device
            .interval
            .saturating_mul(rarest)
            .saturating_mul(BRIDGED_POLLS);
        let slot = Slot {
            level: false,
            verdict: None,
            stale: true,
        };
        let slots = vec![slot; subject.plan.slots.len()];
        Self {
            subject,
            slots,
            first_point: device.first_point,
            newest: None,
            recalled: None,
            bridged: polls.saturating_add(RESTART),
            due: None,
        }
    }

    /// Takes a batch. One that is not newer than what is known is not taken: it belongs to history alone.
    pub(crate) fn take(&mut self, batch: &Batch) -> bool {
        let order = batch.order();
        if self.newest.is_some_and(|newest| !order.is_newer_than(newest)) || batch.samples.is_empty() {
            return false;
        }
        if self.newest.is_some_and(|newest| order.at < newest.at) {
            // The clock was set back between the two, or the device has one of its own: how long anything has lasted is not known.
            self.forget_windows();
            self.subject.state().now = order.at;
            mark(&mut self.slots, &self.subject.plan.timed);
        }
        if self.newest.is_none() && self.recalled.is_some() && !self.follows(batch.at) {
            self.forget_windows();
        }
        self.newest = Some(order);
        self.pass_time(batch.at);
        let plan = &*self.subject.plan;
        let mut state = self.subject.state();
        let seen_before = (state.silent, state.faulty());
        let silent = batch
            .samples
            .iter()
            .all(|sample| sample.reading == Reading::Missing(Missing::NoAnswer));
        if state.silent && !silent {
            state.forget_silence();
        }
        state.silent = silent;
        for sample in &batch.samples {
            // A point of another device is beyond the table, where nothing is kept.
            let position = sample.point.0.wrapping_sub(self.first_point.0) as usize;
            if state.take(plan, position, batch.at, &sample.reading) {
                mark(&mut self.slots, plan.readers.get(position).into_iter().flatten());
            }
        }
        if seen_before != (state.silent, state.faulty()) {
            mark(&mut self.slots, &plan.sighted);
        }
        true
    }

    /// Takes into its windows what was read before a restart.
    pub(crate) fn recall<'reading>(
        &mut self,
        at: Timestamp,
        readings: impl IntoIterator<Item = (usize, &'reading Reading)>,
    ) {
        if self.newest.is_some() || self.recalled.is_some_and(|recalled| at <= recalled) {
            return;
        }
        if self.recalled.is_some() && !self.follows(at) {
            self.forget_windows();
        }
        self.recalled = Some(at);
        let plan = &*self.subject.plan;
        let mut state = self.subject.state();
        for (position, reading) in readings {
            state.recall(plan, position, at, reading);
        }
    }

    /// Whether a batch comes so soon after what was recalled that windows go on.
    fn follows(&self, at: Timestamp) -> bool {
        let since = self.recalled.map(|recalled| at.duration_since(recalled));
        since.is_some_and(|since| !since.is_negative() && since.unsigned_abs() <= self.bridged)
    }

    fn forget_windows(&mut self) {
        let mut state = self.subject.state();
        state.windows.iter_mut().for_each(crate::window::Window::gap);
    }

    /// Moves the windows' end to `now`; rules that have one are asked again once a window says something else.
    pub(crate) fn pass_time(&mut self, now: Timestamp) {
        let mut state = self.subject.state();
        state.now = state.now.max(now);
        if self.due.is_some_and(|due| due <= now) {
            mark(&mut self.slots, &self.subject.plan.timed);
        }
    }

    /// What came before is not known: windows start anew.
    pub(crate) fn gap(&mut self) {
        self.forget_windows();
        let state = self.subject.state();
        mark(&mut self.slots, &self.subject.plan.timed);
        if !self.subject.plan.timed.is_empty() {
            self.due = Some(state.now);
        }
    }

    /// The clock was set, and is `now`: how long ago anything was is not known any more, and windows start anew.
    pub(crate) fn set_clock(&mut self, now: Timestamp) {
        self.subject.state().now = now;
        self.gap();
    }

    /// When a window says something else by itself, worked out anew.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        if self.subject.plan.timed.is_empty() {
            return None;
        }
        let state = self.subject.state();
        state
            .windows
            .iter()
            .filter_map(|window| window.next_change(state.now))
            .min()
    }

    /// Asks every rule that is stale and hands on those verdicts that differ from the one before.
    pub(crate) fn judge(&mut self, rules: &Rules, mut tell: impl FnMut(&Watch, Verdict)) {
        let plan = &self.subject.plan;
        for (slot, watch) in self
            .slots
            .iter_mut()
            .zip(&plan.slots)
            .filter(|(slot, _)| slot.stale)
        {
            slot.stale = false;
            let Some(body) = rules.bodies.get(watch.rule) else {
                continue;
            };
            let known = self.subject.state().knows(watch);
            let verdict = if known {
                slot.ask(&rules.engine, body, &self.subject, rules, watch)
            } else {
                Verdict::Unknown
            };
            if !slot.has_said(&verdict) {
                slot.verdict = Some(verdict.clone());
                tell(watch, verdict);
            }
        }
    }
}

impl Slot {
    /// Whether this is what was said last. A rule that stays broken is told once, though how it fails may differ.
    fn has_said(&self, verdict: &Verdict) -> bool {
        match (&self.verdict, verdict) {
            (Some(Verdict::Broken(_)), Verdict::Broken(_)) => true,
            (said, verdict) => said.as_ref() == Some(verdict),
        }
    }

    fn ask(
        &mut self,
        engine: &Engine,
        body: &Body,
        subject: &Subject,
        rules: &Rules,
        watch: &Watch,
    ) -> Verdict {
        match ask::condition(engine, body, subject, watch, self.level) {
            Ok(holds) => {
                self.level = holds;
                if holds { Verdict::Holds } else { Verdict::Clear }
            }
            Err(failure) => Verdict::Broken(told(&failure, rules, watch)),
        }
    }
}

/// A failure with its place.
pub(crate) fn told(failure: &Failure, rules: &Rules, watch: &Watch) -> String {
    let Some(rule) = rules.get(watch.rule) else {
        return failure.text.clone();
    };
    if failure.position == Position::NONE {
        return format!("{}: {}", rule.place, failure.text);
    }
    format!("{}: {}", place(&rule.place.file, failure.position), failure.text)
}

fn mark<'slot>(slots: &mut [Slot], places: impl IntoIterator<Item = &'slot usize>) {
    for place in places {
        if let Some(slot) = slots.get_mut(*place) {
            slot.stale = true;
        }
    }
}
