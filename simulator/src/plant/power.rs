//! A distribution cabinet, meter or transformer: the day's load with a little unrest, and energies that only grow.

use model::Value;

use super::{Around, Plant, demand, number, room_temperature, state, towards};
use crate::fault::FaultKind;
use crate::noise::{Drift, Noise};

/// Phase to neutral, within the 198 to 235.4 V that GB/T 12325 allows.
const PHASE_VOLTS: f64 = 222.0;
/// The demand of a meter is the mean of about so long.
const DEMAND_SECONDS: f64 = 900.0;
const WINDING_SECONDS: f64 = 1800.0;
/// A transformer's fan starts above this temperature, in °C …
const FAN_START_CELSIUS: f64 = 80.0;
/// … and stops below this one.
const FAN_STOP_CELSIUS: f64 = 70.0;

/// The state of a supply.
pub(crate) struct Power {
    noise: Noise,
    phases: [Drift; 3],
    slow: Drift,
    rated_kw: f64,
    load_kw: f64,
    demand_kw: f64,
    energy_kwh: f64,
    winding_celsius: f64,
    fan_running: bool,
    fan_hours: f64,
    lost_phase: bool,
    open: bool,
    hour: f64,
}

impl Power {
    pub(crate) fn new(mut noise: Noise) -> Self {
        let rated_kw = noise.between(90.0, 220.0);
        Self {
            phases: [Drift::over(20.0), Drift::over(25.0), Drift::over(30.0)],
            slow: Drift::over(600.0),
            rated_kw,
            load_kw: rated_kw * 0.35,
            demand_kw: rated_kw * 0.35,
            energy_kwh: noise.between(100_000.0, 900_000.0),
            winding_celsius: 55.0,
            fan_running: false,
            fan_hours: noise.between(200.0, 2000.0),
            lost_phase: false,
            open: false,
            hour: 0.0,
            noise,
        }
    }

    /// Its share of the rated load, 0 to 1.
    fn share(&self) -> f64 {
        self.load_kw / self.rated_kw
    }

    fn volts(&self, phase: usize) -> f64 {
        let lost = self.lost_phase && phase == 0;
        let drift = self.phases.get(phase).map_or(0.0, |drift| drift.around(0.0, 1.5));
        if lost {
            0.0
        } else {
            PHASE_VOLTS + drift - 2.0 * self.share()
        }
    }

    fn amperes(&self, phase: usize) -> f64 {
        if self.open || (self.lost_phase && phase == 0) {
            return 0.0;
        }
        let share = [0.335, 0.329, 0.336].get(phase).copied().unwrap_or(0.33);
        let drift = self
            .phases
            .get(phase)
            .map_or(1.0, |drift| drift.around(1.0, 0.02));
        self.load_kw * 1000.0 * share * drift / PHASE_VOLTS / self.power_factor()
    }

    /// The current that three phases of unlike load send through the neutral.
    fn neutral_amperes(&self) -> f64 {
        let [a, b, c] = [self.amperes(0), self.amperes(1), self.amperes(2)];
        (a * a + b * b + c * c - a * b - b * c - c * a).max(0.0).sqrt()
    }

    fn power_factor(&self) -> f64 {
        self.slow.around(0.95, 0.015)
    }

    fn kilowatts(&self) -> f64 {
        (0..3)
            .map(|phase| self.volts(phase) * self.amperes(phase))
            .sum::<f64>()
            * self.power_factor()
            / 1000.0
    }

    fn show_phase(&self, point: &str) -> Option<Value> {
        let (what, phase) = point.rsplit_once('_')?;
        let phase = match phase {
            "l1" | "a" => 0,
            "l2" | "b" => 1,
            "l3" | "c" => 2,
            _ => return None,
        };
        match what {
            "voltage" => number(self.volts(phase)),
            "current" => number(self.amperes(phase)),
            "busbar_temperature" => number(
                self.slow
                    .around(24.0 + 26.0 * self.share().powi(2) + phase as f64, 0.5),
            ),
            "winding_temperature" => number(self.winding_celsius + phase as f64 * 0.8),
            _ => None,
        }
    }

    fn step_transformer(&mut self, seconds: f64, around: &Around<'_>) {
        let aim = room_temperature(around.hour) + 20.0 + 45.0 * self.share().powi(2);
        self.winding_celsius += (aim - self.winding_celsius) * (1.0 - (-seconds / WINDING_SECONDS).exp());
        let limit = if self.fan_running {
            FAN_STOP_CELSIUS
        } else {
            FAN_START_CELSIUS
        };
        let able = !around.fault("fan_fault");
        self.fan_running = around.held_state("fan_running", self.winding_celsius > limit && able);
        self.fan_hours += if self.fan_running { seconds / 3600.0 } else { 0.0 };
    }
}

