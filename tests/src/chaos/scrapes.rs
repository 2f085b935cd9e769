//! What each life of the gateway said that it had taken, asked again and again until it was killed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::http::get;
use crate::metrics::Metrics;

const EVERY: Duration = Duration::from_millis(80);

/// One process of the gateway.
#[derive(Clone, Debug)]
pub(super) struct Life {
    /// Just before it was started.
    pub(super) from: Timestamp,
    /// What it said, in the order of time.
    pub(super) scrapes: Vec<Scrape>,
}

/// What a gateway said at one moment.
#[derive(Clone, Debug)]
pub(super) struct Scrape {
    /// Just after it had said it: no sample that it speaks of is later.
    pub(super) to: Timestamp,
    /// By device, how many samples it had taken since it was started.
    pub(super) taken: BTreeMap<String, u64>,
    /// How many samples its outbox had had to drop, or its database refused: counted as taken, and not to be found.
    pub(super) dropped: u64,
}

/// Asks for as long as it lives.
pub(super) struct Scraper {
    shared: Arc<Shared>,
}

struct Shared {
    url: String,
    devices: Vec<String>,
    lives: Mutex<Vec<Life>>,
    has_ended: AtomicBool,
}

impl Scraper {
    /// Starts to ask; nothing is kept before the first life is told.
    pub(super) fn start(url: &str, devices: &[&str]) -> Self {
        let shared = Arc::new(Shared {
            url: format!("{url}/metrics"),
            devices: devices.iter().map(|device| (*device).to_owned()).collect(),
            lives: Mutex::default(),
            has_ended: AtomicBool::new(false),
        });
        let asking = Arc::clone(&shared);
        std::thread::spawn(move || asking.go_on());
        Self { shared }
    }

    /// The gateway is about to be started; its earlier process has ended.
    pub(super) fn begins_a_life(&self) {
        self.shared.lives().push(Life {
            from: Timestamp::now(),
            scrapes: Vec::new(),
        });
    }

    /// All that was said so far.
    pub(super) fn lives(&self) -> Vec<Life> {
        self.shared.lives().clone()
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn lives(&self) -> MutexGuard<'_, Vec<Life>> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go_on(&self) {
        while !self.has_ended.load(Ordering::SeqCst) {
            let asked_in = self.lives().len();
            let answer = get(&self.url);
            let to = Timestamp::now();
            if let Ok(answer) = answer
                && answer.status == 200
            {
                let scrape = self.read(&answer.body, to);
                let mut lives = self.lives();
                // An answer that came after the next life had begun is nobody's for sure.
                if lives.len() == asked_in
                    && let Some(life) = lives.last_mut()
                {
                    life.scrapes.push(scrape);
                }
            }
            std::thread::sleep(EVERY);
        }
    }

    fn read(&self, text: &str, to: Timestamp) -> Scrape {
        let metrics = Metrics::read(text);
        let taken =
            |device: &String| metrics.sum("facility_samples_taken_total", &[("device", device)]) as u64;
        Scrape {
            to,
            taken: self
                .devices
                .iter()
                .map(|device| (device.clone(), taken(device)))
                .collect(),
            dropped: [
                "facility_outbox_dropped_samples_total",
                "facility_samples_refused_total",
            ]
            .iter()
            .map(|name| metrics.sum(name, &[]) as u64)
            .sum(),
        }
    }
}
