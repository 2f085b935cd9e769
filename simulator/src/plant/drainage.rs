//! A sump that fills by itself and is emptied by two pumps in turn, and a manhole that follows the day.

use model::Value;

use super::{Around, Plant, demand, number, state, towards};
use crate::fault::FaultKind;
use crate::noise::{Drift, Noise};

/// A pump starts above this level, in metres …
const START_METRES: f64 = 1.2;
/// … and stops below this one.
const STOP_METRES: f64 = 0.4;
/// Both pumps run above this level, until it is passed again downwards.
const BOTH_METRES: f64 = 1.6;
/// The high float.
const FLOAT_METRES: f64 = 1.8;
/// A sump that is blocked or stands without pumps overflows here.
const BRIM_METRES: f64 = 3.2;
const PUMP_METRES_PER_SECOND: f64 = 0.02;

#[derive(Clone, Copy, Default)]
struct Pump {
    running: bool,
    fault: bool,
    run_hours: f64,
    starts: u32,
}

/// The state of a sump or manhole.
pub(crate) struct Drainage {
    noise: Noise,
    unrest: Drift,
    level_metres: f64,
    inflow_metres_per_second: f64,
    pumps: [Pump; 2],
    /// The pump whose turn it is.
    next: usize,
    pumping: bool,
    supply_present: bool,
    manhole_metres: f64,
    battery_percent: f64,
}

impl Drainage {
    pub(crate) fn new(mut noise: Noise) -> Self {
        let mut pumps = [Pump::default(); 2];
        for pump in &mut pumps {
            pump.run_hours = noise.between(150.0, 900.0);
            pump.starts = noise.whole(3_000, 20_000).unsigned_abs();
        }
        Self {
            unrest: Drift::over(60.0),
            level_metres: noise.between(STOP_METRES, START_METRES),
            inflow_metres_per_second: noise.between(0.000_7, 0.001_3),
            pumps,
            next: 0,
            pumping: false,
            supply_present: true,
            manhole_metres: noise.between(0.25, 0.4),
            battery_percent: noise.between(75.0, 95.0),
            noise,
        }
    }

    fn step_pumps(&mut self, seconds: f64, around: &Around<'_>) {
        let was_pumping = self.pumping;
        self.pumping = if self.pumping {
            self.level_metres > STOP_METRES
        } else {
            self.level_metres > START_METRES
        };
        if was_pumping && !self.pumping {
            self.next = 1 - self.next;
        }
        self.supply_present = around.held_state("supply_present", !around.fault("supply_lost"));
        let mut wanted = usize::from(self.pumping) + usize::from(self.level_metres > BOTH_METRES);
        for at in [self.next, 1 - self.next] {
            let Some(pump) = self.pumps.get_mut(at) else {
                continue;
            };
            let name = at + 1;
            pump.fault = around.held_state(
                &format!("pump_{name}_fault"),
                at == 0 && around.fault("pump_trip"),
            );
            let able = self.supply_present && !pump.fault;
            let runs = around.held_state(&format!("pump_{name}_running"), able && wanted > 0);
            wanted = wanted.saturating_sub(usize::from(runs));
            pump.starts += u32::from(runs && !pump.running);
            pump.running = runs;
            pump.run_hours += if runs { seconds / 3600.0 } else { 0.0 };
        }
    }

    fn step_level(&mut self, seconds: f64, around: &Around<'_>) {
        let blocked = around.fault("sump_blocked");
        let inflow = if blocked {
            0.06
        } else {
            self.inflow_metres_per_second
        };
        let running = self.pumps.iter().filter(|pump| pump.running).count() as f64;
        let outflow = if blocked {
            0.0
        } else {
            running * PUMP_METRES_PER_SECOND
        };
        self.level_metres = (self.level_metres + (inflow - outflow) * seconds).clamp(0.1, BRIM_METRES);
        let aim = if blocked {
            BRIM_METRES
        } else {
            self.unrest.around(0.25 + 0.15 * demand(around.hour), 0.01)
        };
        self.manhole_metres = towards(self.manhole_metres, aim, 0.06, seconds);
    }

    fn show_pump(&self, point: &str) -> Option<Value> {
        let (at, what) = point.strip_prefix("pump_")?.split_once('_')?;
        let pump = self.pumps.get(at.parse::<usize>().ok()?.checked_sub(1)?)?;
        match what {
            "running" => state(pump.running),
            "fault" => state(pump.fault),
            "current" if pump.running => number(self.unrest.around(7.6, 0.4)),
            "current" => number(0.0),
            "run_time" => number(pump.run_hours),
            "starts" => number(f64::from(pump.starts)),
            _ => None,
        }
    }

    /// A device with pumps is a sump; one without is a manhole, whose level follows the day.
    fn is_high(&self, metres: f64) -> Option<Value> {
        state(metres > FLOAT_METRES)
    }
}

