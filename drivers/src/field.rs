//! What the gateway can see of its drivers: how every device and connection does, what is asked and why, and what was learnt.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use model::{ConnectionIndex, Dense, Device, DeviceIndex, RegisterTable, Site, Unit};
use tokio::sync::Notify;

use crate::exposition::{self, Family};
use crate::latencies::{Percentiles, percentiles};
use crate::memory;
use crate::meters::{ConnectionMeters, DeviceMeters, PollTimes};
use crate::modbus::learnt::Learnt;
use crate::modbus::plan::book::{PlanBook, Plans};
use crate::modbus::plan::plan;

/// The drivers of a site as others see them; cheap to look at while they run.
pub struct Field {
    site: Arc<Site>,
    devices: Dense<DeviceIndex, FieldDevice>,
    connections: Dense<ConnectionIndex, Arc<ConnectionMeters>>,
    times: Arc<PollTimes>,
    plans: PlanBook,
    /// Where what is learnt is kept across restarts.
    path: Option<PathBuf>,
    learnt_more: Notify,
}

struct FieldDevice {
    meters: Arc<DeviceMeters>,
    learnt: Mutex<Arc<Learnt>>,
}

/// How a device does, since the gateway started.
#[derive(Clone, Debug)]
pub struct DeviceStats {
    /// Polls, whatever came of them.
    pub polls: u64,
    /// Polls that were due and were skipped, because the line was busy.
    pub late: u64,
    /// Requests without an answer in time.
    pub timeouts: u64,
    /// Requests that it, or the gateway before it, refused.
    pub refusals: u64,
    /// Answers and messages that were not of the form asked for.
    pub malformed: u64,
    /// Good samples that found no room in the gateway.
    pub dropped: u64,
    /// How long its polls took on the wire.
    pub latency: Option<Percentiles>,
    /// What a poll with all its points asks; nothing over MQTT.
    pub requests: Vec<Request>,
    /// Why it asks in that way.
    pub learnt: Arc<Learnt>,
}

/// One request of a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Of which table.
    pub table: RegisterTable,
    /// The first register or bit.
    pub first: u16,
    /// How many.
    pub count: u16,
    /// How many points it brings.
    pub points: usize,
}

/// How a connection does, since the gateway started.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionStats {
    /// Whether there is a connection now.
    pub is_up: bool,
    /// Connections made after the first.
    pub reconnects: u64,
    /// MQTT messages that arrived.
    pub messages: u64,
    /// MQTT messages of quality of service 0 that came too fast.
    pub messages_dropped: u64,
    /// Polls of its devices, whatever came of them.
    pub polls: u64,
    /// Polls that were due and were skipped, because the line was busy.
    pub late: u64,
    /// Requests without an answer in time.
    pub timeouts: u64,
    /// Requests that a device, or the gateway before it, refused.
    pub refusals: u64,
    /// Answers and messages that were not of the form asked for.
    pub malformed: u64,
    /// How long polls of its devices took on the wire.
    pub latency: Option<Percentiles>,
}

impl Field {
    /// The field of a site, of which nothing is known yet; what is learnt is forgotten when the gateway ends.
    ///
    /// The recorder of metrics has to be installed before, since what is counted with it is registered here.
    pub fn new(site: Arc<Site>) -> Self {
        let times = Arc::<PollTimes>::default();
        Self {
            devices: Dense::new(
                site.devices
                    .values()
                    .map(|device| FieldDevice::new(&device.id))
                    .collect(),
            ),
            connections: Dense::new(
                site.connections
                    .values()
                    .map(|_| Arc::new(ConnectionMeters::new(Arc::clone(&times))))
                    .collect(),
            ),
            times,
            site,
            plans: PlanBook::default(),
            path: None,
            learnt_more: Notify::new(),
        }
    }

