//! An elevator that travels between floors, opens and closes its door, and counts what it did.

use model::Value;

use super::{Around, Plant, demand, number, room_temperature, state};
use crate::fault::FaultKind;
use crate::noise::{Drift, Noise};

const METRES_PER_SECOND: f64 = 1.75;
const SECONDS_PER_FLOOR: f64 = 1.7;
const DOOR_MOVES_SECONDS: f64 = 2.0;
const DOOR_STAYS_SECONDS: f64 = 4.0;

/// What a car does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Doing {
    /// Stands with its door closed until somebody calls.
    Waiting,
    /// Is on its way to a floor.
    Travelling {
        to: i32,
    },
    Opening,
    Open,
    Closing,
}

/// The state of a car.
pub(crate) struct Elevator {
    noise: Noise,
    unrest: Drift,
    bottom: i32,
    top: i32,
    floor: i32,
    doing: Doing,
    /// How long it has done that; while travelling, since the last floor.
    seconds: f64,
    load_percent: f64,
    runs: u32,
    door_cycles: u32,
    run_hours: f64,
    trapped: bool,
    stands: bool,
    hour: f64,
}

impl Elevator {
    pub(crate) fn new(mut noise: Noise) -> Self {
        let top = noise.whole(11, 26);
        Self {
            unrest: Drift::over(300.0),
            bottom: -1,
            top,
            floor: noise.whole(1, top),
            doing: Doing::Waiting,
            seconds: 0.0,
            load_percent: 0.0,
            runs: noise.whole(20_000, 300_000).unsigned_abs(),
            door_cycles: noise.whole(40_000, 500_000).unsigned_abs(),
            run_hours: noise.between(2_000.0, 20_000.0),
            trapped: false,
            stands: false,
            hour: 12.0,
            noise,
        }
    }

    fn begin(&mut self, doing: Doing) {
        self.doing = doing;
        self.seconds = 0.0;
    }

    /// Another floor than this one; half of all trips begin or end at the entrance.
    fn call(&mut self) -> i32 {
        let entrance = self.floor != 1 && self.noise.between(0.0, 1.0) < 0.5;
        let floor = if entrance {
            1
        } else {
            self.noise.whole(self.bottom, self.top)
        };
        match floor {
            0 => 1,
            floor if floor == self.floor => self.top.min(floor + 1),
            floor => floor,
        }
    }

    fn wait(&mut self, seconds: f64, around: &Around<'_>) {
        let calls_per_second = 0.02 + 0.06 * demand(around.hour);
        if self.noise.between(0.0, 1.0) < calls_per_second * seconds {
            let to = self.call();
            if to != self.floor {
                self.runs = self.runs.saturating_add(1);
                self.begin(Doing::Travelling { to });
            }
        }
    }

    fn travel(&mut self, to: i32, seconds: f64) {
        self.run_hours += seconds / 3600.0;
        while self.seconds >= SECONDS_PER_FLOOR && self.floor != to {
            self.seconds -= SECONDS_PER_FLOOR;
            self.floor += (to - self.floor).signum();
            // There is no floor 0 between 1 and -1.
            self.floor += if self.floor == 0 {
                (to - self.floor).signum()
            } else {
                0
            };
        }
        if self.floor == to {
            self.door_cycles = self.door_cycles.saturating_add(1);
            self.begin(Doing::Opening);
        }
    }

    fn is_travelling(&self) -> bool {
        matches!(self.doing, Doing::Travelling { .. })
    }

    fn direction(&self) -> f64 {
        match self.doing {
            Doing::Travelling { to } if !self.stands => {
                if to > self.floor {
                    1.0
                } else {
                    2.0
                }
            }
            _ => 0.0,
        }
    }

    fn door(&self) -> f64 {
        match self.doing {
            Doing::Waiting | Doing::Travelling { .. } => 0.0,
            Doing::Open => 1.0,
            Doing::Opening => 2.0,
            Doing::Closing => 3.0,
        }
    }

    fn speed(&self) -> f64 {
        match self.direction() {
            1.0 => METRES_PER_SECOND,
            2.0 => -METRES_PER_SECOND,
            _ => 0.0,
        }
    }
}

impl Plant for Elevator {
    fn step(&mut self, seconds: f64, around: &Around<'_>) {
        self.hour = around.hour;
        self.unrest.step(seconds, &mut self.noise);
        self.trapped = around.fault("entrapment");
        self.stands = [
            "entrapment",
            "door_fault",
            "drive_fault",
            "out_of_service",
            "mains_lost",
        ]
        .iter()
        .any(|fault| around.fault(fault));
        if self.stands {
            return;
        }
        self.seconds += seconds;
        match self.doing {
            Doing::Waiting => self.wait(seconds, around),
            Doing::Travelling { to } => self.travel(to, seconds),
            Doing::Opening if self.seconds >= DOOR_MOVES_SECONDS => {
                self.load_percent = self.noise.between(0.0, 70.0).floor();
                self.begin(Doing::Open);
            }
            Doing::Open if self.seconds >= DOOR_STAYS_SECONDS => self.begin(Doing::Closing),
            Doing::Closing if self.seconds >= DOOR_MOVES_SECONDS => self.begin(Doing::Waiting),
            Doing::Opening | Doing::Open | Doing::Closing => {}
        }
        if self.doing == Doing::Waiting {
            self.load_percent = 0.0;
        }
    }

