//! A UPS or weak-current cabinet: mains, battery, climate and the network's link.

use model::Value;

use super::{Around, Plant, number, room_temperature, state};
use crate::fault::FaultKind;
use crate::noise::{Drift, Noise};

/// A battery under load loses this much of its charge a second, in percent …
const DRAINS_PERCENT: f64 = 0.1;
/// … and regains this much when mains is back.
const CHARGES_PERCENT: f64 = 0.5;

/// The state of a cabinet.
pub(crate) struct LowCurrent {
    noise: Noise,
    unrest: Drift,
    slow: Drift,
    mains: bool,
    charge_percent: f64,
    hour: f64,
}

impl LowCurrent {
    pub(crate) fn new(noise: Noise) -> Self {
        Self {
            noise,
            unrest: Drift::over(20.0),
            slow: Drift::over(600.0),
            mains: true,
            charge_percent: 100.0,
            hour: 12.0,
        }
    }
}

impl Plant for LowCurrent {
    fn step(&mut self, seconds: f64, around: &Around<'_>) {
        self.hour = around.hour;
        self.unrest.step(seconds, &mut self.noise);
        self.slow.step(seconds, &mut self.noise);
        self.mains = around.held_state("mains_present", !around.fault("mains_lost"));
        let change = if self.mains {
            CHARGES_PERCENT
        } else {
            -DRAINS_PERCENT
        };
        self.charge_percent = (self.charge_percent + change * seconds).clamp(0.0, 100.0);
    }

    fn show(&self, point: &str) -> Option<Value> {
        match point {
            "mains_present" => state(self.mains),
            "on_battery" => state(!self.mains),
            "input_voltage" if !self.mains => number(0.0),
            "input_voltage" => number(self.unrest.around(222.0, 2.0)),
            "output_voltage" => number(self.unrest.around(220.0, 0.6)),
            "output_frequency" => number(self.slow.around(50.0, 0.02)),
            "load_percent" => number(self.slow.around(38.0, 4.0)),
            "battery_charge" => number(self.charge_percent),
            "battery_voltage" => number(self.unrest.around(190.0 + self.charge_percent * 0.28, 0.4)),
            "battery_temperature" => number(self.slow.around(24.0, 0.8)),
            "runtime_left" => number((self.charge_percent * 0.9).round()),
            "cabinet_temperature" => number(self.slow.around(room_temperature(self.hour) + 7.0, 0.8)),
            "humidity" => number(self.slow.around(46.0, 5.0)),
            "supply_voltage" => number(self.unrest.around(12.1, 0.05)),
            "supply_current" => number(self.slow.around(3.2, 0.4)),
            "packet_loss" => number(self.unrest.around(0.1, 0.1)),
            "round_trip" => number(self.unrest.around(3.0, 1.2)),
            "link_up" | "fan_running" => state(true),
            "ups_fault" | "battery_fault" | "bypass" | "door_open" => state(false),
            _ => None,
        }
    }
}

/// What can go wrong with it.
pub(super) const FAULTS: &[FaultKind] = &[
    FaultKind::of("mains_lost", &["mains_present"], &[], "市电中断", "Mains is lost"),
    FaultKind::of(
        "battery_low",
        &["battery_charge"],
        &[("battery_charge", 14.0), ("runtime_left", 6.0)],
        "电池电量低",
        "The battery is low",
    ),
    FaultKind::of(
        "ups_fault",
        &["ups_fault"],
        &[("ups_fault", 1.0)],
        "UPS故障",
        "The UPS reports a fault",
    ),
    FaultKind::of(
        "link_down",
        &["link_up"],
        &[("link_up", 0.0), ("packet_loss", 100.0)],
        "网络链路断开",
        "The network link is down",
    ),
    FaultKind::of(
        "cabinet_hot",
        &["cabinet_temperature"],
        &[("cabinet_temperature", 52.0)],
        "机柜过热",
        "The cabinet is too hot",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::tests::Bench;
    use super::*;

    #[test]
    fn the_battery_carries_the_load_while_mains_is_away() {
        let mut ups = Bench::new(LowCurrent::new(Noise::of("ups-1")), 10.0);
        ups.run(60);
        assert_eq!(ups.number("battery_charge"), 100.0);
        ups.faults.insert("mains_lost");
        ups.run(120);
        assert!(ups.is("on_battery") && !ups.is("mains_present"));
        assert_eq!(ups.number("input_voltage"), 0.0);
        let drained = ups.number("battery_charge");
        assert!((80.0..95.0).contains(&drained));
        ups.faults.clear();
        ups.run(60);
        assert!(ups.number("battery_charge") > drained);
    }
}