    /// The same, with a file that keeps what is learnt across restarts. A file that is spoiled is passed over with a warning:
    /// all in it can be learnt again.
    pub fn remembering(site: Arc<Site>, path: PathBuf) -> Self {
        let mut field = Self::new(site);
        let mut known = memory::load(&path, &field.site);
        for (index, device) in field.site.devices.iter() {
            if let (Some(learnt), Some(kept)) = (known.remove(&device.id), field.devices.get(index)) {
                *lock(&kept.learnt) = Arc::new(learnt);
            }
        }
        field.path = Some(path);
        field
    }

    /// How a device of this site does; `None` for one of another.
    pub fn device(&self, index: DeviceIndex) -> Option<DeviceStats> {
        let (device, kept) = (self.site.devices.get(index)?, self.devices.get(index)?);
        let (meters, learnt) = (&kept.meters, Arc::clone(&lock(&kept.learnt)));
        let requests = match device.unit {
            Unit::Modbus(_) => plan(&device.profile.points, &device.profile.modbus, &learnt, |_| true).reads,
            Unit::Topic(_) => Vec::new(),
        };
        Some(DeviceStats {
            polls: meters.polls.count(),
            late: meters.late.count(),
            timeouts: meters.timeouts.count(),
            refusals: meters.refusals.count(),
            malformed: meters.malformed.count(),
            dropped: meters.dropped.count(),
            latency: percentiles([&meters.latency].into_iter()),
            requests: requests
                .iter()
                .map(|read| Request {
                    table: read.table,
                    first: read.first,
                    count: read.count,
                    points: read.slots.len(),
                })
                .collect(),
            learnt,
        })
    }

    /// How a connection of this site does; `None` for one of another.
    pub fn connection(&self, index: ConnectionIndex) -> Option<ConnectionStats> {
        let meters = self.connections.get(index)?;
        let devices = self
            .site
            .devices
            .iter()
            .filter(|(_, device)| device.connection == index);
        let devices: Vec<_> = devices
            .filter_map(|(device, _)| Some(self.devices.get(device)?.meters.as_ref()))
            .collect();
        let sum = |of: fn(&DeviceMeters) -> u64| devices.iter().map(|device| of(device)).sum();
        Some(ConnectionStats {
            polls: sum(|device| device.polls.count()),
            late: sum(|device| device.late.count()),
            timeouts: sum(|device| device.timeouts.count()),
            refusals: sum(|device| device.refusals.count()),
            malformed: sum(|device| device.malformed.count()),
            is_up: meters.is_up(),
            reconnects: meters.reconnects.count(),
            messages: meters.messages.count(),
            messages_dropped: meters.messages_dropped.count(),
            latency: percentiles(devices.iter().map(|device| &device.latency)),
        })
    }

    /// What is counted of devices and connections, in Prometheus' text format: to be read together with the recorder's own.
    pub fn metrics(&self) -> String {
        let of_devices: [Family<DeviceMeters>; 6] = [
            Family::counter("facility_polls_total", |device| device.polls.count()),
            Family::counter("facility_polls_late_total", |device| device.late.count()),
            Family::counter("facility_poll_timeouts_total", |device| device.timeouts.count()),
            Family::counter("facility_refusals_total", |device| device.refusals.count()),
            Family::counter("facility_malformed_total", |device| device.malformed.count()),
            Family::counter("facility_device_clock_ahead_total", |device| {
                device.clock_ahead.count()
            }),
        ];
        let of_connections: [Family<ConnectionMeters>; 4] = [
            Family::gauge("facility_connection_up", |link| u64::from(link.is_up())),
            Family::counter("facility_reconnects_total", |link| link.reconnects.count()),
            Family::counter("facility_messages_total", |link| link.messages.count()),
            Family::counter("facility_messages_dropped_total", |link| {
                link.messages_dropped.count()
            }),
        ];
        let devices = self.site.devices.values().map(|device| device.id.as_str());
        let devices = devices.zip(self.devices.values().map(|kept| kept.meters.as_ref()));
        let connections = self
            .site
            .connections
            .values()
            .map(|connection| connection.name.as_str());
        let connections = connections.zip(self.connections.values().map(Arc::as_ref));
        let mut out = String::new();
        exposition::write(&mut out, &of_devices, "device", devices);
        exposition::write(&mut out, &of_connections, "connection", connections);
        self.write_plans(&mut out);
        exposition::write_durations(&mut out, "facility_poll_seconds", &self.times.polls);
        exposition::write_durations(&mut out, "facility_decode_seconds", &self.times.decoding);
        out
    }

