//! A surge protector or earth monitor: a quiet device whose counter moves only when lightning strikes.

use model::Value;

use super::{Around, Plant, number, state};
use crate::fault::FaultKind;
use crate::noise::{Drift, Noise};

const STRIKE_EVERY_SECONDS: f64 = 20.0;

/// The state of a protector.
pub(crate) struct Lightning {
    noise: Noise,
    slow: Drift,
    earth_ohms: f64,
    strikes: u32,
    last_strike_kiloamperes: f64,
    since_strike_seconds: f64,
}

impl Lightning {
    pub(crate) fn new(mut noise: Noise) -> Self {
        Self {
            slow: Drift::over(900.0),
            earth_ohms: noise.between(0.7, 1.6),
            strikes: noise.whole(3, 60).unsigned_abs(),
            last_strike_kiloamperes: noise.between(3.0, 18.0),
            since_strike_seconds: STRIKE_EVERY_SECONDS,
            noise,
        }
    }

    /// In a storm the first strike comes at once, and another each twenty seconds.
    fn step_storm(&mut self, seconds: f64, storm: bool) {
        self.since_strike_seconds += seconds;
        if storm && self.since_strike_seconds >= STRIKE_EVERY_SECONDS {
            self.since_strike_seconds = 0.0;
            self.strikes = self.strikes.saturating_add(1);
            self.last_strike_kiloamperes = self.noise.between(5.0, 40.0);
        }
    }
}

impl Plant for Lightning {
    fn step(&mut self, seconds: f64, around: &Around<'_>) {
        self.slow.step(seconds, &mut self.noise);
        self.step_storm(seconds, around.fault("storm"));
    }

    fn show(&self, point: &str) -> Option<Value> {
        match point {
            "spd_healthy" | "backup_breaker_closed" | "earth_connected" => state(true),
            "strike_count" => number(f64::from(self.strikes)),
            "last_strike_current" => number(self.last_strike_kiloamperes),
            "leakage_current_l1" | "leakage_current_l2" | "leakage_current_l3" => {
                number(self.slow.around(18.0, 4.0))
            }
            "spd_temperature" => number(self.slow.around(27.0, 2.0)),
            "life_left" => number(92.0),
            "earth_resistance" => number(self.slow.around(self.earth_ohms, 0.08)),
            "earth_voltage" => number(self.slow.around(0.8, 0.2)),
            "loop_current" => number(self.slow.around(35.0, 6.0).round()),
            "soil_temperature" => number(self.slow.around(14.0, 0.6)),
            "soil_humidity" => number(self.slow.around(42.0, 3.0)),
            _ => None,
        }
    }
}

/// What can go wrong with it.
pub(super) const FAULTS: &[FaultKind] = &[
    FaultKind::of(
        "spd_failed",
        &["spd_healthy"],
        &[("spd_healthy", 0.0), ("life_left", 0.0)],
        "浪涌保护器失效",
        "The surge protector has failed",
    ),
    FaultKind::of(
        "earth_high",
        &["earth_resistance"],
        &[("earth_resistance", 9.5)],
        "接地电阻过大",
        "The earth resistance is too high",
    ),
    FaultKind::of(
        "storm",
        &["strike_count"],
        &[],
        "雷暴,雷击计数增加",
        "A thunderstorm: strikes are counted",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::tests::Bench;
    use super::*;

    #[test]
    fn strikes_are_counted_in_a_storm_and_only_then() {
        let mut protector = Bench::new(Lightning::new(Noise::of("spd-1")), 10.0);
        let before = protector.number("strike_count");
        protector.run(3600);
        assert_eq!(protector.number("strike_count"), before);
        protector.faults.insert("storm");
        protector.run(1);
        assert_eq!(protector.number("strike_count"), before + 1.0);
        protector.run(60);
        assert_eq!(protector.number("strike_count"), before + 4.0);
    }
}
