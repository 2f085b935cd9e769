//! Drinking water: a booster set whose pumps take turns, the tank before it, and the analyser behind it.

use model::Value;

use super::{Around, Plant, demand, number, room_temperature, state, towards};
use crate::fault::FaultKind;
use crate::noise::{Drift, Noise};

const PUMPS: usize = 3;
/// The lead passes to the next pump after so long.
const LEAD_SECONDS: f64 = 1200.0;
/// How much one pump can deliver, in m³/h.
const PUMP_CUBIC_METRES_PER_HOUR: f64 = 11.0;
const TANK_CUBIC_METRES: f64 = 30.0;
/// A leaking tank loses this much more than its inlet can bring.
const LEAK_PERCENT_PER_SECOND: f64 = 0.25;
const INLET_CUBIC_METRES_PER_HOUR: f64 = 45.0;
/// The inlet opens below this level, in percent …
const OPEN_PERCENT: f64 = 68.0;
/// … and closes above this one.
const CLOSE_PERCENT: f64 = 88.0;

#[derive(Clone, Copy, Default)]
struct Pump {
    running: bool,
    fault: bool,
    run_hours: f64,
    starts: u32,
}

/// The state of a secondary supply.
pub(crate) struct WaterSupply {
    noise: Noise,
    unrest: Drift,
    slow: Drift,
    set_mpa: f64,
    outlet_mpa: f64,
    largest_flow: f64,
    flow: f64,
    pumps: [Pump; PUMPS],
    lead: usize,
    lead_seconds: f64,
    delivered: f64,
    energy_kwh: f64,
    filling: bool,
    level_percent: f64,
    hour: f64,
    supply_present: bool,
}

impl WaterSupply {
    pub(crate) fn new(mut noise: Noise) -> Self {
        let mut pumps = [Pump::default(); PUMPS];
        for pump in &mut pumps {
            pump.run_hours = noise.between(800.0, 4000.0);
            pump.starts = noise.whole(500, 4000).unsigned_abs();
        }
        let set_mpa = noise.between(0.42, 0.55);
        Self {
            unrest: Drift::over(15.0),
            slow: Drift::over(900.0),
            set_mpa,
            outlet_mpa: set_mpa,
            largest_flow: noise.between(14.0, 26.0),
            flow: 4.0,
            pumps,
            lead: 0,
            lead_seconds: noise.between(0.0, LEAD_SECONDS),
            delivered: noise.between(30_000.0, 200_000.0),
            energy_kwh: noise.between(20_000.0, 90_000.0),
            filling: false,
            level_percent: noise.between(OPEN_PERCENT + 1.0, CLOSE_PERCENT - 1.0),
            hour: 0.0,
            supply_present: true,
            noise,
        }
    }

