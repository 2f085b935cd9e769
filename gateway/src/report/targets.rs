//! How much of the time each class must work, and what it is called: from the bundled service standard.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::view::TextView;

/// What is asked of a class.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Target {
    /// In percent of the time.
    pub target_percent: f64,
    /// The sentence of the published standard that it comes from.
    pub quote: String,
}

/// Targets and names by class.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    availability: BTreeMap<String, Target>,
    names: BTreeMap<String, TextView>,
}

#[derive(Deserialize)]
struct AvailabilityFile {
    availability: BTreeMap<String, Target>,
}

#[derive(Deserialize)]
struct ClassesFile {
    classes: BTreeMap<String, ClassEntry>,
}

#[derive(Deserialize)]
struct ClassEntry {
    name: NameEntry,
}

#[derive(Deserialize)]
struct NameEntry {
    zh: String,
    en: String,
}

impl Targets {
    /// Those of the bundled standard; a test keeps its files readable.
    pub fn bundled() -> Self {
        let files = model::bundled_standard();
        let text = |path: &str| {
            let file = files.iter().find(|file| file.path == path);
            file.map(|file| file.text.as_str()).unwrap_or_default()
        };
        let availability = toml::from_str::<AvailabilityFile>(text("availability.toml"));
        let classes = toml::from_str::<ClassesFile>(text("classes.toml"));
        let names = classes.map(|file| file.classes).unwrap_or_default().into_iter();
        Self {
            availability: availability.map(|file| file.availability).unwrap_or_default(),
            names: names
                .map(|(class, ClassEntry { name })| {
                    let NameEntry { zh, en } = name;
                    (class, TextView { zh, en })
                })
                .collect(),
        }
    }

    /// What is asked of a class; `None`: to be in working order, without a number.
    pub fn of(&self, class: &str) -> Option<&Target> {
        self.availability.get(class)
    }

    /// What people call a class; a site's own class is called by its own name.
    pub fn name(&self, class: &str) -> TextView {
        let own = || TextView {
            zh: class.to_owned(),
            en: class.to_owned(),
        };
        self.names.get(class).cloned().unwrap_or_else(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fire_water_must_work_all_of_the_time_and_lighting_ninety_nine_percent() {
        let targets = Targets::bundled();
        let percent = |class| targets.of(class).map(|target| target.target_percent);
        assert_eq!(percent("fire_water"), Some(100.0));
        assert_eq!(targets.of("fire_water").unwrap().quote, "消防供水 100%正常运作");
        assert_eq!(percent("lighting"), Some(99.0));
        assert_eq!(targets.of("lighting").unwrap().quote, "小区路面保证99%正常照明");
        for class in [
            "water_supply",
            "drainage",
            "power",
            "elevator",
            "low_current",
            "lightning",
        ] {
            assert_eq!(
                percent(class),
                None,
                "{class} must be in working order, without a number"
            );
            assert_ne!(targets.name(class).zh, class);
        }
    }
}