/// A manhole: the same class, without pumps.
pub(crate) struct Manhole(Drainage);

impl Manhole {
    pub(crate) fn new(noise: Noise) -> Self {
        Self(Drainage::new(noise))
    }
}

impl Plant for Manhole {
    fn step(&mut self, seconds: f64, around: &Around<'_>) {
        self.0.step(seconds, around);
    }

    fn show(&self, point: &str) -> Option<Value> {
        match point {
            "level" => number(self.0.manhole_metres),
            "level_high" => self.0.is_high(self.0.manhole_metres),
            _ => self.0.show(point),
        }
    }
}

impl Plant for Drainage {
    fn step(&mut self, seconds: f64, around: &Around<'_>) {
        self.unrest.step(seconds, &mut self.noise);
        self.step_pumps(seconds, around);
        self.step_level(seconds, around);
        self.battery_percent = (self.battery_percent - seconds * 2e-7).max(60.0);
    }

    fn show(&self, point: &str) -> Option<Value> {
        match point {
            "level" => number(self.level_metres),
            "level_high" => self.is_high(self.level_metres),
            "start_level" => number(START_METRES),
            "stop_level" => number(STOP_METRES),
            "auto_mode" => state(true),
            "supply_present" => state(self.supply_present),
            "cover_open" => state(false),
            "tilt" => number(self.unrest.around(1.2, 0.2)),
            "water_temperature" => number(self.unrest.around(16.0, 0.5)),
            "methane" => number(self.unrest.around(1.5, 0.8)),
            "battery_charge" => number(self.battery_percent),
            "battery_voltage" => number(3.2 + self.battery_percent / 250.0),
            "signal_strength" => number(self.unrest.around(-88.0, 4.0)),
            _ => self.show_pump(point),
        }
    }
}

/// What can go wrong with it.
pub(super) const FAULTS: &[FaultKind] = &[
    FaultKind::of(
        "sump_blocked",
        &["level"],
        &[],
        "集水坑堵塞,液位上升",
        "The sump is blocked and its level rises",
    ),
    FaultKind::of(
        "pump_trip",
        &["pump_1_fault"],
        &[],
        "1号排污泵跳闸",
        "Sump pump 1 has tripped",
    ),
    FaultKind::of(
        "supply_lost",
        &["supply_present"],
        &[],
        "排污泵失电",
        "The sump pumps have lost their supply",
    ),
    FaultKind::of(
        "cover_open",
        &["cover_open"],
        &[("cover_open", 1.0), ("tilt", 55.0)],
        "井盖打开",
        "The manhole's cover is open",
    ),
    FaultKind::of(
        "gas",
        &["methane"],
        &[("methane", 40.0)],
        "井内可燃气体超标",
        "There is too much gas in the manhole",
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

    fn sump() -> Bench<Drainage> {
        Bench::new(Drainage::new(Noise::of("sump-1")), 10.0)
    }

    #[test]
    fn the_pumps_empty_the_sump_in_turn_and_the_float_stays_down() {
        let mut sump = sump();
        let (first, second) = (sump.number("pump_1_starts"), sump.number("pump_2_starts"));
        for _ in 0..4 * 3600 {
            sump.run(1);
            assert!((0.3..1.4).contains(&sump.number("level")));
            assert!(!sump.is("level_high"));
        }
        let (first, second) = (
            sump.number("pump_1_starts") - first,
            sump.number("pump_2_starts") - second,
        );
        assert!(
            first >= 4.0 && (first - second).abs() <= 1.0,
            "{first} and {second} starts"
        );
        assert!(first + second < 4.0 * 15.0);
    }

    #[test]
    fn a_blocked_sump_rises_over_its_float_within_a_minute_and_falls_once_cleared() {
        let mut sump = sump();
        sump.faults.insert("sump_blocked");
        sump.run(60);
        assert!(sump.is("level_high") && sump.number("level") > 1.8);
        sump.faults.clear();
        sump.run(120);
        assert!(!sump.is("level_high") && sump.number("level") < 1.4);
    }

    #[test]
    fn when_one_pump_trips_the_other_does_its_work() {
        let mut sump = sump();
        sump.faults.insert("pump_trip");
        for _ in 0..3600 {
            sump.run(1);
            assert!(sump.number("level") < 1.4 && !sump.is("pump_1_running"));
        }
        assert!(sump.is("pump_1_fault") && !sump.is("pump_2_fault"));
    }

    #[test]
    fn without_its_supply_the_sump_only_fills() {
        let mut sump = sump();
        sump.faults.insert("supply_lost");
        let before = sump.number("level");
        sump.run(600);
        assert!(sump.number("level") > before + 0.3);
    }
}
