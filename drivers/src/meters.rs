//! What is counted of each device and connection: once for `/metrics`, and once where the gateway can read it back.
//!
//! Everything is registered when the drivers are made, so that counting costs two additions and no lock.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// So many of the newest polls of a device say how long one takes.
const DEVICE_WINDOW: usize = 256;
/// The same for a connection.
const CONNECTION_WINDOW: usize = 1024;

/// A count that can be read back.
pub(crate) struct Tally {
    counter: Counter,
    count: AtomicU64,
}

impl Tally {
    fn new(counter: Counter) -> Self {
        Self {
            counter,
            count: AtomicU64::new(0),
        }
    }

    /// Counts `more`.
    pub(crate) fn increment(&self, more: u64) {
        if more > 0 {
            self.counter.increment(more);
            self.count.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// The count since the start.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// How long the newest of something took.
pub(crate) struct Latencies {
    micros: Vec<AtomicU32>,
    taken: AtomicU64,
}

/// How long half, 95 % and 99 % of the newest polls took at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentiles {
    /// Half of them.
    pub p50: Duration,
    /// 95 %.
    pub p95: Duration,
    /// 99 %.
    pub p99: Duration,
    /// Of how many.
    pub of: usize,
}

impl Latencies {
    fn new(window: usize) -> Self {
        Self {
            micros: (0..window).map(|_| AtomicU32::new(0)).collect(),
            taken: AtomicU64::new(0),
        }
    }

    /// Notes one; the oldest goes.
    pub(crate) fn record(&self, took: Duration) {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let place = usize::try_from(number).unwrap_or(0) % self.micros.len().max(1);
        if let Some(place) = self.micros.get(place) {
            place.store(
                u32::try_from(took.as_micros()).unwrap_or(u32::MAX),
                Ordering::Relaxed,
            );
        }
    }

    /// What the newest say; `None` before the first.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        let taken = usize::try_from(self.taken.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        let mut newest: Vec<u32> = self
            .micros
            .iter()
            .take(taken)
            .map(|micros| micros.load(Ordering::Relaxed))
            .collect();
        newest.sort_unstable();
        let at = |percent: usize| {
            let place = (newest.len() * percent).div_ceil(100).checked_sub(1)?;
            newest
                .get(place)
                .map(|micros| Duration::from_micros(u64::from(*micros)))
        };
        Some(Percentiles {
            p50: at(50)?,
            p95: at(95)?,
            p99: at(99)?,
            of: newest.len(),
        })
    }
}

/// What is counted for one device.
pub(crate) struct DeviceMeters {
    /// Polls, whatever came of them.
    pub(crate) polls: Tally,
    /// Slots that had passed before their poll could begin, and were skipped.
    pub(crate) late: Tally,
    /// Requests without an answer in time.
    pub(crate) timeouts: Tally,
    /// Requests that the device refused.
    pub(crate) refusals: Tally,
    /// Answers and messages that were not of the form asked for.
    pub(crate) malformed: Tally,
    /// Good samples that were dropped because the intake was full.
    pub(crate) dropped: Tally,
    /// How long its polls took on the wire.
    pub(crate) latency: Latencies,
}

impl DeviceMeters {
    /// The counters of a device.
    pub(crate) fn new(device: &str) -> Self {
        let device = device.to_owned();
        let of_device = |name: &'static str| Tally::new(counter!(name, "device" => device.clone()));
        Self {
            polls: of_device("facility_polls_total"),
            late: of_device("facility_polls_late_total"),
            timeouts: of_device("facility_poll_timeouts_total"),
            refusals: of_device("facility_refusals_total"),
            malformed: of_device("facility_malformed_total"),
            dropped: Tally::new(
                counter!("facility_samples_dropped_total", "device" => device.clone(), "reason" => "intake_full"),
            ),
            latency: Latencies::new(DEVICE_WINDOW),
        }
    }
}

/// What is counted for one connection.
pub(crate) struct ConnectionMeters {
    /// Connections made after the first.
    pub(crate) reconnects: Tally,
    up: Gauge,
    is_up: AtomicBool,
    /// MQTT messages that arrived.
    pub(crate) messages: Tally,
    /// MQTT messages of quality of service 0 that came faster than they could be read.
    pub(crate) messages_dropped: Tally,
    poll_seconds: Histogram,
    latency: Latencies,
}

impl ConnectionMeters {
    /// The counters of a connection.
    pub(crate) fn new(connection: &str) -> Self {
        let connection = connection.to_owned();
        let of_connection =
            |name: &'static str| Tally::new(counter!(name, "connection" => connection.clone()));
        let up = gauge!("facility_connection_up", "connection" => connection.clone());
        up.set(0.0);
        Self {
            reconnects: of_connection("facility_reconnects_total"),
            up,
            is_up: AtomicBool::new(false),
            messages: of_connection("facility_messages_total"),
            messages_dropped: of_connection("facility_messages_dropped_total"),
            poll_seconds: histogram!("facility_poll_seconds", "connection" => connection.clone()),
            latency: Latencies::new(CONNECTION_WINDOW),
        }
    }

    /// There is a connection, or there is none.
    pub(crate) fn set_up(&self, is_up: bool) {
        self.up.set(f64::from(u8::from(is_up)));
        self.is_up.store(is_up, Ordering::Relaxed);
    }

    /// Whether there is a connection.
    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// A poll of a device took so long on the wire.
    pub(crate) fn polled(&self, took: Duration) {
        self.poll_seconds.record(took.as_secs_f64());
        self.latency.record(took);
    }

    /// How long the newest polls took.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        self.latency.percentiles()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_newest_only() {
        let latencies = Latencies::new(100);
        assert_eq!(latencies.percentiles(), None);
        latencies.record(Duration::from_secs(9));
        for millis in 1..=100 {
            latencies.record(Duration::from_millis(millis));
        }
        let ms = Duration::from_millis;
        let expected = Percentiles {
            p50: ms(50),
            p95: ms(95),
            p99: ms(99),
            of: 100,
        };
        assert_eq!(latencies.percentiles(), Some(expected));
    }
}