    fn show(&self, point: &str) -> Option<Value> {
        match point {
            "in_service" | "mains_present" | "car_light_on" => state(true),
            "passengers_trapped" => state(self.trapped),
            "alarm_button" => state(false),
            "door_zone" => state(!self.trapped && !self.is_travelling()),
            "car_occupied" => state(self.trapped || self.load_percent >= 5.0),
            "mode" | "fault_code" => number(0.0),
            "floor" => number(f64::from(self.floor)),
            "direction" => number(self.direction()),
            "door" if self.trapped => number(0.0),
            "door" => number(self.door()),
            "speed" => number(self.speed()),
            "load_percent" => number(self.load_percent),
            "run_count" => number(f64::from(self.runs)),
            "door_count" => number(f64::from(self.door_cycles)),
            "run_time" => number(self.run_hours),
            "machine_room_temperature" => number(self.unrest.around(room_temperature(self.hour) + 7.0, 0.8)),
            _ => None,
        }
    }
}

/// What can go wrong with it.
pub(super) const FAULTS: &[FaultKind] = &[
    FaultKind::of(
        "entrapment",
        &["passengers_trapped"],
        &[],
        "电梯困人",
        "Passengers are trapped",
    ),
    FaultKind::of(
        "door_fault",
        &["fault_code"],
        &[("fault_code", 2.0)],
        "电梯关门故障",
        "The door does not close",
    ),
    FaultKind::of(
        "drive_fault",
        &["fault_code"],
        &[("fault_code", 6.0)],
        "电动机运转时间限制器动作",
        "The motor run-time limiter has tripped",
    ),
    FaultKind::of(
        "unintended_movement",
        &["fault_code"],
        &[("fault_code", 5.0)],
        "轿厢意外移动",
        "The car has moved unintentionally",
    ),
    FaultKind::of(
        "out_of_service",
        &["in_service"],
        &[("in_service", 0.0)],
        "电梯停止服务",
        "The elevator is out of service",
    ),
    FaultKind::of(
        "machine_room_hot",
        &["machine_room_temperature"],
        &[("machine_room_temperature", 46.0)],
        "电梯机房过热",
        "The machine room is too hot",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::tests::Bench;
    use super::*;

    fn elevator() -> Bench<Elevator> {
        Bench::new(Elevator::new(Noise::of("elevator-1")), 19.0)
    }

    #[test]
    fn it_travels_floor_by_floor_with_its_door_closed() {
        let mut elevator = elevator();
        let (runs, mut floors) = (elevator.number("run_count"), BTreeSet::new());
        let mut last = elevator.number("floor");
        for _ in 0..3600 {
            elevator.run(1);
            let floor = elevator.number("floor");
            assert!((-1.0..=26.0).contains(&floor) && floor != 0.0);
            assert!((floor - last).abs() <= 2.0, "from {last} to {floor} in a second");
            if elevator.number("speed") != 0.0 {
                assert_eq!(elevator.number("door"), 0.0);
            }
            floors.insert(floor as i32);
            last = floor;
        }
        assert!(floors.len() > 4);
        assert!(elevator.number("run_count") > runs + 20.0);
    }

    #[test]
    fn its_door_opens_and_closes_at_a_landing_only() {
        let mut elevator = elevator();
        let mut seen = BTreeSet::new();
        for _ in 0..600 {
            elevator.run(1);
            if elevator.number("door") != 0.0 {
                assert!(elevator.is("door_zone"));
            }
            seen.insert(elevator.number("door") as i32);
        }
        assert_eq!(seen, BTreeSet::from([0, 1, 2, 3]));
    }

    #[test]
    fn passengers_are_trapped_between_floors_behind_a_closed_door() {
        let mut elevator = elevator();
        elevator.faults.insert("entrapment");
        elevator.run(1);
        let floor = elevator.number("floor");
        elevator.run(60);
        assert!(
            elevator.is("passengers_trapped") && elevator.is("car_occupied") && !elevator.is("door_zone")
        );
        assert_eq!((elevator.number("door"), elevator.number("speed")), (0.0, 0.0));
        assert_eq!(elevator.number("floor"), floor);
        elevator.faults.clear();
        elevator.run(1);
        assert!(!elevator.is("passengers_trapped"));
    }
}
