//! Thirty units on one serial line at 9600 8N1, ten of them dead: do the others keep their interval?

use std::time::Duration;

use crate::figures::Target::{AtLeast, AtMost};
use crate::figures::{Figure, Figures, share};
use crate::gateway::Gateway;
use crate::line::{BAUD, Line, REGISTERS, UNITS};
use crate::process::Core;
use crate::running::fresh_folder;
use crate::setting::Setting;
use crate::site::LineSite;
use crate::trouble::Outcome;

const INTERVAL: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_millis(200);
/// The first silences of all dead units come together.
const SETTLES_IN: Duration = Duration::from_secs(10);
/// How far from its interval a unit may be read, of the interval.
const TOLERANCE: f64 = 0.2;

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    let folder = fresh_folder(setting, "line")?;
    let line = Line::lay()?;
    let site = LineSite {
        port: line.port.clone(),
        baud: BAUD,
        units: UNITS,
        registers: REGISTERS,
        interval: INTERVAL,
        timeout: TIMEOUT,
    };
    site.write(&folder.join("site"))?;
    let gateway = Gateway::start(&folder, Core::Any)?;
    std::thread::sleep(SETTLES_IN);
    line.take()?;
    // Not less than three intervals, or there is nothing to be seen.
    let window = setting.window.max(INTERVAL * 3);
    let (mut intervals_ms, mut of_dead) = (Vec::new(), 0);
    for number in 1..=setting.windows {
        std::thread::sleep(window);
        let asked = line.take()?;
        setting.tell(&format!(
            "window {number} of {}: {} intervals, {} requests to dead units",
            setting.windows,
            asked.intervals_ms.len(),
            asked.of_dead
        ));
        intervals_ms.extend(asked.intervals_ms);
        of_dead += asked.of_dead;
    }
    gateway.stop();
    let interval_ms = INTERVAL.as_secs_f64() * 1_000.0;
    let (least, most) = (interval_ms * (1.0 - TOLERANCE), interval_ms * (1.0 + TOLERANCE));
    let at = |name: &str, part| Figure::new(name, share(&intervals_ms, part), "ms");
    figures.add(&at("ten of thirty units dead: the others' interval, median", 0.5).target(AtMost(most)));
    figures.add(&at("… the shortest of twenty", 0.05).target(AtLeast(least)));
    figures.add(&at("… the longest of twenty", 0.95).target(AtMost(most)));
    let seconds = window.as_secs_f64() * setting.windows as f64;
    let healthy = f64::from(UNITS - UNITS / 3);
    let done = intervals_ms.len() as f64 * INTERVAL.as_secs_f64() / (healthy * seconds);
    figures.add(&Figure::new("… their polls done of those due", done, "").target(AtLeast(0.95)));
    let taken = of_dead as f64 * TIMEOUT.as_secs_f64() / seconds;
    figures.add(&Figure::new(
        "… the line's time that the dead ones take",
        taken,
        "",
    ));
    Ok(())
}
