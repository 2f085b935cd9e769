//! A simulated device with no connection: what a right reader would read of it, for whoever measures what a day of readings takes.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::{Device, Missing, Reading, Unit};

use crate::device::Simulated;
use crate::encode;

/// A device's model by itself.
pub struct Unplugged {
    device: Device,
    state: Simulated,
}

impl Unplugged {
    /// A device as it is at `now`, in normal operation.
    pub fn new(device: &Device, timezone: TimeZone, now: Timestamp) -> Self {
        Self {
            device: device.clone(),
            state: Simulated::new(device, timezone, now),
        }
    }

    /// What is read of each point at `now`, in the profile's order: as the wire has it, with its scale and its width.
    pub fn readings(&mut self, now: Timestamp) -> Vec<Reading> {
        let shown = self.state.show(&self.device.profile, now);
        let points = self.device.profile.points.iter().zip(shown);
        let read = points.map(|(point, value)| match &self.device.unit {
            Unit::Topic(_) => encode::value_of_json(point, &encode::json(point, &value)),
            Unit::Modbus(_) => encode::value_of_words(point, &encode::words(point, &value)),
        });
        read.map(|value| value.map_or(Reading::Missing(Missing::NoValue), Reading::Good))
            .collect()
    }
}
