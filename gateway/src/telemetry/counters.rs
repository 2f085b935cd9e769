//! One counter for each device, registered once.

use metrics::{Counter, counter};
use model::{Dense, DeviceIndex, Site};

/// One counter for each device of a site.
pub struct DeviceCounters {
    counters: Dense<DeviceIndex, Counter>,
}

impl DeviceCounters {
    /// Good samples that are on disk: `facility_samples_taken_total`.
    pub fn taken(site: &Site) -> Self {
        Self::new(
            site,
            |device| counter!("facility_samples_taken_total", "device" => device),
        )
    }

    /// Good samples that were dropped at a bound: `facility_samples_dropped_total`.
    pub fn dropped(site: &Site, reason: &'static str) -> Self {
        Self::new(
            site,
            move |device| counter!("facility_samples_dropped_total", "device" => device, "reason" => reason),
        )
    }

    /// Counts so many more.
    pub fn count(&self, device: DeviceIndex, samples: usize) {
        if let Some(counter) = self.counters.get(device) {
            counter.increment(samples as u64);
        }
    }

    fn new(site: &Site, counter: impl Fn(String) -> Counter) -> Self {
        Self {
            counters: Dense::new(
                site.devices
                    .values()
                    .map(|device| counter(device.id.clone()))
                    .collect(),
            ),
        }
    }
}
