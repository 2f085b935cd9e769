//! How long a point takes from its device's answer to the database, where each answer carries its own moment.

use std::time::Duration;

use crate::figures::Target::AtMost;
use crate::figures::{Figure, Figures, median, share};
use crate::running::{Load, Running};
use crate::setting::Setting;
use crate::sink::Sink;
use crate::trouble::Outcome;

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    for (name, milliseconds) in [("latency", 1_000), ("latency-10", 100)] {
        let load = Load::new(setting.part_of(1_000), Duration::from_millis(milliseconds));
        let sink = Sink::start()?;
        let running = Running::start_with(setting, name, load, sink.url())?;
        let (mut medians, mut slowest) = (Vec::new(), Vec::new());
        for window in 1..=setting.windows {
            sink.take();
            std::thread::sleep(setting.window);
            let arrivals = sink.take();
            medians.push(median(&arrivals.latencies_ms));
            slowest.push(share(&arrivals.latencies_ms, 0.99));
            setting.tell(&format!(
                "window {window} of {}: {} lines",
                setting.windows, arrivals.lines
            ));
        }
        drop(running);
        let at = format!("at {:.0} points/s", load.points());
        let middle = Figure::new(format!("answer to database {at}, median"), median(&medians), "ms");
        figures.add(&middle.target(AtMost(50.0)));
        figures.add(&Figure::new("… the slowest of a hundred", median(&slowest), "ms"));
    }
    Ok(())
}
