//! What the tests of the poll loop share: a site that runs, and its batches as they come.

use std::sync::Arc;
use std::time::Duration;

use model::RegisterTable::Holding;
use model::{Batch, DataType, DeviceIndex, Missing, Profile, Reading, Sample, Site, Unit, Value};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::raw_server::RawServer;
use crate::test_site::{modbus_at, point_at, profile, site};
use crate::{Delivery, Drivers, Field, start};

pub(crate) struct Running {
    pub(crate) batches: mpsc::Receiver<Delivery>,
    pub(crate) drivers: Drivers,
    pub(crate) stop: DropGuard,
}

pub(crate) fn run(site: Site) -> Running {
    run_in(Arc::new(Field::new(Arc::new(site))))
}

pub(crate) fn run_in(field: Arc<Field>) -> Running {
    let (intake, batches) = mpsc::channel(10_000);
    let stop = CancellationToken::new();
    let drivers = start(field, intake, stop.clone());
    Running {
        batches,
        drivers,
        stop: stop.drop_guard(),
    }
}

impl Running {
    pub(crate) async fn next(&mut self) -> Batch {
        tokio::time::timeout(Duration::from_secs(10), self.batches.recv())
            .await
            .expect("a batch in time")
            .unwrap()
            .batch
    }

    pub(crate) async fn next_of(&mut self, device: u32) -> Batch {
        loop {
            let batch = self.next().await;
            if batch.device == DeviceIndex(device) {
                return batch;
            }
        }
    }
}

pub(crate) fn readings(batch: &Batch) -> Vec<Reading> {
    batch
        .samples
        .iter()
        .map(|sample: &Sample| sample.reading.clone())
        .collect()
}

pub(crate) fn good(number: u16) -> Reading {
    Reading::Good(Value::Number(f64::from(number)))
}

pub(crate) const NO_ANSWER: Reading = Reading::Missing(Missing::NoAnswer);

/// A profile of u16 holding registers.
pub(crate) fn registers(numbers: &[u16]) -> Arc<Profile> {
    profile(
        numbers
            .iter()
            .map(|number| point_at(Holding, *number, DataType::U16))
            .collect(),
    )
}

pub(crate) fn fast(mut site: Site, interval: Duration) -> Site {
    let mut devices: Vec<_> = site.devices.values().cloned().collect();
    devices.iter_mut().for_each(|device| device.interval = interval);
    site.devices = model::Dense::new(devices);
    site
}

pub(crate) fn one_device(server: &RawServer, numbers: &[u16]) -> Site {
    site(modbus_at(server.address), [(Unit::Modbus(1), registers(numbers))])
}
