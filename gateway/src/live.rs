//! The live image: the newest sample of every point, and how each device answers.

use jiff::Timestamp;
use model::{Batch, BatchOrder, Dense, DeviceIndex, Missing, PointId, Reading, Sample, Site, Unit};

/// After so many polls without an answer a device is offline.
const OFFLINE_AFTER: u32 = 3;
/// The same over MQTT, where nobody asks: a silence is told after three intervals without a message, or once the broker or the node says
/// that the device is gone.
const OFFLINE_AFTER_MQTT: u32 = 1;

/// The newest sample of every point.
#[derive(Debug)]
pub struct Live {
    devices: Dense<DeviceIndex, LiveDevice>,
    readings: Dense<PointId, Reading>,
}

/// How a device answers.
#[derive(Clone, Debug)]
struct LiveDevice {
    first_point: PointId,
    points: usize,
    in_service: bool,
    newest: Option<BatchOrder>,
    /// When each of its points was read, once a batch has left some out; before, all of them with the newest.
    at_of_points: Option<Box<[Option<Timestamp>]>>,
    unanswered: u32,
    /// So many, and it is offline.
    offline_after: u32,
    answered_ever: bool,
    version: u64,
}

/// The newest sample of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LivePoint<'live> {
    /// What it says.
    pub reading: &'live Reading,
    /// When; none before the first.
    pub at: Option<Timestamp>,
}

/// How a device is, in the contract's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceState {
    /// Never read yet.
    Unknown,
    /// It answers, and every point is good.
    Ok,
    /// It answers, but some points are not good.
    Degraded,
    /// Three polls unanswered.
    Offline,
    /// Not polled.
    OutOfService,
}

impl DeviceState {
    /// The name that the contract gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Offline => "offline",
            Self::OutOfService => "out_of_service",
        }
    }
}

impl Live {
    /// An image of a site of which nothing has been read.
    pub fn new(site: &Site) -> Self {
        let device = |device: &model::Device| LiveDevice {
            first_point: device.first_point,
            points: device.profile.points.len(),
            in_service: device.in_service,
            newest: None,
            at_of_points: None,
            unanswered: 0,
            offline_after: match device.unit {
                Unit::Modbus(_) => OFFLINE_AFTER,
                Unit::Topic(_) => OFFLINE_AFTER_MQTT,
            },
            answered_ever: false,
            version: 0,
        };
        Self {
            devices: Dense::new(site.devices.values().map(device).collect()),
            readings: Dense::build(site.point_count(), |_| Reading::Missing(Missing::NotReadYet)),
        }
    }

    /// Takes in a batch; one that is not newer than what is here changes nothing. Returns whether it was taken in.
    pub fn take(&mut self, batch: &Batch) -> bool {
        let device = self.devices.at_mut(batch.device);
        if device
            .newest
            .is_some_and(|newest| !batch.order().is_newer_than(newest))
        {
            return false;
        }
        let before = (device.is_offline(), device.answered_ever);
        let silent = batch
            .samples
            .iter()
            .all(|sample| sample.reading == Reading::Missing(Missing::NoAnswer));
        device.unanswered = if silent {
            device.unanswered.saturating_add(1)
        } else {
            0
        };
        device.answered_ever |= !silent;
        device.note_time(batch);
        let mut changed = before != (device.is_offline(), device.answered_ever);
        for sample in &batch.samples {
            let reading = self.readings.at_mut(sample.point);
            if *reading != sample.reading {
                changed = true;
                reading.clone_from(&sample.reading);
            }
        }
        if changed {
            device.version += 1;
        }
        true
    }

    /// How a device is.
    pub fn state(&self, device: DeviceIndex) -> DeviceState {
        let live = self.devices.at(device);
        if !live.in_service {
            DeviceState::OutOfService
        } else if live.is_offline() {
            DeviceState::Offline
        } else if !live.answered_ever {
            DeviceState::Unknown
        } else if self.points_of(device).all(|(_, point)| point.reading.is_good()) {
            DeviceState::Ok
        } else {
            DeviceState::Degraded
        }
    }

    /// The newest samples of a device, in the profile's order.
    pub fn points_of(&self, device: DeviceIndex) -> impl Iterator<Item = (PointId, LivePoint<'_>)> {
        let live = self.devices.at(device);
        let first = live.first_point.0;
        let count = u32::try_from(live.points).unwrap_or(u32::MAX);
        (first..first.saturating_add(count))
            .zip(0..)
            .map(move |(id, position)| {
                let point = LivePoint {
                    reading: self.readings.at(PointId(id)),
                    at: live.at_of(position),
                };
                (PointId(id), point)
            })
    }

    /// Counts up whenever a value, a quality or the state of a device changes.
    pub fn version(&self, device: DeviceIndex) -> u64 {
        self.devices.at(device).version
    }

    /// Everything that is known of a device as one batch, for those who missed some; none before the first.
    pub fn newest(&self, device: DeviceIndex) -> Option<Batch> {
        let newest = self.devices.get(device)?.newest?;
        let samples = self.points_of(device).map(|(point, live)| Sample {
            point,
            reading: live.reading.clone(),
        });
        Some(Batch {
            device,
            at: newest.at,
            order: newest.order,
            samples: samples.collect(),
        })
    }
}

impl LiveDevice {
    fn is_offline(&self) -> bool {
        self.unanswered >= self.offline_after
    }

