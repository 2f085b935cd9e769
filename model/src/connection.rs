//! One physical way to devices: a TCP socket, a serial line, a broker.

use std::fmt;
use std::time::Duration;

use crate::Secret;

/// One physical way to devices.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// `[a-z][a-z0-9_]*`, unique.
    pub name: String,
    /// What is dialled.
    pub link: Link,
    /// From one poll of a device to the next, unless the device has its own.
    pub interval: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
    /// Between two requests on the link.
    pub pause: Duration,
    /// MQTT: the largest message taken, in bytes.
    pub max_packet_bytes: u32,
    /// MQTT: the client's name at the broker; unique there.
    pub client_id: String,
    /// MQTT: who we are at the broker.
    pub user: Option<String>,
    /// MQTT: and the proof of it.
    pub password: Option<Secret>,
}

/// What is dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// `modbus+tcp://host:port`, port 502 unless said.
    ModbusTcp {
        /// Name or address, as a socket takes it: an IPv6 one without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// `mqtt://host:port`, port 1883 unless said.
    Mqtt {
        /// Name or address, as a socket takes it: an IPv6 one without brackets.
        host: String,
        /// Port.
        port: u16,
    },
}

impl Link {
    /// The scheme of its URL.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::ModbusTcp { .. } => "modbus+tcp",
            Self::Mqtt { .. } => "mqtt",
        }
    }

    /// Whether it speaks Modbus.
    pub fn is_modbus(&self) -> bool {
        matches!(self, Self::ModbusTcp { .. })
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, Self::ModbusTcp { host, port } | Self::Mqtt { host, port }) = (self.scheme(), self);
        // An IPv6 address has colons of its own.
        if host.contains(':') {
            write!(formatter, "{scheme}://[{host}]:{port}")
        } else {
            write!(formatter, "{scheme}://{host}:{port}")
        }
    }
}
