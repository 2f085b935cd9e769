//! A lighting circuit or lamp controller: lit from six in the evening to six in the morning, dimmed late at night.

use model::{Profile, Value};

use super::{Around, Plant, number, room_temperature, state};
use crate::fault::FaultKind;
use crate::noise::{Drift, Noise};

/// Lamps are switched on at this hour of the day …
const ON_HOUR: f64 = 18.0;
/// … and off at this one.
const OFF_HOUR: f64 = 6.0;
/// From this hour on they are dimmed.
const DIM_HOUR: f64 = 23.0;
/// A lamp test goes on for so long after its fault was mended, so that the mended lamps are seen.
const TEST_SECONDS: f64 = 120.0;
const LAMP_KILOWATTS: f64 = 0.06;
const VOLTS: f64 = 224.0;

/// The state of a circuit.
pub(crate) struct Lighting {
    noise: Noise,
    unrest: Drift,
    total: u32,
    lit: u32,
    commanded: bool,
    closed: bool,
    testing_seconds: f64,
    dimming_percent: f64,
    energy_kwh: f64,
    run_hours: f64,
    hour: f64,
}

impl Lighting {
    pub(crate) fn new(profile: &Profile, mut noise: Noise) -> Self {
        let most = profile
            .point("lamps_total")
            .and_then(|(_, point)| point.range)
            .map_or(60.0, |range| range.high);
        let total = if most < 48.0 {
            noise.whole(2, 4)
        } else {
            noise.whole(24, 48)
        };
        Self {
            unrest: Drift::over(40.0),
            total: total.unsigned_abs(),
            lit: 0,
            commanded: false,
            closed: false,
            testing_seconds: 0.0,
            dimming_percent: 0.0,
            energy_kwh: noise.between(500.0, 20_000.0),
            run_hours: noise.between(2_000.0, 9_000.0),
            hour: 12.0,
            noise,
        }
    }

    fn kilowatts(&self) -> f64 {
        f64::from(self.lit) * LAMP_KILOWATTS * self.dimming_percent / 100.0 * self.unrest.around(1.0, 0.01)
    }

    fn power_factor(&self) -> f64 {
        if self.lit > 0 {
            self.unrest.around(0.95, 0.01)
        } else {
            0.0
        }
    }

    fn amperes(&self) -> f64 {
        if self.lit == 0 {
            0.0
        } else {
            self.kilowatts() * 1000.0 / VOLTS / self.power_factor()
        }
    }

    /// Daylight in lux, and the glow of the town at night.
    fn lux(&self) -> f64 {
        let height = ((self.hour - 6.0) / 12.0 * std::f64::consts::PI).sin();
        12.0 + if (6.0..18.0).contains(&self.hour) {
            30_000.0 * height.max(0.0)
        } else {
            0.0
        }
    }
}

/// Whether the schedule wants light at an hour of the day.
fn is_lit_at(hour: f64) -> bool {
    !(OFF_HOUR..ON_HOUR).contains(&hour)
}

impl Plant for Lighting {
    fn step(&mut self, seconds: f64, around: &Around<'_>) {
        self.hour = around.hour;
        self.unrest.step(seconds, &mut self.noise);
        // A dead lamp shows only while it should be lit, so its fault comes with a lamp test.
        let broken = around.fault("lamp_failure") || around.fault("circuit_dark");
        self.testing_seconds = if broken {
            TEST_SECONDS
        } else {
            (self.testing_seconds - seconds).max(0.0)
        };
        let wanted = is_lit_at(around.hour) || self.testing_seconds > 0.0;
        self.commanded = around.held_state("commanded_on", wanted);
        self.closed = around.held_state(
            "contactor_closed",
            self.commanded && !around.fault("circuit_dark"),
        );
        let dead = if around.fault("lamp_failure") {
            (self.total / 10).max(1)
        } else {
            0
        };
        self.lit = if self.closed {
            self.total.saturating_sub(dead)
        } else {
            0
        };
        let late = (DIM_HOUR..24.0).contains(&around.hour) || around.hour < OFF_HOUR;
        self.dimming_percent = match (self.closed, late) {
            (false, _) => 0.0,
            (true, true) => 60.0,
            (true, false) => 100.0,
        };
        self.energy_kwh += self.kilowatts() * seconds / 3600.0;
        self.run_hours += if self.lit > 0 { seconds / 3600.0 } else { 0.0 };
    }

