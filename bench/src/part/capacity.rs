//! How far one core goes: ten and twenty times the campus's load.

use std::time::{Duration, Instant};

use super::load::{cpu, delivered, memory, polled, told};
use crate::farm::registers::POINTS;
use crate::figures::Figures;
use crate::figures::Target::{AtLeast, AtMost, None};
use crate::running::{Load, Running};
use crate::setting::Setting;
use crate::sink::Sink;
use crate::trouble::Outcome;

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    let tenfold = Load::new(setting.part_of(1_000), Duration::from_millis(100));
    let seen = Running::start(setting, "capacity-10", tenfold)?.observe(setting)?;
    figures.add(&cpu(&tenfold, &seen).target(AtMost(0.5 * setting.share)));
    figures.add(&memory(&seen).target(AtMost(100.0)));
    told(figures, &tenfold, &seen);

    let pinned = Load {
        pinned: true,
        ..Load::new(setting.part_of(2_000), Duration::from_millis(100))
    };
    setting.tell("twenty times the load: the gateway has the first core for itself");
    let seen = Running::start(setting, "capacity-20", pinned)?.observe(setting)?;
    figures.add(&cpu(&pinned, &seen).target(AtMost(1.0)));
    figures.add(&memory(&seen).target(None));
    polled(figures, &pinned, &seen);
    // With two cores the database shares the second one with the farm, which is not enough for it: what waits is on disk.
    figures.add(&delivered("in the database", &pinned, seen.delivered).target(None));

    setting.tell("the same with a database that only counts lines");
    let sink = Sink::start()?;
    let mut running = Running::start_with(setting, "capacity-20-counted", pinned, sink.url())?;
    sink.take();
    let begun = Instant::now();
    let seen = running.observe(setting)?;
    let lines = sink.take().lines as f64;
    let points_a_second = lines * POINTS as f64 / begun.elapsed().as_secs_f64();
    figures.add(&cpu(&pinned, &seen).target(AtMost(1.0)));
    polled(figures, &pinned, &seen);
    let counted = delivered("in a database that only counts", &pinned, points_a_second);
    figures.add(&counted.target(AtLeast(0.98)));
    Ok(())
}
