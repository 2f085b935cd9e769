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
        Some(Value::Number(quantity::in_unit_of(point, shown.1)))
    }

    /// What a point shows in normal operation: the model's value where it fits the profile, else a plausible one.
    fn normal(&self, point: &Point, generic: &Generic) -> Value {
        let value = match self.plant.show(&point.name).unwrap_or_else(|| generic.show()) {
            Value::Number(number) => Value::Number(rounded(quantity::in_unit_of(point, number))),
            other => other,
        };
        let fits = match (&value, point.range) {
            (Value::Number(number), Some(range)) => (range.low..=range.high).contains(number),
            (Value::Text(_), _) => point.data_type.is_text(),
            _ => true,
        };
        if fits { value } else { generic.show() }
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
    let tenth = ((range.high - range.low) / 10.0).max(1.0 * point.scale.abs());
    [range.high + tenth, range.low - tenth]
        .into_iter()
        .find(|value| encode::is_doubtful(point, *value))
}

/// Four decimals: finer than the sensors of a plant room.
fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::{SignedDuration, ToSpan};
    use model::{Folder, Reading, Site};

    use super::*;

    /// What the shipped rules would find wrong: a point's lowest and highest value of normal operation.
    const NORMAL: [(&str, f64, f64); 24] = [
        ("main_pressure", 0.3, 0.9),
        ("end_pressure", 0.16, 0.9),
        ("jockey_starts_last_hour", 0.0, 11.0),
        ("tank_level", 30.0, 94.5),
        ("battery_charge", 50.0, 100.0),
        ("turbidity", 0.0, 0.8),
        ("residual_chlorine", 0.2, 1.0),
        ("ph", 6.8, 8.2),
        ("level", 0.05, 1.6),
        ("methane", 0.0, 10.0),
        ("voltage_l1", 200.0, 234.0),
        ("voltage_l2", 200.0, 234.0),
        ("voltage_l3", 200.0, 234.0),
        ("power_factor", 0.0, 0.99),
        ("busbar_temperature_l1", 5.0, 75.0),
        ("busbar_temperature_l3", 5.0, 75.0),
        ("residual_current", 0.0, 200.0),
        ("winding_temperature_c", 20.0, 100.0),
        ("load_percent", 0.0, 90.0),
        ("leakage_current", 0.0, 15.0),
        ("machine_room_temperature", 10.0, 36.0),
        ("cabinet_temperature", 5.0, 38.0),
        ("earth_resistance", 0.1, 3.0),
        ("fault_code", 0.0, 0.0),
    ];

    /// States that would open a ticket.
    const HEALTHY: [(&str, bool); 18] = [
        ("passengers_trapped", false),
        ("pump_1_fault", false),
        ("pump_2_running", false),
        ("jockey_fault", false),
        ("auto_mode", true),
        ("outlet_valve_open", true),
        ("main_supply_present", true),
        ("room_flooded", false),
        ("level_high", false),
        ("cover_open", false),
        ("breaker_tripped", false),
        ("fan_fault", false),
        ("mains_present", true),
        ("ups_fault", false),
        ("link_up", true),
        ("spd_healthy", true),
        ("earth_connected", true),
        ("overflow", false),
    ];

    fn morning() -> Timestamp {
        "2026-03-01T00:00:00Z".parse().unwrap()
    }

    fn demo() -> Site {
        model::load(&Folder::demo(), []).site
    }

    /// One device of each profile of the demo site.
    fn one_each(site: &Site) -> Vec<&Device> {
        let mut devices: Vec<&Device> = site.devices.values().collect();
        devices.sort_by(|left, right| left.profile.id.cmp(&right.profile.id));
        devices.dedup_by(|left, right| Arc::ptr_eq(&left.profile, &right.profile));
        devices
    }

    fn simulated(site: &Site, device: &Device) -> Simulated {
        Simulated::new(device, site.timezone.clone(), morning())
    }

    fn reading(point: &Point, value: &Value) -> Reading {
        match value {
            Value::Number(_) if point.data_type.is_bool() => Reading::Good(value.clone()),
            Value::Number(number) => point.reading_of_number((number - point.offset) / point.scale),
            other => Reading::Good(other.clone()),
        }
    }

    #[test]
    fn through_a_whole_day_nothing_in_the_demo_site_looks_like_a_fault() {
        let site = demo();
        assert!(one_each(&site).len() >= 15);
        for device in one_each(&site) {
            let mut simulated = simulated(&site, device);
            for minute in (0..1440).step_by(4) {
                let shown = simulated.show(&device.profile, morning() + minute.minutes());
                for (point, value) in device.profile.points.iter().zip(&shown) {
                    let told = format!("{} {} is {value:?} at minute {minute}", device.id, point.name);
                    assert!(reading(point, value).is_good(), "{told}");
                    for (name, low, high) in NORMAL.iter().filter(|normal| normal.0 == point.name) {
                        assert!(
                            (*low..=*high).contains(&value.as_number().unwrap()),
                            "{told}, beyond normal {name}"
                        );
                    }
                    let fire_only =
                        point.name != "pump_2_running" || device.profile.class.as_str() == "fire_water";
                    for (_, healthy) in HEALTHY
                        .iter()
                        .filter(|healthy| healthy.0 == point.name && fire_only)
                    {
                        assert_eq!(*value, Value::Bool(*healthy), "{told}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_fault_shows_and_what_it_shows_is_still_plausible() {
        let site = demo();
        for device in one_each(&site) {
            for kind in fault::faults_of(&device.profile) {
                if [fault::NO_ANSWER, fault::GARBLED].contains(&kind.name) {
                    continue;
                }
                let (mut normal, mut faulty) = (simulated(&site, device), simulated(&site, device));
                faulty.inject(&device.profile, kind, morning());
                let at = morning() + 90.seconds();
                let (normal, faulty) = (normal.show(&device.profile, at), faulty.show(&device.profile, at));
                assert_ne!(normal, faulty, "{} of {} shows nothing", kind.name, device.id);
                let doubtful: Vec<_> = device
                    .profile
                    .points
                    .iter()
                    .zip(&faulty)
                    .filter(|(p, v)| !reading(p, v).is_good())
                    .collect();
                assert_eq!(
                    doubtful.len(),
                    usize::from(kind.name == fault::OUT_OF_RANGE),
                    "{}: {doubtful:?}",
                    kind.name
                );
            }
        }
    }

    #[test]
    fn a_leak_takes_the_pressure_at_once_and_nothing_else() {
        let site = demo();
        for device in one_each(&site)
            .into_iter()
            .filter(|device| device.profile.class.as_str() == "fire_water")
        {
            let profile = &device.profile;
            let leak = fault::faults_of(profile)
                .find(|fault| fault.name == "main_leak")
                .unwrap();
            let (mut sound, mut leaking) = (simulated(&site, device), simulated(&site, device));
            leaking.inject(profile, leak, morning());
            let (at, _) = profile.point("main_pressure").unwrap();
            for second in 0..120 {
                let now = morning() + SignedDuration::from_secs(second);
                let mut expected = sound.show(profile, now);
                expected[at] = Value::Number(0.05);
                assert_eq!(leaking.show(profile, now), expected);
            }
            leaking.clear("main_leak");
            assert_eq!(
                leaking.show(profile, morning() + 130.seconds()),
                sound.show(profile, morning() + 130.seconds())
            );
        }
    }

    #[test]
    fn a_stuck_sensor_keeps_its_value_while_the_others_move() {
        let site = demo();
        let (_, device) = site.device_by_id("cabinet-01").unwrap();
        let mut cabinet = simulated(&site, device);
        let stuck = fault::faults_of(&device.profile)
            .find(|fault| fault.name == fault::SENSOR_STUCK)
            .unwrap();
        let before = cabinet.show(&device.profile, morning());
        cabinet.inject(&device.profile, stuck, morning());
        let after = cabinet.show(&device.profile, morning() + 60.seconds());
        assert_eq!(before[0], after[0]);
        assert_ne!(before[1], after[1]);
    }

    #[test]
    fn a_device_that_nobody_read_for_a_day_and_a_clock_that_was_set_back_do_no_harm() {
        let site = demo();
        for device in one_each(&site) {
            let mut simulated = simulated(&site, device);
            for now in [morning() + 24.hours(), morning(), morning() + 24.hours()] {
                for (point, value) in device
                    .profile
                    .points
                    .iter()
                    .zip(simulated.show(&device.profile, now))
                {
                    assert!(
                        reading(point, &value).is_good(),
                        "{} {} is {value:?}",
                        device.id,
                        point.name
                    );
                }
            }
        }
    }
}
