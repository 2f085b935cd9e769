//! The database is away for a while: how many times the live rate is the outbox emptied afterwards, and is a poll late meanwhile?

use std::time::{Duration, Instant};

use crate::farm::registers::POINTS;
use crate::figures::Target::{AtLeast, AtMost, RatioAtLeast};
use crate::figures::{Figure, Figures};
use crate::http::sum;
use crate::running::{Load, Running};
use crate::setting::Setting;
use crate::trouble::{Outcome, Trouble, While};
use crate::victoria::Victoria;

/// The longest that catching up may take.
const LIMIT: Duration = Duration::from_secs(900);
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    let load = Load::new(setting.part_of(1_000), Duration::from_secs(1));
    let mut running = Running::start(setting, "outage", load)?;
    let before = running.gateway.metrics()?;
    let mut victoria = running.victoria.take().during("VictoriaMetrics")?;
    let rows_before = victoria.rows()?;
    running.farm.reset()?;
    victoria.go_away()?;
    setting.tell(&format!(
        "the database is away for {} s",
        setting.outage.as_secs()
    ));
    std::thread::sleep(setting.outage);
    let away = running.gateway.metrics()?;
    victoria.come_back()?;
    let back = Instant::now();
    let caught_up = catch_up(&mut running, &victoria, rows_before)?;
    let after = running.gateway.metrics()?;
    let rise = |name: &str, from: &str, to: &str| sum(to, name, "") - sum(from, name, "");

    let drained = Figure::new("points/s while it catches up", caught_up.rate, "points/s");
    figures.add(
        &drained
            .beside(load.points(), "live rate")
            .target(RatioAtLeast(10.0)),
    );
    let waited = caught_up.began.duration_since(back).as_secs_f64();
    figures.add(&Figure::new(
        "until it noticed that the database is back",
        waited,
        "s",
    ));
    let late = "facility_polls_late_total";
    for (when, from, to) in [
        ("while it catches up", &away, &after),
        ("while it is away", &before, &away),
    ] {
        let late = Figure::new(format!("late polls {when}"), rise(late, from, to), "");
        figures.add(&late.target(AtMost(0.0)));
    }
    let dropped = rise("facility_samples_dropped_total", &before, &after);
    figures.add(&Figure::new("dropped samples", dropped, "").target(AtMost(0.0)));
    figures.add(
        &Figure::new("points in the database, of those read", caught_up.share, "").target(AtLeast(0.99)),
    );
    Ok(())
}

struct CaughtUp {
    began: Instant,
    /// Points a second from the first that came to the last that had waited.
    rate: f64,
    share: f64,
}

/// Waits until as much has arrived as the farm has answered, but for what is under way: half a second's worth.
fn catch_up(running: &mut Running, victoria: &Victoria, rows_before: f64) -> Outcome<CaughtUp> {
    let until = Instant::now() + LIMIT;
    let under_way = running.load.points() / 2.0;
    let start = victoria.rows()?;
    // When nothing had come yet: the rate is told too low rather than too high.
    let mut began = Instant::now();
    while Instant::now() < until {
        std::thread::sleep(LOOK);
        let rows = victoria.rows()?;
        let read = running.farm.tally()?.requests * POINTS as f64;
        if rows <= start {
            began = Instant::now();
        } else if rows - rows_before > read - under_way {
            return Ok(CaughtUp {
                began,
                rate: (rows - start) / began.elapsed().as_secs_f64(),
                share: (rows - rows_before) / (read - under_way),
            });
        }
    }
    Err(Trouble::new(format!(
        "the outbox was not emptied within {LIMIT:?}"
    )))
}
