//! What a point costs with 5,000 devices, beside what it costs with 100: at the same interval, and at the same rate.

use std::time::Duration;

use crate::figures::Target::RatioAtMost;
use crate::figures::{Figure, Figures};
use crate::running::{Load, Running};
use crate::setting::Setting;
use crate::trouble::Outcome;

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    let (few, many) = (setting.part_of(100), setting.part_of(5_000));
    let second = Duration::from_secs(1);
    let few_slowly = microseconds_a_point(setting, Load::new(few, second))?;
    let few_fast = microseconds_a_point(setting, Load::new(few, second / 50))?;
    let many = microseconds_a_point(setting, Load::new(many, second))?;
    let figure = |name: &str, reference| {
        Figure::new(name, many, "us")
            .beside(reference, "100 devices")
            .target(RatioAtMost(1.2))
    };
    figures.add(&figure("a point at 5,000 devices, both each second", few_slowly));
    figures.add(&figure("a point at 5,000 devices, both at one rate", few_fast));
    Ok(())
}

fn microseconds_a_point(setting: &Setting, load: Load) -> Outcome<f64> {
    let seen = Running::start(setting, "scale", load)?.observe(setting)?;
    if seen.late > 0.0 {
        setting.tell(&format!("{} polls were late", seen.late));
    }
    let points = seen.polls * crate::farm::registers::POINTS as f64;
    Ok(seen.cores / points * 1e6)
}