    fn at_of(&self, position: usize) -> Option<Timestamp> {
        match &self.at_of_points {
            Some(each) => each.get(position).copied().flatten(),
            None => self.newest.map(|newest| newest.at),
        }
    }

    /// Points have times of their own only where they are not read together: most devices' always are, and a time is larger than a
    /// number.
    fn note_time(&mut self, batch: &Batch) {
        let before = self.newest.replace(batch.order());
        let before = before.map(|newest| newest.at);
        if batch.samples.len() < self.points && self.at_of_points.is_none() {
            self.at_of_points = Some(vec![before; self.points].into());
        }
        if let Some(each) = &mut self.at_of_points {
            for sample in &batch.samples {
                let position = sample.point.0.wrapping_sub(self.first_point.0) as usize;
                if let Some(at) = each.get_mut(position) {
                    *at = Some(batch.at);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_site::one_fire_main;
    use model::Value;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    fn batch(site: &Site, seconds: i64, reading: Reading) -> Batch {
        let device = site.devices.values().next().unwrap();
        let samples = device.points().map(|(point, _)| Sample {
            point,
            reading: reading.clone(),
        });
        Batch {
            device: DeviceIndex(0),
            at: at(seconds),
            order: 0,
            samples: samples.collect(),
        }
    }

    #[test]
    fn a_device_behind_a_broker_is_offline_once_its_silence_or_its_death_is_told() {
        let mut site = one_fire_main();
        let mut devices: Vec<_> = site.devices.values().cloned().collect();
        devices[0].unit = Unit::Topic("yard/fire".into());
        site.devices = Dense::new(devices);
        let mut live = Live::new(&site);
        live.take(&batch(&site, 0, Reading::Good(Value::Number(0.4))));
        assert_eq!(live.state(DeviceIndex(0)), DeviceState::Ok);
        live.take(&batch(&site, 1, Reading::Missing(Missing::NoAnswer)));
        assert_eq!(live.state(DeviceIndex(0)), DeviceState::Offline);
        live.take(&batch(&site, 2, Reading::Good(Value::Number(0.4))));
        assert_eq!(live.state(DeviceIndex(0)), DeviceState::Ok);
    }

    #[test]
    fn a_device_goes_from_unknown_to_ok_to_offline_and_back() {
        let site = one_fire_main();
        let mut live = Live::new(&site);
        let device = DeviceIndex(0);
        assert_eq!(live.state(device), DeviceState::Unknown);
        live.take(&batch(&site, 0, Reading::Good(Value::Number(0.4))));
        assert_eq!(live.state(device), DeviceState::Ok);
        for second in 1..=2 {
            live.take(&batch(&site, second, Reading::Missing(Missing::NoAnswer)));
            assert_eq!(live.state(device), DeviceState::Degraded);
        }
        live.take(&batch(&site, 3, Reading::Missing(Missing::NoAnswer)));
        assert_eq!(live.state(device), DeviceState::Offline);
        live.take(&batch(&site, 4, Reading::Good(Value::Number(0.4))));
        assert_eq!(live.state(device), DeviceState::Ok);
    }

    #[test]
    fn an_older_sample_never_replaces_a_newer_one() {
        let site = one_fire_main();
        let mut live = Live::new(&site);
        live.take(&batch(&site, 10, Reading::Good(Value::Number(0.4))));
        assert!(!live.take(&batch(&site, 9, Reading::Good(Value::Number(0.1)))));
        assert!(
            live.points_of(DeviceIndex(0))
                .all(|(_, point)| *point.reading == Reading::Good(Value::Number(0.4)))
        );
    }

    #[test]
    fn the_version_counts_only_changes() {
        let site = one_fire_main();
        let mut live = Live::new(&site);
        live.take(&batch(&site, 0, Reading::Good(Value::Number(0.4))));
        let version = live.version(DeviceIndex(0));
        live.take(&batch(&site, 1, Reading::Good(Value::Number(0.4))));
        assert_eq!(live.version(DeviceIndex(0)), version);
        live.take(&batch(&site, 2, Reading::Good(Value::Number(0.5))));
        assert_eq!(live.version(DeviceIndex(0)), version + 1);
    }

    #[test]
    fn a_point_that_a_batch_leaves_out_keeps_the_time_of_its_own_reading() {
        let site = one_fire_main();
        let mut live = Live::new(&site);
        let times = |live: &Live| -> Vec<_> {
            live.points_of(DeviceIndex(0))
                .map(|(_, point)| point.at)
                .collect()
        };
        assert_eq!(times(&live), [None, None]);
        let whole = |second| batch(&site, second, Reading::Good(Value::Number(0.4)));
        let first_point_only = |second| {
            let mut batch = whole(second);
            batch.samples.truncate(1);
            batch
        };
        live.take(&whole(0));
        assert_eq!(times(&live), [Some(at(0)), Some(at(0))]);
        live.take(&first_point_only(1));
        live.take(&first_point_only(2));
        assert_eq!(times(&live), [Some(at(2)), Some(at(0))]);
        live.take(&whole(3));
        assert_eq!(times(&live), [Some(at(3)), Some(at(3))]);
        let mut live = Live::new(&site);
        live.take(&first_point_only(1));
        assert_eq!(times(&live), [Some(at(1)), None]);
    }
}