    fn step_pumps(&mut self, seconds: f64, around: &Around<'_>) {
        self.lead_seconds += seconds;
        if self.lead_seconds >= LEAD_SECONDS {
            self.lead_seconds = 0.0;
            self.lead = (self.lead + 1) % PUMPS;
        }
        self.supply_present = around.held_state("supply_present", !around.fault("supply_lost"));
        let mut wanted = 1 + usize::from(self.flow > PUMP_CUBIC_METRES_PER_HOUR);
        for offset in 0..PUMPS {
            let at = (self.lead + offset) % PUMPS;
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

    fn running(&self) -> usize {
        self.pumps.iter().filter(|pump| pump.running).count()
    }

    fn step_water(&mut self, seconds: f64, around: &Around<'_>) {
        let running = self.running();
        let wanted = self.unrest.around(demand(around.hour), 0.05).max(0.04) * self.largest_flow;
        let able = PUMP_CUBIC_METRES_PER_HOUR * 1.3 * running as f64;
        self.flow = towards(self.flow, wanted.min(able), 0.5, seconds);
        // Pressure sags a little with demand; with no pump running the street's pressure is what is left.
        let aim = if running == 0 {
            self.inlet_mpa()
        } else {
            self.set_mpa - 0.018 * demand(around.hour)
        };
        self.outlet_mpa = towards(self.outlet_mpa, aim, 0.01, seconds);
        self.delivered += self.flow * seconds / 3600.0;
        self.energy_kwh += self.flow * 0.3 * seconds / 3600.0;
    }

    /// The tank fills while its inlet (or the pump that fills it) runs, and drains into the house all the time.
    fn step_tank(&mut self, seconds: f64, around: &Around<'_>) {
        let wants = if self.filling {
            self.level_percent < CLOSE_PERCENT
        } else {
            self.level_percent < OPEN_PERCENT
        };
        let able = self.supply_present && !around.fault("pump_trip");
        let opened = around.held_state("inlet_valve_open", wants && able);
        self.filling = around.held_state("pump_running", opened);
        let inflow = if self.filling {
            INLET_CUBIC_METRES_PER_HOUR
        } else {
            0.0
        };
        let outflow = demand(around.hour) * self.largest_flow * 0.6;
        let leak = if around.fault("tank_leak") {
            LEAK_PERCENT_PER_SECOND
        } else {
            0.0
        };
        let percent_per_second = (inflow - outflow) / TANK_CUBIC_METRES / 36.0 - leak;
        self.level_percent = (self.level_percent + percent_per_second * seconds).clamp(0.0, 104.0);
    }

    fn inlet_mpa(&self) -> f64 {
        self.slow.around(0.2, 0.02)
    }

    fn show_pump(&self, point: &str) -> Option<Value> {
        let (at, what) = point.strip_prefix("pump_")?.split_once('_')?;
        let pump = self.pumps.get(at.parse::<usize>().ok()?.checked_sub(1)?)?;
        let share = self.flow / self.running().max(1) as f64 / PUMP_CUBIC_METRES_PER_HOUR;
        let frequency = if pump.running {
            (30.0 + 12.0 * share).min(49.0)
        } else {
            0.0
        };
        match what {
            "running" => state(pump.running),
            "fault" => state(pump.fault),
            "frequency" => number(frequency),
            "current" => number(frequency * 0.21),
            "run_time" => number(pump.run_hours),
            "starts" => number(f64::from(pump.starts)),
            _ => None,
        }
    }

    fn show_quality(&self, point: &str) -> Option<Value> {
        match point {
            "turbidity" => number(self.slow.around(0.28, 0.06)),
            "residual_chlorine" => number(self.slow.around(0.38, 0.05)),
            "ph" => number(self.slow.around(7.4, 0.1)),
            "conductivity" => number(self.slow.around(410.0, 25.0)),
            "sample_flow" => number(self.unrest.around(34.0, 1.0)),
            "reagent_left" => number(76.0),
            "days_since_calibration" => number(19.0),
            "sampling_pump_running" => state(true),
            "probe_fault" | "calibrating" => state(false),
            _ => None,
        }
    }
}

impl Plant for WaterSupply {
    fn step(&mut self, seconds: f64, around: &Around<'_>) {
        self.hour = around.hour;
        self.unrest.step(seconds, &mut self.noise);
        self.slow.step(seconds, &mut self.noise);
        self.step_pumps(seconds, around);
        self.step_water(seconds, around);
        self.step_tank(seconds, around);
    }

    fn show(&self, point: &str) -> Option<Value> {
        match point {
            "outlet_pressure" => number(self.unrest.around(self.outlet_mpa, 0.002)),
            "inlet_pressure" => number(self.inlet_mpa()),
            "set_pressure" => number(self.set_mpa),
            "flow" => number(self.flow),
            "water_total" => number(self.delivered),
            "energy" => number(self.energy_kwh),
            "tank_level" => number(self.level_percent),
            "tank_volume" => number(self.level_percent / 100.0 * TANK_CUBIC_METRES),
            "inlet_flow" if self.filling => number(self.unrest.around(INLET_CUBIC_METRES_PER_HOUR, 1.0)),
            "inlet_flow" => number(0.0),
            "inlet_valve_open" | "pump_running" => state(self.filling),
            "supply_present" => state(self.supply_present),
            "auto_mode" | "disinfector_running" => state(true),
            "overflow" | "hatch_open" | "disinfector_fault" | "room_flooded" | "pump_fault" => state(false),
            "room_temperature" => number(self.slow.around(room_temperature(self.hour), 0.3)),
            "water_temperature" => number(self.slow.around(15.0, 0.5)),
            _ => self.show_pump(point).or_else(|| self.show_quality(point)),
        }
    }
}

/// What can go wrong with it.
pub(super) const FAULTS: &[FaultKind] = &[
    FaultKind::of(
        "pump_trip",
        &["pump_1_fault"],
        &[],
        "1号供水泵跳闸,备用泵投入",
        "Pump 1 has tripped and another takes over",
    ),
    FaultKind::of(
        "supply_lost",
        &["supply_present"],
        &[],
        "供水泵组失电",
        "The pump set has lost its supply",
    ),
    FaultKind::of(
        "tank_leak",
        &["tank_level"],
        &[],
        "水箱泄漏,液位下降",
        "The drinking-water tank leaks and its level falls",
    ),
    FaultKind::of(
        "tank_low",
        &["tank_level"],
        &[("tank_level", 12.0)],
        "生活水箱液位低",
        "The drinking-water tank is low",
    ),
    FaultKind::of(
        "overflow",
        &["overflow"],
        &[("overflow", 1.0)],
        "生活水箱溢流",
        "The drinking-water tank overflows",
    ),
    FaultKind::of(
        "room_flooded",
        &["room_flooded"],
        &[("room_flooded", 1.0)],
        "泵房进水",
        "The pump room is flooded",
    ),
    FaultKind::of(
        "turbidity_high",
        &["turbidity"],
        &[("turbidity", 2.4)],
        "浊度超标",
        "Turbidity is too high",
    ),
    FaultKind::of(
        "chlorine_low",
        &["residual_chlorine"],
        &[("residual_chlorine", 0.02)],
        "余氯不足",
        "Residual chlorine is too low",
    ),
    FaultKind::of(
        "disinfector_fault",
        &["disinfector_fault"],
        &[("disinfector_fault", 1.0), ("disinfector_running", 0.0)],
        "消毒器故障",
        "The disinfector has failed",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::tests::Bench;
    use super::*;

    fn supply(hour: f64) -> Bench<WaterSupply> {
        Bench::new(WaterSupply::new(Noise::of("booster-1")), hour)
    }

    fn running(supply: &Bench<WaterSupply>) -> usize {
        (1..=3)
            .filter(|pump| supply.is(&format!("pump_{pump}_running")))
            .count()
    }

    #[test]
    fn pressure_sags_with_demand_but_stays_near_the_set_point() {
        let (mut night, mut evening) = (supply(3.0), supply(20.0));
        night.run(600);
        evening.run(600);
        let sag = night.number("outlet_pressure") - evening.number("outlet_pressure");
        assert!(sag > 0.005, "sags by {sag} MPa");
        assert!(evening.number("set_pressure") - evening.number("outlet_pressure") < 0.03);
        assert!(running(&evening) > running(&night));
    }

    #[test]
    fn the_pumps_take_turns_and_count_their_time() {
        let mut supply = supply(3.0);
        let before: Vec<_> = (1..=3)
            .map(|pump| supply.number(&format!("pump_{pump}_run_time")))
            .collect();
        supply.run(4 * 1200);
        for (before, pump) in before.iter().zip(1..) {
            assert!(supply.number(&format!("pump_{pump}_run_time")) > before + 0.3);
        }
    }

    #[test]
    fn a_tripped_pump_is_replaced_and_a_lost_supply_drops_the_pressure() {
        let mut supply = supply(20.0);
        supply.faults.insert("pump_trip");
        supply.run(1800);
        assert!(supply.is("pump_1_fault") && !supply.is("pump_1_running"));
        assert!(supply.number("set_pressure") - supply.number("outlet_pressure") < 0.03);
        supply.faults.insert("supply_lost");
        supply.run(60);
        assert_eq!(running(&supply), 0);
        assert!(supply.number("outlet_pressure") < 0.25);
    }

    #[test]
    fn the_tank_drains_when_its_pump_stops_and_fills_when_it_runs() {
        let mut supply = supply(20.0);
        supply.held.insert("pump_running".into(), Value::Bool(false));
        let full = supply.number("tank_level");
        supply.run(300);
        let lower = supply.number("tank_level");
        assert!(lower < full);
        supply.held.insert("pump_running".into(), Value::Bool(true));
        supply.run(300);
        assert!(supply.number("tank_level") > lower);
    }

    #[test]
    fn left_alone_the_tank_neither_runs_dry_nor_over() {
        let mut supply = supply(20.0);
        for _ in 0..400 {
            supply.run(120);
            assert!((66.0..90.0).contains(&supply.number("tank_level")));
        }
    }

    #[test]
    fn what_was_delivered_only_grows() {
        let mut supply = supply(12.0);
        let mut last = (0.0, 0.0);
        for _ in 0..100 {
            supply.run(60);
            let now = (supply.number("water_total"), supply.number("energy"));
            assert!(now.0 > last.0 && now.1 > last.1);
            last = now;
        }
    }
}
