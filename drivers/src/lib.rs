//! Devices to samples: reads every device of a site over Modbus or MQTT and hands its batches to the gateway's intake.
//!
//! [`check`] says before a start what a driver could not read; [`start`] dials, and never fails because a device is away.
//! Below it, each connection is one task of its own: `modbus` asks, `mqtt` listens. Every decision (what is due, which
//! registers are read together, when a silent unit is tried again, what an answer means) is a plain function; the
//! loops in `modbus/poll.rs` and `mqtt/subscribe.rs` only do what those say.

mod backoff;
mod check;
mod clock;
mod delivery;
#[cfg(test)]
mod docs_tests;
mod durations;
mod exposition;
mod field;
#[cfg(test)]
mod fuzz_tests;
mod health;
mod latencies;
mod memory;
mod meters;
mod modbus;
mod mqtt;
#[cfg(test)]
mod test_site;
#[cfg(test)]
mod test_tls;
mod tls;

pub use check::check;
pub use delivery::{Delivery, Receipt};
pub use field::{ConnectionStats, DeviceStats, Field, Request};
pub use latencies::Percentiles;
pub use modbus::learnt::{Learnt, Length, Stretch};
pub use modbus::probe;
pub use mqtt::publish;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use clock::SteadyClock;

/// The running drivers of a site: one task for each connection that has a device in service, and one that keeps what they learn.
#[derive(Debug)]
pub struct Drivers {
    connections: JoinSet<()>,
}

/// Starts a task for each connection of the field's site on the current runtime.
///
/// Batches go to `intake`. A poll's batch never waits there: when the intake is full the batch is dropped and its good samples
/// are counted. A message's batch waits, unacknowledged. Until `stop` is cancelled the tasks go on, whatever devices do.
pub fn start(field: Arc<Field>, intake: mpsc::Sender<Delivery>, stop: CancellationToken) -> Drivers {
    let site = Arc::clone(field.site());
    // One for all, so that slots on one grid come at one moment.
    let clock = SteadyClock::begin();
    let mut connections = JoinSet::new();
    for (index, connection) in site.connections.iter() {
        let devices: Vec<_> = site
            .devices
            .iter()
            .filter(|(_, device)| device.connection == index && device.in_service)
            .map(|(device, _)| device)
            .collect();
        if devices.is_empty() {
            continue;
        }
        let (field, intake, stop) = (field.clone(), intake.clone(), stop.clone());
        if connection.link.is_modbus() {
            connections.spawn(modbus::poll::run(field, index, devices, clock, intake, stop));
        } else {
            connections.spawn(mqtt::subscribe::run(field, index, devices, intake, stop));
        }
    }
    connections.spawn(memory::keep(field, stop));
    Drivers { connections }
}

impl Drivers {
    /// Waits until every connection's task has ended, which is soon after `stop` is cancelled: a Modbus request that is
    /// under way is given up, and an MQTT connection waits at most a second for the receipts of what it has delivered.
    pub async fn stopped(mut self) {
        while let Some(ended) = self.connections.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the task of a connection ended by itself; restart the gateway and report this");
            }
        }
    }
}