    /// How many requests a poll with all its points takes, and how long polls take.
    fn write_plans(&self, out: &mut String) {
        let mut requests = Vec::new();
        let mut latencies = Vec::new();
        let mut of_connections = BTreeMap::<_, Vec<_>>::new();
        for (index, device) in self.site.devices.iter() {
            let (Unit::Modbus(_), Some(kept)) = (&device.unit, self.devices.get(index)) else {
                continue;
            };
            let plan = self.plans(device, &self.learnt(index)).of_poll(0);
            requests.push((device.id.as_str(), plan.reads.len() as u64));
            let latency = &kept.meters.latency;
            latencies.extend(percentiles([latency].into_iter()).map(|took| (device.id.as_str(), took)));
            of_connections.entry(device.connection).or_default().push(latency);
        }
        let family = [Family::gauge("facility_poll_requests", |count: &u64| *count)];
        let requests = requests.iter().map(|(device, count)| (*device, count));
        exposition::write(out, &family, "device", requests);
        let name = "facility_device_latency_seconds";
        exposition::write_latencies(out, name, "device", latencies.into_iter());
        let connections = of_connections.into_iter().filter_map(|(index, latencies)| {
            let connection = self.site.connections.get(index)?;
            Some((connection.name.as_str(), percentiles(latencies.into_iter())?))
        });
        let name = "facility_connection_latency_seconds";
        exposition::write_latencies(out, name, "connection", connections);
    }

    /// How a device is polled: as all of its profile, or if it has shown something of itself, in its own way.
    pub(crate) fn plans(&self, device: &Device, learnt: &Learnt) -> Arc<Plans> {
        if learnt.is_empty() {
            self.plans.of(&device.profile)
        } else {
            Arc::new(Plans::new(Arc::clone(&device.profile), learnt.clone()))
        }
    }

    /// The site.
    pub(crate) fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// A device's counters.
    pub(crate) fn device_meters(&self, index: DeviceIndex) -> Option<Arc<DeviceMeters>> {
        Some(Arc::clone(&self.devices.get(index)?.meters))
    }

    /// A connection's counters.
    pub(crate) fn connection_meters(&self, index: ConnectionIndex) -> Option<Arc<ConnectionMeters>> {
        Some(Arc::clone(self.connections.get(index)?))
    }

    /// What is known of a device.
    pub(crate) fn learnt(&self, index: DeviceIndex) -> Learnt {
        self.devices
            .get(index)
            .map(|kept| Learnt::clone(&lock(&kept.learnt)))
            .unwrap_or_default()
    }

    /// Something new is known of a device.
    pub(crate) fn learn(&self, index: DeviceIndex, learnt: &Learnt) {
        if let Some(kept) = self.devices.get(index) {
            *lock(&kept.learnt) = Arc::new(learnt.clone());
            self.learnt_more.notify_one();
        }
    }

    /// Waits until something new is known.
    pub(crate) async fn has_learnt(&self) {
        self.learnt_more.notified().await;
    }

    /// Where what is learnt is kept, and all of it.
    pub(crate) fn to_keep(&self) -> Option<(PathBuf, String)> {
        let all = self
            .site
            .devices
            .iter()
            .map(|(index, device)| (device, self.learnt(index)));
        Some((self.path.clone()?, memory::text(all)))
    }
}

impl FieldDevice {
    fn new(id: &str) -> Self {
        Self {
            meters: Arc::new(DeviceMeters::new(id)),
            learnt: Mutex::default(),
        }
    }
}

/// Nobody who held the lock can have left anything half done.
fn lock(learnt: &Mutex<Arc<Learnt>>) -> std::sync::MutexGuard<'_, Arc<Learnt>> {
    learnt.lock().unwrap_or_else(PoisonError::into_inner)
}
