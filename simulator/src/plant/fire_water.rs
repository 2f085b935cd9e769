//! A fire main, tank or riser: pressure bleeds off until the jockey pump restores it, and the tank stands nearly full.

use model::Value;

use super::{Around, Plant, number, room_temperature, state};
use crate::fault::FaultKind;
use crate::noise::{Drift, Noise};

/// The jockey pump starts below this pressure, in MPa …
const JOCKEY_START_MPA: f64 = 0.42;
/// … and stops above this one.
const JOCKEY_STOP_MPA: f64 = 0.50;
/// From the main to the highest outlet, in MPa.
const HEAD_TO_END_MPA: f64 = 0.14;
/// The tank is refilled below this level, in percent …
const REFILL_PERCENT: f64 = 88.0;
/// … up to this one.
const FULL_PERCENT: f64 = 94.0;
const TANK_CUBIC_METRES: f64 = 18.0;
const HOUR_SECONDS: f64 = 3600.0;

/// The state of a fire main or tank.
pub(crate) struct FireWater {
    noise: Noise,
    unrest: Drift,
    pressure_mpa: f64,
    jockey_running: bool,
    jockey_starts: u32,
    /// Seconds since each start within the last hour; at most a few dozen, for a cycle takes minutes.
    recent_starts: Vec<f64>,
    level_percent: f64,
    refilling: bool,
    room_celsius: f64,
    battery_percent: f64,
}

impl FireWater {
    pub(crate) fn new(mut noise: Noise) -> Self {
        Self {
            unrest: Drift::over(20.0),
            pressure_mpa: noise.between(0.44, 0.49),
            jockey_running: false,
            jockey_starts: noise.whole(2_000, 9_000).unsigned_abs(),
            recent_starts: vec![noise.between(600.0, 1100.0)],
            level_percent: noise.between(REFILL_PERCENT + 0.5, FULL_PERCENT - 0.5),
            refilling: false,
            room_celsius: 19.0,
            battery_percent: noise.between(78.0, 96.0),
            noise,
        }
    }

    fn step_jockey(&mut self, seconds: f64, around: &Around<'_>) {
        let wants = match self.jockey_running {
            true => self.pressure_mpa < JOCKEY_STOP_MPA,
            false => self.pressure_mpa < JOCKEY_START_MPA,
        };
        let runs = around.held_state("jockey_running", wants && !around.fault("jockey_fault"));
        if runs && !self.jockey_running {
            self.jockey_starts = self.jockey_starts.saturating_add(1);
            self.recent_starts.push(0.0);
        }
        self.jockey_running = runs;
        // A slow bleed of about a start every twenty minutes; a leaking joint makes it eight times that.
        let bleed = if around.fault("jockey_cycling") {
            0.000_55
        } else {
            0.000_068
        };
        let pushed = if runs { 0.004 } else { 0.0 };
        self.pressure_mpa = (self.pressure_mpa + (pushed - bleed) * seconds).clamp(0.2, 0.55);
        self.recent_starts.iter_mut().for_each(|age| *age += seconds);
        self.recent_starts.retain(|age| *age < HOUR_SECONDS);
    }

    fn step_tank(&mut self, seconds: f64, around: &Around<'_>) {
        let wants = if self.refilling {
            self.level_percent < FULL_PERCENT
        } else {
            self.level_percent < REFILL_PERCENT
        };
        self.refilling = around.held_state("inlet_valve_open", wants);
        let inflow = if self.refilling { 0.05 } else { 0.0 };
        self.level_percent = (self.level_percent + (inflow - 0.000_8) * seconds).clamp(0.0, 105.0);
    }
}

impl Plant for FireWater {
    fn step(&mut self, seconds: f64, around: &Around<'_>) {
        self.unrest.step(seconds, &mut self.noise);
        self.step_jockey(seconds, around);
        self.step_tank(seconds, around);
        self.room_celsius = self.unrest.around(room_temperature(around.hour), 0.4);
        self.battery_percent = (self.battery_percent - seconds * 2e-7).max(60.0);
    }

