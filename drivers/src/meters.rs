//! The drivers' counters, registered once for a device or a connection so that counting costs one addition.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// What is counted for one device.
#[derive(Clone)]
pub(crate) struct DeviceMeters {
    /// Polls, whatever came of them.
    pub(crate) polls: Counter,
    /// Slots that had passed before their poll could begin, and were skipped.
    pub(crate) late: Counter,
    /// Requests without an answer in time.
    pub(crate) timeouts: Counter,
    /// Requests that the device refused.
    pub(crate) refusals: Counter,
    /// Answers and messages that were not of the form asked for.
    pub(crate) malformed: Counter,
    /// Good samples that were dropped because the intake was full.
    pub(crate) dropped: Counter,
}

impl DeviceMeters {
    /// The counters of a device.
    pub(crate) fn new(device: &str) -> Self {
        let device = device.to_owned();
        Self {
            polls: counter!("facility_polls_total", "device" => device.clone()),
            late: counter!("facility_polls_late_total", "device" => device.clone()),
            timeouts: counter!("facility_poll_timeouts_total", "device" => device.clone()),
            refusals: counter!("facility_refusals_total", "device" => device.clone()),
            malformed: counter!("facility_malformed_total", "device" => device.clone()),
            dropped: counter!("facility_samples_dropped_total", "device" => device, "reason" => "intake_full"),
        }
    }
}

/// What is counted for one connection.
#[derive(Clone)]
pub(crate) struct ConnectionMeters {
    /// Connections made after the first.
    pub(crate) reconnects: Counter,
    /// 1 while there is a connection, else 0.
    pub(crate) up: Gauge,
    /// MQTT messages that arrived.
    pub(crate) messages: Counter,
    /// MQTT messages of quality of service 0 that came faster than they could be read.
    pub(crate) messages_dropped: Counter,
    /// Seconds that a poll of a device took on the wire.
    pub(crate) poll_seconds: Histogram,
}

impl ConnectionMeters {
    /// The counters of a connection.
    pub(crate) fn new(connection: &str) -> Self {
        let connection = connection.to_owned();
        let up = gauge!("facility_connection_up", "connection" => connection.clone());
        up.set(0.0);
        Self {
            reconnects: counter!("facility_reconnects_total", "connection" => connection.clone()),
            up,
            messages: counter!("facility_messages_total", "connection" => connection.clone()),
            messages_dropped: counter!("facility_messages_dropped_total", "connection" => connection.clone()),
            poll_seconds: histogram!("facility_poll_seconds", "connection" => connection),
        }
    }
}
