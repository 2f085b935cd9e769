//! How much of the time each class must work, and what it is called: from the service standard and what the site changes of it.

use std::collections::BTreeMap;

use model::{AvailabilityTarget, Standard};
use serde::Deserialize;

use crate::view::TextView;

/// Targets and names by class.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    availability: BTreeMap<String, AvailabilityTarget>,
    names: BTreeMap<String, TextView>,
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
    /// Those of a site's standard. Names are the bundled ones; a test keeps their file readable.
    pub fn of(standard: &Standard) -> Self {
        let files = model::bundled_standard();
        let file = files.iter().find(|file| file.path == "classes.toml");
        let text = file.map(|file| file.text.as_str()).unwrap_or_default();
        let classes = toml::from_str::<ClassesFile>(text);
        let names = classes.map(|file| file.classes).unwrap_or_default().into_iter();
        Self {
            availability: standard.availability.clone(),
            names: names
                .map(|(class, ClassEntry { name })| {
                    let NameEntry { zh, en } = name;
                    (class, TextView { zh, en })
                })
                .collect(),
        }
    }

    /// What is asked of a class; `None`: to be in working order, without a number.
    pub fn target(&self, class: &str) -> Option<&AvailabilityTarget> {
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
        let targets = Targets::of(&crate::test_site::one_fire_main().standard);
        let percent = |class| targets.target(class).map(|target| target.target_percent);
        assert_eq!(percent("fire_water"), Some(100.0));
        assert_eq!(
            targets.target("fire_water").unwrap().quote,
            "消防供水 100%正常运作"
        );
        assert_eq!(percent("lighting"), Some(99.0));
        assert_eq!(
            targets.target("lighting").unwrap().quote,
            "小区路面保证99%正常照明"
        );
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