    fn show(&self, point: &str) -> Option<Value> {
        match point {
            "commanded_on" => state(self.commanded),
            "contactor_closed" => state(self.closed),
            "lamps_total" => number(f64::from(self.total)),
            "lamps_lit" => number(f64::from(self.lit)),
            "dimming" => number(self.dimming_percent),
            "voltage" => number(self.unrest.around(VOLTS, 1.5)),
            "current" => number(self.amperes()),
            "active_power" => number(self.kilowatts()),
            "power_factor" => number(self.power_factor()),
            "energy" => number(self.energy_kwh),
            "run_time" => number(self.run_hours),
            "illuminance" => number(self.lux()),
            "lamp_temperature" => number(self.unrest.around(22.0 + self.dimming_percent * 0.2, 1.0)),
            "cabinet_temperature" => number(self.unrest.around(room_temperature(self.hour) + 4.0, 0.5)),
            "leakage_current" => number(self.unrest.around(1.2, 0.3)),
            "signal_strength" => number(self.unrest.around(-79.0, 4.0)),
            "manual_mode" | "breaker_tripped" | "door_open" => state(false),
            _ => None,
        }
    }
}

/// What can go wrong with it.
pub(super) const FAULTS: &[FaultKind] = &[
    FaultKind::of(
        "lamp_failure",
        &["lamps_lit", "lamps_total"],
        &[],
        "部分灯具不亮(同时开灯测试)",
        "Some lamps are dead (the circuit is switched on for a test)",
    ),
    FaultKind::of(
        "circuit_dark",
        &["contactor_closed"],
        &[],
        "接触器未吸合,整路不亮(同时开灯测试)",
        "The contactor does not close and the circuit is dark (it is switched on for a test)",
    ),
    FaultKind::of(
        "leakage",
        &["leakage_current"],
        &[("leakage_current", 45.0)],
        "灯杆漏电",
        "The lamp post leaks current",
    ),
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Class, ModbusLimits, Text};

    use super::super::tests::Bench;
    use super::*;

    fn circuit(hour: f64) -> Bench<Lighting> {
        let profile = Profile {
            id: "lighting-circuit".into(),
            class: Class(Arc::from("lighting")),
            name: Text::default(),
            mqtt: model::MqttForm::default(),
            modbus: ModbusLimits::default(),
            points: Vec::new(),
        };
        let mut circuit = Bench::new(Lighting::new(&profile, Noise::of("circuit-1")), hour);
        circuit.run(1);
        circuit
    }

    #[test]
    fn every_lamp_is_lit_from_six_to_six_and_none_by_day() {
        for (hour, lit) in [
            (17.99, false),
            (18.0, true),
            (23.5, true),
            (0.0, true),
            (5.99, true),
            (6.0, false),
        ] {
            let circuit = circuit(hour);
            assert_eq!(circuit.is("commanded_on"), lit, "at {hour}");
            let expected = if lit { circuit.number("lamps_total") } else { 0.0 };
            assert_eq!(circuit.number("lamps_lit"), expected, "at {hour}");
            assert_eq!(circuit.number("current") > 0.5, lit, "at {hour}");
        }
    }

    #[test]
    fn a_dead_lamp_is_seen_by_day_too() {
        let mut circuit = circuit(12.0);
        circuit.faults.insert("lamp_failure");
        circuit.run(1);
        assert!(circuit.is("commanded_on"));
        assert!(circuit.number("lamps_lit") < circuit.number("lamps_total"));
        assert!(circuit.number("lamps_lit") > 0.0);
        circuit.faults.clear();
        circuit.run(60);
        assert!(circuit.is("commanded_on"));
        assert_eq!(circuit.number("lamps_lit"), circuit.number("lamps_total"));
        circuit.run(61);
        assert!(!circuit.is("commanded_on"));
    }

    #[test]
    fn energy_grows_by_night_and_stands_still_by_day() {
        let (mut night, mut day) = (circuit(20.0), circuit(12.0));
        let before = (night.number("energy"), day.number("energy"));
        night.run(600);
        day.run(600);
        assert!(night.number("energy") > before.0);
        assert_eq!(day.number("energy"), before.1);
    }
}
