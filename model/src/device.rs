//! One piece of equipment behind a connection.

use std::sync::Arc;
use std::time::Duration;

use crate::{ConnectionIndex, Place, Point, PointId, Profile};

/// One piece of equipment: a line of `devices.csv`.
#[derive(Clone, Debug)]
pub struct Device {
    /// `[a-z][a-z0-9_-]*`, unique in the site.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it has.
    pub profile: Arc<Profile>,
    /// The way to it.
    pub connection: ConnectionIndex,
    /// Which one behind that connection.
    pub unit: Unit,
    /// The building, as people write it; may be empty.
    pub building: String,
    /// Where in it; may be empty.
    pub location: String,
    /// From one poll to the next.
    pub interval: Duration,
    /// A device out of service is neither polled nor judged.
    pub in_service: bool,
    /// The number of its first point; the others follow in the profile's order.
    pub first_point: PointId,
    /// Where its line stands, for faults that are found later.
    pub place: Place,
}

/// Which device behind a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A Modbus unit id, 0 to 255.
    Modbus(u8),
    /// An MQTT topic, without wildcards.
    Topic(String),
}

impl Device {
    /// The number of the point at a position of its profile.
    pub fn point_id(&self, position: usize) -> PointId {
        PointId(self.first_point.0 + u32::try_from(position).unwrap_or(u32::MAX))
    }

    /// Its points with their numbers.
    pub fn points(&self) -> impl Iterator<Item = (PointId, &Point)> {
        self.profile
            .points
            .iter()
            .enumerate()
            .map(|(position, point)| (self.point_id(position), point))
    }

    /// The point of that number, if it is one of its own.
    pub fn point(&self, id: PointId) -> Option<&Point> {
        let position = id.0.checked_sub(self.first_point.0)?;
        self.profile.points.get(position as usize)
    }
}
