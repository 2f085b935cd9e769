//! Devices that take 20 ms, alone on a line and ten on one; and 10 of 100 that accept and never answer: do the others keep their interval?

use std::time::Duration;

use crate::farm::FarmShape;
use crate::figures::Target::{AtLeast, AtMost};
use crate::figures::{Figure, Figures};
use crate::running::{Load, Running};
use crate::setting::Setting;
use crate::trouble::Outcome;

const INTERVAL: Duration = Duration::from_secs(1);

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    let lines = setting.part_of(100);
    let alone = FarmShape {
        delay_ms: 20,
        ..FarmShape::of_devices(lines)
    };
    of(setting, figures, "devices of 20 ms", alone)?;
    let shared = FarmShape {
        lines: lines / 10,
        units: 10,
        ..alone
    };
    of(setting, figures, "devices of 20 ms, ten a line", shared)?;
    let silent = FarmShape {
        silent: lines / 10,
        ..FarmShape::of_devices(lines)
    };
    of(setting, figures, "a tenth of the devices silent", silent)
}

fn of(setting: &Setting, figures: &mut Figures, name: &str, shape: FarmShape) -> Outcome<()> {
    let load = Load {
        shape,
        interval: INTERVAL,
        pinned: false,
    };
    let seen = Running::start(setting, "slow", load)?.observe(setting)?;
    let interval_ms = INTERVAL.as_secs_f64() * 1_000.0;
    let answering = shape.devices() - shape.silent * shape.units;
    let points = load.points() * answering as f64 / shape.devices() as f64;
    let median = Figure::new(
        format!("{name}: the others' interval, median"),
        seen.tally.median_ms,
        "ms",
    );
    figures.add(&median.target(AtMost(interval_ms * 1.01)));
    let worst = Figure::new("… the longest", seen.tally.worst_ms, "ms");
    figures.add(&worst.target(AtMost(interval_ms * 1.1)));
    let delivered = Figure::new(
        "… their points in the database, of all",
        seen.delivered / points,
        "",
    );
    figures.add(&delivered.target(AtLeast(0.98)));
    figures.add(&Figure::new("… late polls", seen.late, "").target(AtMost(0.0)));
    Ok(())
}
