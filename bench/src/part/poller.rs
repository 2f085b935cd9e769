//! The reference for processor and memory: a minimal asyncio poller with the same devices, interval and database.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::farm::Farm;
use crate::figures::median;
use crate::process::{Core, Process};
use crate::running::{Load, fresh_folder};
use crate::setting::Setting;
use crate::trouble::{Outcome, Trouble};
use crate::victoria::Victoria;

/// What the poller used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poller {
    /// Cores, at the median.
    pub(super) cores: f64,
    /// Memory at the end, in MB.
    pub(super) resident_mb: f64,
}

pub(super) fn measure(setting: &Setting, load: Load) -> Outcome<Poller> {
    let folder = fresh_folder(setting, "poller")?;
    let victoria = Victoria::start(&folder, Core::Any)?;
    let mut farm = Farm::start(load.shape, Core::Any, &folder)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference/poller.py");
    let mut command = Command::new("python3");
    command.arg(script);
    for argument in [farm.port, victoria.port()] {
        command.arg(argument.to_string());
    }
    command.arg(load.shape.lines.to_string());
    command.arg(load.interval.as_secs_f64().to_string());
    let mut poller = Process::start("poller", &command, Core::Any, &folder)?;
    std::thread::sleep(Duration::from_secs(3));
    poller.must_run()?;
    let mut cores = Vec::new();
    for window in 1..=setting.windows {
        farm.reset()?;
        let (start, before, rows) = (Instant::now(), poller.cpu_seconds()?, victoria.rows()?);
        std::thread::sleep(setting.window);
        let used = poller.cpu_seconds()? - before;
        let seconds = start.elapsed().as_secs_f64();
        cores.push(used / seconds);
        setting.tell(&format!(
            "the poller's window {window} of {}: {:.3} core, {:.0} polls/s, {:.0} points/s delivered",
            setting.windows,
            used / seconds,
            farm.tally()?.rate(),
            (victoria.rows()? - rows) / seconds
        ));
    }
    if farm.tally()?.requests < 1.0 {
        return Err(Trouble::new("it polls nothing: see poller.log"));
    }
    Ok(Poller {
        cores: median(&cores),
        resident_mb: poller.resident_mb()?,
    })
}
