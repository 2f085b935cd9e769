//! How a run is done: where, how long its windows are, and how much of the load.

use std::path::PathBuf;
use std::time::Duration;

/// What holds for all parts of a run.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Sites, data and logs are under it.
    pub folder: PathBuf,
    /// Windows of each figure; their median counts.
    pub windows: usize,
    /// How long each is.
    pub window: Duration,
    /// The share of all devices and messages; below 1 a run only tries the benchmark itself.
    pub share: f64,
    /// How long the database is away.
    pub outage: Duration,
}

impl Setting {
    /// So many devices or messages, or the share of them that was asked for, but at least ten.
    pub fn part_of(&self, count: usize) -> usize {
        ((count as f64 * self.share) as usize).max(10)
    }

    /// Lets what was just done fade.
    pub fn wait_quietly(&self) {
        std::thread::sleep(self.window.min(Duration::from_secs(4)));
    }

    /// Says how it goes.
    pub fn tell(&self, progress: &str) {
        eprintln!("    {progress}");
    }
}
