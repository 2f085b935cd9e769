//! A farm, a database and a gateway that run together, looked at in windows.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::farm::registers::POINTS;
use crate::farm::{Farm, FarmShape, Tally};
use crate::figures::median;
use crate::gateway::Gateway;
use crate::http::sum;
use crate::process::Core;
use crate::setting::Setting;
use crate::site::FarmSite;
use crate::trouble::{Outcome, Trouble};
use crate::victoria::Victoria;

/// What a load is.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The devices.
    pub shape: FarmShape,
    /// From one poll of a device to the next.
    pub interval: Duration,
    /// Whether the gateway has the first core for itself, and everything else shares the others.
    pub pinned: bool,
}

/// A running load.
pub struct Running {
    /// What it is.
    pub load: Load,
    /// Its devices.
    pub farm: Farm,
    /// Its database, unless it is another one.
    pub victoria: Option<Victoria>,
    /// What is measured.
    pub gateway: Gateway,
}

/// What was seen in all windows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Cores that the gateway used, at the median.
    pub cores: f64,
    /// The most memory that it used at the end of a window, in MB.
    pub resident_mb: f64,
    /// Points a second that the database took, at the median.
    pub delivered: f64,
    /// Polls a second, at the median.
    pub polls: f64,
    /// Polls whose slot had passed before they could begin, from before the first window to the end.
    pub late: f64,
    /// Good samples that were dropped, in the same time.
    pub dropped: f64,
    /// The last window's intervals.
    pub tally: Tally,
}

impl Load {
    /// So many devices, each on a line of its own.
    pub fn new(devices: usize, interval: Duration) -> Self {
        Self {
            shape: FarmShape::of_devices(devices),
            interval,
            pinned: false,
        }
    }

    /// Points a second.
    pub fn points(&self) -> f64 {
        (self.shape.devices() * POINTS) as f64 / self.interval.as_secs_f64()
    }

    fn core_of_gateway(&self) -> Core {
        if self.pinned { Core::Only(0) } else { Core::Any }
    }

    fn core_of_others(&self) -> Core {
        if self.pinned { Core::Only(1) } else { Core::Any }
    }
}

/// A folder under that name, with nothing in it.
pub fn fresh_folder(setting: &Setting, name: &str) -> Outcome<PathBuf> {
    use crate::trouble::While;
    let folder = setting.folder.join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).during(folder.display())?;
    }
    std::fs::create_dir_all(&folder).during(folder.display())?;
    Ok(folder)
}

impl Running {
    /// Starts everything in a fresh folder of that name, with VictoriaMetrics, and waits until every device is polled.
    ///
    /// # Errors
    /// Something does not start.
    pub fn start(setting: &Setting, name: &str, load: Load) -> Outcome<Self> {
        let folder = fresh_folder(setting, name)?;
        let victoria = Victoria::start(&folder, load.core_of_others())?;
        let url = victoria.url();
        let mut running = Self::start_in(folder, load, url)?;
        running.victoria = Some(victoria);
        running.settle(setting)?;
        Ok(running)
    }

    /// The same with another database, which is at a URL.
    ///
    /// # Errors
    /// Something does not start.
    pub fn start_with(setting: &Setting, name: &str, load: Load, database: String) -> Outcome<Self> {
        let folder = fresh_folder(setting, name)?;
        let mut running = Self::start_in(folder, load, database)?;
        running.settle(setting)?;
        Ok(running)
    }

    fn start_in(folder: PathBuf, load: Load, database: String) -> Outcome<Self> {
        let farm = Farm::start(load.shape, load.core_of_others(), &folder)?;
        let site = FarmSite {
            shape: load.shape,
            port: farm.port,
            interval: load.interval,
            database: Some(database),
        };
        site.write(&folder.join("site"))?;
        let gateway = Gateway::start(&folder, load.core_of_gateway())?;
        Ok(Self {
            load,
            farm,
            victoria: None,
            gateway,
        })
    }

    /// Waits until as many requests have come as there are devices, and then until things are quiet.
    fn settle(&mut self, setting: &Setting) -> Outcome<()> {
        let until = Instant::now() + Duration::from_secs(60);
        while self.farm.tally()?.requests < self.load.shape.devices() as f64 {
            if Instant::now() > until {
                return Err(Trouble::new(
                    "not every device was polled within a minute: see gateway.log",
                ));
            }
            self.gateway.process.must_run()?;
            std::thread::sleep(Duration::from_millis(100));
        }
        setting.wait_quietly();
        Ok(())
    }

    /// Looks at it for all windows.
    ///
    /// # Errors
    /// Something has ended.
    pub fn observe(&mut self, setting: &Setting) -> Outcome<Seen> {
        let before = self.gateway.metrics()?;
        // What that question cost is not the load's.
        setting.wait_quietly();
        let mut seen = Seen::default();
        let (mut cores, mut delivered, mut polls) = (Vec::new(), Vec::new(), Vec::new());
        for window in 1..=setting.windows {
            self.farm.reset()?;
            let start = Sight::of(self)?;
            std::thread::sleep(setting.window);
            let end = Sight::of(self)?;
            seen.tally = self.farm.tally()?;
            let seconds = end.at.duration_since(start.at).as_secs_f64();
            let share = |end: f64, start: f64| (end - start) / seconds;
            cores.push(share(end.gateway, start.gateway));
            delivered.push(share(end.rows, start.rows));
            polls.push(seen.tally.rate());
            let resident_mb = self.gateway.process.resident_mb()?;
            seen.resident_mb = seen.resident_mb.max(resident_mb);
            setting.tell(&format!(
                "window {window} of {}: gateway {:.3} core, {resident_mb:.1} MB, {:.0} polls/s, {:.0} points/s delivered (farm {:.2} core, database {:.2})",
                setting.windows,
                share(end.gateway, start.gateway),
                seen.tally.rate(),
                share(end.rows, start.rows),
                share(end.farm, start.farm),
                share(end.database, start.database),
            ));
        }
        let after = self.gateway.metrics()?;
        let rise = |name: &str| sum(&after, name, "") - sum(&before, name, "");
        seen.cores = median(&cores);
        seen.delivered = median(&delivered);
        seen.polls = median(&polls);
        seen.late = rise("facility_polls_late_total");
        seen.dropped = rise("facility_samples_dropped_total");
        Ok(seen)
    }
}

/// What is counted at one moment.
struct Sight {
    at: Instant,
    gateway: f64,
    farm: f64,
    database: f64,
    rows: f64,
}

impl Sight {
    fn of(running: &Running) -> Outcome<Self> {
        let (rows, database) = match &running.victoria {
            Some(victoria) => (victoria.rows()?, victoria.cpu_seconds()?),
            None => (0.0, 0.0),
        };
        Ok(Self {
            at: Instant::now(),
            gateway: running.gateway.process.cpu_seconds()?,
            farm: running.farm.cpu_seconds()?,
            database,
            rows,
        })
    }
}
