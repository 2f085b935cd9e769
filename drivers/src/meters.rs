//! What is counted of each device and connection, as numbers that cost an addition and a few bytes each.
//!
//! They are written out for `/metrics` only when it is read (`exposition`): a thousand devices have too many numbers to keep the name
//! and the labels of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, counter};

use crate::durations::Durations;
use crate::latencies::Latencies;

/// A count since the start.
#[derive(Debug, Default)]
pub(crate) struct Tally(AtomicU64);

impl Tally {
    /// Counts `more`.
    pub(crate) fn increment(&self, more: u64) {
        if more > 0 {
            self.0.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Counts `more`. Only one task may: two at once could lose some. It waits for no other processor, nor for the memory.
    pub(crate) fn increment_alone(&self, more: u64) {
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(before.wrapping_add(more), Ordering::Relaxed);
    }

    /// The count since the start.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Good samples that found no room in the gateway. Others drop samples as well and count them under the same name, with other
/// reasons; so this one is a counter of the recorder's, like theirs.
pub(crate) struct Dropped {
    counter: Counter,
    tally: Tally,
}

impl Dropped {
    pub(crate) fn increment(&self, more: u64) {
        self.counter.increment(more);
        self.tally.increment(more);
    }

    pub(crate) fn count(&self) -> u64 {
        self.tally.count()
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
    /// Readings whose own time was so far ahead that they have that of their arrival.
    pub(crate) clock_ahead: Tally,
    /// Good samples that were dropped because the intake was full.
    pub(crate) dropped: Dropped,
    /// How long its polls took on the wire.
    pub(crate) latency: Latencies,
}

impl DeviceMeters {
    /// The counts of a device.
    pub(crate) fn new(device: &str) -> Self {
        let device = device.to_owned();
        Self {
            polls: Tally::default(),
            late: Tally::default(),
            timeouts: Tally::default(),
            refusals: Tally::default(),
            malformed: Tally::default(),
            clock_ahead: Tally::default(),
            dropped: Dropped {
                counter: counter!("facility_samples_dropped_total", "device" => device, "reason" => "intake_full"),
                tally: Tally::default(),
            },
            latency: Latencies::new(),
        }
    }
}

/// What is counted for one connection.
pub(crate) struct ConnectionMeters {
    /// Connections made after the first.
    pub(crate) reconnects: Tally,
    is_up: AtomicBool,
    /// MQTT messages that arrived.
    pub(crate) messages: Tally,
    /// MQTT messages of quality of service 0 that came faster than they could be read.
    pub(crate) messages_dropped: Tally,
    times: Arc<PollTimes>,
}

/// How long the polls of all connections took: how a single one does is told by its devices' percentiles.
#[derive(Debug, Default)]
pub(crate) struct PollTimes {
    /// On the wire.
    pub(crate) polls: Durations,
    /// To read what was answered.
    pub(crate) decoding: Durations,
}

impl ConnectionMeters {
    /// The counts of a connection, whose polls count among the `times` of all.
    pub(crate) fn new(times: Arc<PollTimes>) -> Self {
        Self {
            reconnects: Tally::default(),
            is_up: AtomicBool::new(false),
            messages: Tally::default(),
            messages_dropped: Tally::default(),
            times,
        }
    }

    /// There is a connection, or there is none.
    pub(crate) fn set_up(&self, is_up: bool) {
        self.is_up.store(is_up, Ordering::Relaxed);
    }

    /// Whether there is a connection.
    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// A poll of a device took so long on the wire, and its answers so long to be read.
    pub(crate) fn polled(&self, took: Duration, decoding: Duration) {
        self.times.polls.record(took);
        self.times.decoding.record(decoding);
    }
}
