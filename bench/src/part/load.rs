//! The load to carry: 1,000 devices of 75 points each second, with everything on, beside a poller that does nothing else.

use std::time::Duration;

use super::poller;
use crate::figures::Target::{AtLeast, AtMost, RatioAtMost};
use crate::figures::{Figure, Figures};
use crate::running::{Load, Running, Seen};
use crate::setting::Setting;
use crate::trouble::Outcome;

pub(super) const DEVICES: usize = 1_000;
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    let load = Load::new(setting.part_of(DEVICES), INTERVAL);
    let reference = poller::measure(setting, load);
    let mut running = Running::start(setting, "load", load)?;
    let seen = running.observe(setting)?;
    let cpu = cpu(&load, &seen).target(AtMost(0.08 * setting.share));
    match reference {
        Ok(poller) => {
            figures.add(&cpu.beside(poller.cores, "asyncio poller"));
            let beside = Figure::new("the same beside the poller", seen.cores, "core");
            figures.add(
                &beside
                    .beside(poller.cores, "asyncio poller")
                    .target(RatioAtMost(0.62)),
            );
            figures.add(
                &memory(&seen)
                    .target(AtMost(40.0))
                    .beside(poller.resident_mb, "asyncio poller"),
            );
        }
        Err(trouble) => {
            setting.tell(&format!("the poller could not be measured: {trouble}"));
            figures.add(&cpu);
            figures.add(&memory(&seen).target(AtMost(40.0)));
        }
    }
    told(figures, &load, &seen);
    Ok(())
}

/// The processor time of a load.
pub(super) fn cpu(load: &Load, seen: &Seen) -> Figure {
    Figure::new(
        format!("processor, {:.0} points/s", load.points()),
        seen.cores,
        "core",
    )
}

/// Its memory.
pub(super) fn memory(seen: &Seen) -> Figure {
    Figure::new("memory", seen.resident_mb, "MB")
}

/// What has to be so under any load: everything polled, nothing late, nothing dropped, all of it in the database.
pub(super) fn told(figures: &mut Figures, load: &Load, seen: &Seen) {
    polled(figures, load, seen);
    figures.add(&delivered("in the database", load, seen.delivered).target(AtLeast(0.98)));
}

/// The same without the database.
pub(super) fn polled(figures: &mut Figures, load: &Load, seen: &Seen) {
    let asked = load.shape.devices() as f64 / load.interval.as_secs_f64();
    figures.add(&Figure::new("polls done of those due", seen.polls / asked, "").target(AtLeast(0.99)));
    figures.add(&Figure::new("late polls", seen.late, "").target(AtMost(0.0)));
    figures.add(&Figure::new("dropped samples", seen.dropped, "").target(AtMost(0.0)));
}

/// What share of a load came to a database that took so many points a second.
pub(super) fn delivered(place: &str, load: &Load, points_a_second: f64) -> Figure {
    Figure::new(
        format!("points/s {place}, of those read"),
        points_a_second / load.points(),
        "",
    )
}