impl Plant for Power {
    fn step(&mut self, seconds: f64, around: &Around<'_>) {
        self.hour = around.hour;
        self.phases
            .iter_mut()
            .for_each(|drift| drift.step(seconds, &mut self.noise));
        self.slow.step(seconds, &mut self.noise);
        self.lost_phase = around.fault("phase_loss");
        self.open = !around.held_state("breaker_closed", !around.fault("breaker_trip"));
        let aim = self.rated_kw * self.slow.around(0.22 + 0.38 * demand(around.hour), 0.03);
        self.load_kw = towards(self.load_kw, aim, 2.0, seconds);
        let power = self.kilowatts();
        self.energy_kwh += power.max(0.0) * seconds / 3600.0;
        self.demand_kw += (power - self.demand_kw) * (1.0 - (-seconds / DEMAND_SECONDS).exp());
        self.step_transformer(seconds, around);
    }

    fn show(&self, point: &str) -> Option<Value> {
        let factor = self.power_factor();
        match point {
            "active_power" => number(self.kilowatts()),
            "apparent_power" => number(self.kilowatts() / factor),
            "reactive_power" => number(self.kilowatts() * (1.0 - factor * factor).sqrt() / factor),
            "power_factor" => number(factor),
            "frequency" => number(self.slow.around(50.0, 0.03)),
            "demand" => number(self.demand_kw),
            "energy" => number(self.energy_kwh),
            "harmonic_distortion" => number(self.slow.around(2.6, 0.5)),
            "neutral_current" => number(self.neutral_amperes()),
            "residual_current" => number(self.slow.around(62.0, 12.0)),
            "load_percent" => number(self.share() * 100.0),
            "core_temperature" => number(self.winding_celsius + 5.0),
            "fan_running" => state(self.fan_running),
            "fan_run_time" => number(self.fan_hours),
            "breaker_closed" => state(!self.open),
            "breaker_tripped" | "door_open" | "fan_fault" | "overtemperature_trip" => state(false),
            _ => self.show_phase(point),
        }
    }
}

/// What can go wrong with it.
pub(super) const FAULTS: &[FaultKind] = &[
    FaultKind::of("phase_loss", &["voltage_l1"], &[], "A相缺相", "Phase L1 is lost"),
    FaultKind::of(
        "breaker_trip",
        &["breaker_tripped"],
        &[("breaker_tripped", 1.0)],
        "进线断路器跳闸",
        "The incoming breaker has tripped",
    ),
    FaultKind::of(
        "busbar_hot",
        &["busbar_temperature_l2"],
        &[("busbar_temperature_l2", 104.0)],
        "B相母排过热",
        "Busbar L2 is too hot",
    ),
    FaultKind::of(
        "residual_current",
        &["residual_current"],
        &[("residual_current", 520.0)],
        "剩余电流过大",
        "The residual current is too high",
    ),
    FaultKind::of(
        "transformer_hot",
        &["winding_temperature_b"],
        &[("winding_temperature_b", 138.0), ("fan_running", 1.0)],
        "变压器B相绕组过热",
        "Winding B of the transformer is too hot",
    ),
    FaultKind::of(
        "fan_fault",
        &["fan_fault"],
        &[("fan_fault", 1.0)],
        "变压器风机故障",
        "The transformer's fan has failed",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::tests::Bench;
    use super::*;

    fn cabinet(hour: f64) -> Bench<Power> {
        let mut cabinet = Bench::new(Power::new(Noise::of("cabinet-1")), hour);
        cabinet.run(600);
        cabinet
    }

    #[test]
    fn the_evening_takes_more_power_than_the_night_and_voltages_stay_allowed() {
        let (night, evening) = (cabinet(3.0), cabinet(20.0));
        assert!(evening.number("active_power") > 1.5 * night.number("active_power"));
        for phase in ["l1", "l2", "l3"] {
            assert!((214.0..230.0).contains(&evening.number(&format!("voltage_{phase}"))));
        }
        assert!(evening.number("neutral_current") < 0.1 * evening.number("current_l1"));
    }

    #[test]
    fn energy_only_grows() {
        let mut cabinet = cabinet(12.0);
        let mut last = cabinet.number("energy");
        for _ in 0..100 {
            cabinet.run(10);
            assert!(cabinet.number("energy") > last);
            last = cabinet.number("energy");
        }
    }

    #[test]
    fn a_lost_phase_has_neither_voltage_nor_current_and_the_others_have() {
        let mut cabinet = cabinet(12.0);
        cabinet.faults.insert("phase_loss");
        cabinet.run(1);
        assert_eq!(
            (cabinet.number("voltage_l1"), cabinet.number("current_l1")),
            (0.0, 0.0)
        );
        assert!(cabinet.number("voltage_l2") > 200.0 && cabinet.number("current_l3") > 10.0);
    }

    #[test]
    fn windings_stay_well_below_their_alarm_in_normal_operation() {
        let mut transformer = cabinet(20.0);
        transformer.run(3 * 3600);
        assert!((40.0..95.0).contains(&transformer.number("winding_temperature_a")));
        assert!(transformer.number("load_percent") < 75.0);
    }
}