    fn show(&self, point: &str) -> Option<Value> {
        let pressure = self.unrest.around(self.pressure_mpa, 0.003);
        match point {
            "main_pressure" => number(pressure),
            "end_pressure" => number(pressure - HEAD_TO_END_MPA),
            "flow" => number(0.0),
            "jockey_starts" => number(f64::from(self.jockey_starts)),
            "jockey_starts_last_hour" => number(self.recent_starts.len() as f64),
            "jockey_running" => state(self.jockey_running),
            "jockey_start_pressure" => number(JOCKEY_START_MPA),
            "jockey_stop_pressure" => number(JOCKEY_STOP_MPA),
            "tank_level" => number(self.level_percent),
            "tank_volume" => number(self.level_percent / 100.0 * TANK_CUBIC_METRES),
            "inlet_valve_open" => state(self.refilling),
            "outlet_valve_open" | "auto_mode" | "main_supply_present" | "backup_supply_present" => {
                state(true)
            }
            "overflow" | "start_command" | "room_flooded" | "flow_detected" | "cover_open" | "tilted" => {
                state(false)
            }
            "pump_1_running" | "pump_2_running" | "pump_running" => state(false),
            "pump_1_fault" | "pump_2_fault" | "pump_fault" | "jockey_fault" => state(false),
            "room_temperature" | "ambient_temperature" => number(self.room_celsius),
            "water_temperature" => number(self.room_celsius - 3.0),
            "battery_charge" => number(self.battery_percent),
            "battery_voltage" => number(3.2 + self.battery_percent / 250.0),
            "signal_strength" => number(self.unrest.around(-84.0, 4.0)),
            _ => None,
        }
    }
}

/// What can go wrong with it.
pub(super) const FAULTS: &[FaultKind] = &[
    FaultKind::of(
        "main_leak",
        &[],
        &[("main_pressure", 0.05)],
        "消防主管爆管,压力骤降",
        "The fire main has burst and lost its pressure",
    ),
    FaultKind::of(
        "pump_fault",
        &["pump_1_fault"],
        &[("pump_1_fault", 1.0)],
        "1号消防泵故障",
        "Fire pump 1 reports a fault",
    ),
    FaultKind::of(
        "not_auto",
        &["auto_mode"],
        &[("auto_mode", 0.0)],
        "消防泵控制柜处于手动",
        "The fire pumps are switched to manual",
    ),
    FaultKind::of(
        "start_failed",
        &["start_command"],
        &[("start_command", 1.0)],
        "启泵命令发出后消防泵未启动",
        "The fire pump was told to start and does not run",
    ),
    FaultKind::of(
        "jockey_fault",
        &["jockey_fault"],
        &[("jockey_fault", 1.0)],
        "稳压泵故障",
        "The jockey pump reports a fault",
    ),
    FaultKind::of(
        "jockey_cycling",
        &["jockey_starts_last_hour"],
        &[("jockey_starts_last_hour", 24.0)],
        "稳压泵启动频繁",
        "The jockey pump starts too often",
    ),
    FaultKind::of(
        "tank_low",
        &["tank_level"],
        &[("tank_level", 55.0)],
        "消防水箱液位低",
        "The fire tank is low",
    ),
    FaultKind::of(
        "supply_lost",
        &["main_supply_present"],
        &[("main_supply_present", 0.0)],
        "消防主电源失电",
        "The fire pumps have lost their main supply",
    ),
    FaultKind::of(
        "room_flooded",
        &["room_flooded"],
        &[("room_flooded", 1.0)],
        "消防泵房进水",
        "The fire pump room is flooded",
    ),
    FaultKind::of(
        "battery_low",
        &["battery_charge"],
        &[("battery_charge", 12.0)],
        "终端电池电量低",
        "The terminal's battery is low",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::tests::Bench;
    use super::*;

    fn main() -> Bench<FireWater> {
        Bench::new(FireWater::new(Noise::of("fire-main-1")), 10.0)
    }

    #[test]
    fn the_jockey_pump_keeps_the_main_between_its_two_pressures() {
        let mut main = main();
        let starts = main.number("jockey_starts");
        for _ in 0..360 {
            main.run(30);
            assert!((0.41..0.51).contains(&main.number("main_pressure")));
            assert!(main.number("end_pressure") > 0.26);
            assert!(main.number("jockey_starts_last_hour") <= 5.0);
        }
        let started = main.number("jockey_starts") - starts;
        assert!((6.0..=15.0).contains(&started), "{started} starts in three hours");
    }

    #[test]
    fn a_leaking_joint_makes_the_jockey_pump_start_again_and_again() {
        let mut main = main();
        main.faults.insert("jockey_cycling");
        main.run(3600);
        assert!(main.number("jockey_starts_last_hour") > 15.0);
        assert!(main.number("main_pressure") > 0.4);
    }

    #[test]
    fn the_tank_is_refilled_before_it_is_low() {
        let mut main = main();
        for _ in 0..200 {
            main.run(300);
            assert!((87.0..95.0).contains(&main.number("tank_level")));
        }
    }
}
