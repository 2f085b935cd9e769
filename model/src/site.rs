//! A property as its folder describes it: what is there, how it is reached, and what was promised.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::{
    Class, Connection, ConnectionIndex, Dense, Device, DeviceIndex, DutyShift, PointId, Profile, Publishing,
    Standard,
};

/// A loaded site. Everything in it is checked; what was faulty is left out (and told by [`crate::load`]).
#[derive(Clone, Debug)]
pub struct Site {
    /// The site's id; a tag of its telemetry.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its zone, by IANA name.
    pub timezone: jiff::tz::TimeZone,
    /// Where the HTTP side listens.
    pub listen: SocketAddr,
    /// The ways to devices, by name's order.
    pub connections: Dense<ConnectionIndex, Connection>,
    /// Bundled and own profiles by id, whether a device has them or not.
    pub profiles: BTreeMap<String, Arc<Profile>>,
    /// The equipment, in the file's order.
    pub devices: Dense<DeviceIndex, Device>,
    /// Where telemetry goes; none: local history only.
    pub influxdb: Option<InfluxDb>,
    /// Where it goes as well, by name; each has a delivery of its own.
    pub destinations: BTreeMap<String, InfluxDb>,
    /// Where the gateway publishes what it knows; none: nowhere.
    pub mqtt: Option<Publishing>,
    /// How people are told.
    pub notify: Notify,
    /// What was promised.
    pub standard: Standard,
    /// Who is on duty, as `roster.csv` has it.
    pub roster: Vec<DutyShift>,
    /// Own rule scripts, in the order of their names.
    pub scripts: Vec<Script>,
    /// Own procedures (`rules/procedures/*.md`), by file name.
    pub procedures: BTreeMap<String, String>,
}

/// Where telemetry is written.
#[derive(Clone, Debug, PartialEq)]
pub struct InfluxDb {
    /// `http://host:port` or `https://host`; a path may follow with version 1 or https.
    pub url: String,
    /// Certificates of authorities (PEM) that are trusted beside the system's own; for https.
    pub ca_pem: Option<String>,
    /// Which write API, with what it needs.
    pub version: InfluxVersion,
}

/// The two write APIs.
#[derive(Clone, Debug, PartialEq)]
pub enum InfluxVersion {
    /// `/write` of 1.x.
    V1 {
        /// The database.
        database: String,
        /// The retention policy; none: the database's default.
        retention_policy: Option<String>,
        /// Who we are.
        user: Option<String>,
        /// And the proof of it.
        password: Option<Secret>,
    },
    /// `/api/v2/write` of 2.x, 3 and those who speak it.
    V2 {
        /// The organisation.
        org: String,
        /// The bucket.
        bucket: String,
        /// The token; may be absent for servers that ask for none.
        token: Option<Secret>,
    },
}

/// How people are told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notify {
    /// An HTTP endpoint that takes every alert as JSON.
    pub webhook: Option<Webhook>,
}

/// An HTTP endpoint that takes alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Where to POST.
    pub url: String,
}

/// Something never printed: its `Debug` and `Display` are dots.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("•••")
    }
}

/// A rule script of the site's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Its file, relative to the site's folder (`rules/pumps.rhai`).
    pub file: String,
    /// What it says.
    pub text: String,
}

impl Site {
    /// How many points the devices have together.
    pub fn point_count(&self) -> usize {
        self.devices
            .values()
            .map(|device| device.profile.points.len())
            .sum()
    }

    /// The device of that id.
    pub fn device_by_id(&self, id: &str) -> Option<(DeviceIndex, &Device)> {
        self.devices.iter().find(|(_, device)| device.id == id)
    }

    /// Every point with its device, in the order of their numbers.
    pub fn points(&self) -> impl Iterator<Item = (PointId, DeviceIndex)> {
        self.devices
            .iter()
            .flat_map(|(index, device)| device.points().map(move |(point, _)| (point, index)))
    }

    /// The profiles of a class.
    pub fn profiles_of<'site>(&'site self, class: &'site Class) -> impl Iterator<Item = &'site Arc<Profile>> {
        self.profiles
            .values()
            .filter(move |profile| profile.class == *class)
    }
}
