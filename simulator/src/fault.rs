//! What can go wrong with a simulated device: how a fault is described, and those that every device can have.

use model::{Profile, Text};

use crate::plant;

/// The device answers nothing at all: a Modbus unit is silent, an MQTT device publishes nothing.
pub(crate) const NO_ANSWER: &str = "no_answer";
/// The device answers, but not with values: Modbus exception 04, or a message that isn't JSON.
pub(crate) const GARBLED: &str = "garbled";
/// The first number keeps its value, whatever happens.
pub(crate) const SENSOR_STUCK: &str = "sensor_stuck";
/// The first number with a range shows a value outside it.
pub(crate) const OUT_OF_RANGE: &str = "out_of_range";

/// A way to fail.
#[derive(Debug)]
pub(crate) struct FaultKind {
    /// What the control API calls it.
    pub(crate) name: &'static str,
    /// The points that a profile must have for it to mean anything.
    needs: &'static [&'static str],
    /// What single points show while it is active, in the class model's own unit (a state is 1 or 0). Empty: the model plays it.
    pub(crate) shows: &'static [(&'static str, f64)],
    zh: &'static str,
    en: &'static str,
}

impl FaultKind {
    /// A fault of a class: its name, the points that it needs, what they show, and what it is in Chinese and in English.
    pub(crate) const fn of(
        name: &'static str,
        needs: &'static [&'static str],
        shows: &'static [(&'static str, f64)],
        zh: &'static str,
        en: &'static str,
    ) -> Self {
        Self {
            name,
            needs,
            shows,
            zh,
            en,
        }
    }

    /// What it is, for people.
    pub(crate) fn summary(&self) -> Text {
        Text::new(self.zh, self.en)
    }

    fn concerns(&self, profile: &Profile) -> bool {
        self.needs.iter().all(|point| profile.point(point).is_some())
    }
}

/// What every device can have; none of it is a matter of how its class behaves.
static OF_EVERY_DEVICE: [FaultKind; 4] = [
    FaultKind::of(NO_ANSWER, &[], &[], "设备无应答", "The device does not answer"),
    FaultKind::of(
        GARBLED,
        &[],
        &[],
        "设备应答无效",
        "The device answers with nothing usable",
    ),
    FaultKind::of(
        SENSOR_STUCK,
        &[],
        &[],
        "首个测点数值卡死",
        "The first sensor is stuck at its value",
    ),
    FaultKind::of(
        OUT_OF_RANGE,
        &[],
        &[],
        "首个测点超出量程",
        "The first sensor shows a value outside its range",
    ),
];

/// The faults that a device of that profile can have, those of every device first.
pub(crate) fn faults_of(profile: &Profile) -> impl Iterator<Item = &'static FaultKind> {
    let of_class = plant::faults_of(profile.class.as_str());
    OF_EVERY_DEVICE
        .iter()
        .chain(of_class)
        .filter(|fault| fault.concerns(profile))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_fault_has_a_name_of_its_own_in_its_class_and_a_summary_in_both_languages() {
        let classes = [
            "fire_water",
            "water_supply",
            "drainage",
            "power",
            "lighting",
            "elevator",
            "low_current",
            "lightning",
        ];
        for class in classes {
            let mut names = BTreeSet::new();
            assert!(plant::faults_of(class).len() >= 3, "{class} has few faults");
            for fault in OF_EVERY_DEVICE.iter().chain(plant::faults_of(class)) {
                assert!(names.insert(fault.name), "{} is there twice", fault.name);
                assert!(!fault.zh.is_empty() && !fault.zh.is_ascii() && fault.en.is_ascii());
            }
        }
    }
}
