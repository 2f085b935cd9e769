//! One simulated device: its model, its faults, the points that somebody holds, and what all of that shows at a moment.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::{Device, Point, Profile, Value};

use crate::encode;
use crate::fault::{self, FaultKind};
use crate::noise::Noise;
use crate::plant::{self, Around, Generic, Plant};
use crate::quantity;

/// A model is stepped in pieces of at most so many seconds …
const STEP_SECONDS: f64 = 0.5;
/// … but in at most so many pieces: a device that nobody read for hours catches up in longer ones.
const MOST_STEPS: f64 = 600.0;

/// The changing part of a device.
pub(crate) struct Simulated {
    plant: Box<dyn Plant>,
    /// One for each point of the profile: what it shows if the class's model has nothing fitting.
    generic: Vec<Generic>,
    timezone: TimeZone,
    stepped: Timestamp,
    active: BTreeSet<&'static str>,
    held: BTreeMap<String, Value>,
    stuck: Option<Value>,
}

impl Simulated {
    /// A device as it is at `now`, in normal operation.
    pub(crate) fn new(device: &Device, timezone: TimeZone, now: Timestamp) -> Self {
        let profile = &device.profile;
        let generic = |point: &Point| Generic::of(point, Noise::of(&format!("{}/{}", device.id, point.name)));
        let mut simulated = Self {
            plant: plant::of(profile, Noise::of(&device.id)),
            generic: profile.points.iter().map(generic).collect(),
            timezone,
            stepped: now,
            active: BTreeSet::new(),
            held: BTreeMap::new(),
            stuck: None,
        };
        simulated.step(STEP_SECONDS, now);
        simulated
    }

    /// Whether a fault is active.
    pub(crate) fn has(&self, fault: &str) -> bool {
        self.active.contains(fault)
    }

    /// Whether somebody holds a point.
    pub(crate) fn holds(&self, point: &str) -> bool {
        self.held.contains_key(point)
    }

    /// Makes a fault active; it shows at the next read.
    pub(crate) fn inject(&mut self, profile: &Profile, fault: &FaultKind, now: Timestamp) {
        if fault.name == fault::SENSOR_STUCK && !self.has(fault.name) {
            self.stuck =
                first_number(profile).and_then(|(at, _)| self.show(profile, now).into_iter().nth(at));
        }
        self.active.insert(fault.name);
    }

    /// Ends a fault.
    pub(crate) fn clear(&mut self, fault: &str) {
        self.active.remove(fault);
    }

    /// Holds a point at a value until it is released.
    pub(crate) fn hold(&mut self, point: &Point, value: Value) {
        let value = match value {
            Value::Number(number) => of_kind(point, number),
            other => other,
        };
        self.held.insert(point.name.clone(), value);
    }

    /// Gives a point back to its model.
    pub(crate) fn release(&mut self, point: &str) {
        self.held.remove(point);
    }

    /// What every point of the profile shows at `now`, in the profile's order.
    pub(crate) fn show(&mut self, profile: &Profile, now: Timestamp) -> Vec<Value> {
        let elapsed = now.duration_since(self.stepped).as_secs_f64();
        // A clock that was set back stops the plant for a moment and no longer.
        self.step(elapsed.max(0.0), now);
        self.stepped = now;
        // Nearly always there is none, and then there is nothing to look for.
        let (mut faults, mut sensor) = (Vec::new(), None);
        if !self.active.is_empty() {
            faults.extend(fault::faults_of(profile).filter(|fault| self.has(fault.name)));
            sensor = first_number(profile).map(|(at, _)| at);
        }
        let points = profile.points.iter().zip(&self.generic).enumerate();
        points
            .map(|(at, (point, generic))| {
                let is_sensor = sensor == Some(at);
                self.held.get(&point.name).cloned().unwrap_or_else(|| {
                    self.faulty(point, is_sensor, &faults)
                        .unwrap_or_else(|| self.normal(point, generic))
                })
            })
            .collect()
    }

    fn step(&mut self, seconds: f64, now: Timestamp) {
        let time = self.timezone.to_datetime(now).time();
        let hour =
            f64::from(time.hour()) + f64::from(time.minute()) / 60.0 + f64::from(time.second()) / 3600.0;
        let around = Around {
            hour,
            faults: &self.active,
            held: &self.held,
        };
        let pieces = (seconds / STEP_SECONDS).ceil().clamp(1.0, MOST_STEPS);
        for _ in 0..pieces as u32 {
            self.plant.step(seconds / pieces, &around);
        }
        self.generic.iter_mut().for_each(|generic| generic.step(seconds));
    }

    /// What a point shows because of a fault.
    fn faulty(&self, point: &Point, is_sensor: bool, faults: &[&FaultKind]) -> Option<Value> {
        if is_sensor && self.has(fault::OUT_OF_RANGE) {
            return beyond_range(point).map(Value::Number);
        }
        if is_sensor && self.has(fault::SENSOR_STUCK) {
            return self.stuck.clone();
        }
        let shown = faults
            .iter()
            .flat_map(|fault| fault.shows)
            .find(|(name, _)| *name == point.name)?;
        Some(of_kind(point, quantity::in_unit_of(point, shown.1)))
    }

    /// What a point shows in normal operation: the model's value where it fits the profile, else a plausible one.
    fn normal(&self, point: &Point, generic: &Generic) -> Value {
        let modelled = match self.plant.show(&point.name) {
            Some(Value::Text(text)) => point.data_type.is_text().then_some(Value::Text(text)),
            Some(value) if !point.data_type.is_text() => {
                let number = quantity::in_unit_of(point, value.as_number().unwrap_or(0.0));
                let is_plausible = point
                    .range
                    .is_none_or(|range| (range.low..=range.high).contains(&number));
                is_plausible.then(|| of_kind(point, rounded(number)))
            }
            _ => None,
        };
        modelled.unwrap_or_else(|| generic.show())
    }
}

/// A number as a value of the point's kind: a state for a point that is one.
fn of_kind(point: &Point, number: f64) -> Value {
    if point.data_type.is_bool() {
        Value::Bool(number != 0.0)
    } else {
        Value::Number(number)
    }
}

/// The point that the sensor faults concern: the first number with a range that its type can leave.
fn first_number(profile: &Profile) -> Option<(usize, &Point)> {
    profile
        .points
        .iter()
        .enumerate()
        .find(|(_, point)| beyond_range(point).is_some())
}

/// A value outside the point's range that its type can show.
fn beyond_range(point: &Point) -> Option<f64> {
    if point.data_type.is_bool() || point.data_type.is_text() {
        return None;
    }
    let range = point.range?;
    let tenth = ((range.high - range.low) / 10.0).max(point.scale.factor().abs());
    [range.high + tenth, range.low - tenth]
        .into_iter()
        .find(|value| encode::is_doubtful(point, *value))
}

/// Four decimals: finer than the sensors of a plant room.
fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}
