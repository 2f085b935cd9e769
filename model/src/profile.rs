//! What one model of device has: its class, its points, and what its Modbus side can take.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Point, RegisterTable, Text};

/// The kind of equipment: `fire_water`, `elevator`, … ; telemetry's measurement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(pub Arc<str>);

impl Class {
    /// The class's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What one model of device has.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Its file's name without `.toml`; what `devices.csv` calls it.
    pub id: String,
    /// The kind of equipment.
    pub class: Class,
    /// What people call the model.
    pub name: Text,
    /// What the Modbus side can take.
    pub modbus: ModbusLimits,
    /// How its messages are read.
    pub mqtt: MqttForm,
    /// Its points in the file's order: the first ones head a device's page.
    pub points: Vec<Point>,
}

/// What a device's Modbus side can take in one request.
#[derive(Clone, Debug, PartialEq)]
pub struct ModbusLimits {
    /// Most registers in one answer, 1 to 125 (the Modbus specification's own bound).
    pub max_registers: u16,
    /// Most bits in one answer, 1 to 2000 (likewise).
    pub max_bits: u16,
    /// Never to be read, not even between two points.
    pub skip: Vec<SkippedRegisters>,
    /// Whether the device keeps the request's transaction id.
    pub transaction_ids: TransactionIds,
}

impl Default for ModbusLimits {
    fn default() -> Self {
        Self {
            max_registers: 125,
            max_bits: 2000,
            skip: Vec::new(),
            transaction_ids: TransactionIds::Strict,
        }
    }
}

/// How the messages of an MQTT device are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MqttForm {
    /// What a message is.
    pub payload: MqttPayload,
    /// A JSON pointer to a list of readings in a message, oldest first; none: the message is one reading.
    pub items: Option<String>,
    /// A JSON pointer to the time in a reading (RFC 3339, or seconds or milliseconds since 1970); none: it is when it arrived.
    pub time: Option<String>,
    /// A message may leave points out; one without a value for so long is stale. None: a point left out has no value.
    pub stale_after: Option<Duration>,
}

/// What a message of an MQTT device is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MqttPayload {
    /// JSON, or a bare number or text.
    #[default]
    Json,
    /// Sparkplug B: the device's unit is `spBv1.0/GROUP/NODE` or `spBv1.0/GROUP/NODE/DEVICE`, and `/Outlet/Pressure` is the metric
    /// of the name `Outlet/Pressure`.
    Sparkplug,
}

/// Registers that must never be read, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedRegisters {
    /// Of which table.
    pub table: RegisterTable,
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

/// Whether a device answers with the transaction id that it was asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionIds {
    /// It does; an answer with another one is not ours.
    Strict,
    /// It does not keep them.
    Ignore,
}

impl Profile {
    /// The point of that name and its position in the profile.
    pub fn point(&self, name: &str) -> Option<(usize, &Point)> {
        self.points
            .iter()
            .enumerate()
            .find(|(_, point)| point.name == name)
    }
}
