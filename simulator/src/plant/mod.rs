//! How equipment behaves: one model a class, each a pure state that is stepped by seconds and shows points by their well-known names.

mod drainage;
mod elevator;
mod fire_water;
mod generic;
mod lighting;
mod lightning;
mod low_current;
mod power;
mod water_supply;

use std::collections::{BTreeMap, BTreeSet};

use model::{Profile, Value};

use crate::fault::FaultKind;
use crate::noise::Noise;

pub(crate) use generic::Generic;

/// The behaviour of one device.
pub(crate) trait Plant: Send {
    /// Lets some seconds pass.
    fn step(&mut self, seconds: f64, around: &Around<'_>);

    /// What a point of that name shows now, in the model's own unit; `None` for a name that the class doesn't know.
    fn show(&self, point: &str) -> Option<Value>;
}

/// What bears on a device from outside while it is stepped.
pub(crate) struct Around<'a> {
    /// The time of day at the site, in hours from 0 to 24.
    pub(crate) hour: f64,
    /// The names of the faults that are active.
    pub(crate) faults: &'a BTreeSet<&'static str>,
    /// The points that somebody holds at a value.
    pub(crate) held: &'a BTreeMap<String, Value>,
}

impl Around<'_> {
    /// Whether a fault is active.
    fn fault(&self, name: &str) -> bool {
        self.faults.contains(name)
    }

    /// The state that somebody holds a point in, else the one that the model would choose.
    fn held_state(&self, point: &str, otherwise: bool) -> bool {
        self.held
            .get(point)
            .and_then(Value::as_number)
            .map_or(otherwise, |number| number != 0.0)
    }
}

/// The model for a device of that profile; a class that is not known gets one that shows nothing of its own.
pub(crate) fn of(profile: &Profile, noise: Noise) -> Box<dyn Plant> {
    match profile.class.as_str() {
        "fire_water" => Box::new(fire_water::FireWater::new(noise)),
        "water_supply" => Box::new(water_supply::WaterSupply::new(noise)),
        "drainage" if profile.points.iter().any(|point| point.name.starts_with("pump_")) => {
            Box::new(drainage::Drainage::new(noise))
        }
        "drainage" => Box::new(drainage::Manhole::new(noise)),
        "power" => Box::new(power::Power::new(noise)),
        "lighting" => Box::new(lighting::Lighting::new(profile, noise)),
        "elevator" => Box::new(elevator::Elevator::new(noise)),
        "low_current" => Box::new(low_current::LowCurrent::new(noise)),
        "lightning" => Box::new(lightning::Lightning::new(noise)),
        _ => Box::new(Nothing),
    }
}

/// The faults that a class's model plays, or that show at its points.
pub(crate) fn faults_of(class: &str) -> &'static [FaultKind] {
    match class {
        "fire_water" => fire_water::FAULTS,
        "water_supply" => water_supply::FAULTS,
        "drainage" => drainage::FAULTS,
        "power" => power::FAULTS,
        "lighting" => lighting::FAULTS,
        "elevator" => elevator::FAULTS,
        "low_current" => low_current::FAULTS,
        "lightning" => lightning::FAULTS,
        _ => &[],
    }
}

/// A class without a model: every point falls back to [`Generic`].
struct Nothing;

impl Plant for Nothing {
    fn step(&mut self, _seconds: f64, _around: &Around<'_>) {}

    fn show(&self, _point: &str) -> Option<Value> {
        None
    }
}

fn number(number: f64) -> Option<Value> {
    Some(Value::Number(number))
}

fn state(state: bool) -> Option<Value> {
    Some(Value::Bool(state))
}

/// How busy the people of a house are at an hour of the day, 0 to 1: little at night, a peak in the morning, a higher one in the evening.
fn demand(hour: f64) -> f64 {
    let peak = |at: f64, width: f64| (-((hour - at) / width).powi(2)).exp();
    (0.15 + 0.55 * peak(7.5, 1.6) + 0.3 * peak(12.5, 2.0) + 0.8 * peak(20.0, 2.4)).min(1.0)
}

/// Moves a value towards another by at most `per_second` a second.
fn towards(from: f64, to: f64, per_second: f64, seconds: f64) -> f64 {
    let most = per_second * seconds;
    from + (to - from).clamp(-most, most)
}

/// The air in a plant room, in °C: warmest in the afternoon.
fn room_temperature(hour: f64) -> f64 {
    19.0 + 3.0 * ((hour - 15.0) / 24.0 * std::f64::consts::TAU).cos()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A model that is stepped by seconds, with faults and held points, at a fixed hour.
    pub(crate) struct Bench<P> {
        pub(crate) plant: P,
        pub(crate) hour: f64,
        pub(crate) faults: BTreeSet<&'static str>,
        pub(crate) held: BTreeMap<String, Value>,
    }

    impl<P: Plant> Bench<P> {
        pub(crate) fn new(plant: P, hour: f64) -> Self {
            Self {
                plant,
                hour,
                faults: BTreeSet::new(),
                held: BTreeMap::new(),
            }
        }

        pub(crate) fn run(&mut self, seconds: u32) {
            for _ in 0..seconds {
                let around = Around {
                    hour: self.hour,
                    faults: &self.faults,
                    held: &self.held,
                };
                self.plant.step(1.0, &around);
            }
        }

        pub(crate) fn number(&self, point: &str) -> f64 {
            self.plant.show(point).unwrap().as_number().unwrap()
        }

        pub(crate) fn is(&self, point: &str) -> bool {
            self.number(point) != 0.0
        }
    }

    #[test]
    fn a_house_uses_least_water_at_night_and_most_in_the_evening() {
        assert!(demand(3.0) < 0.2);
        assert!(demand(20.0) > 0.9);
        assert!(demand(7.5) > demand(10.5));
    }
}
