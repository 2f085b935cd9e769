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
    /// Modbus: after a connection was made, before its first request.
    pub pause_after_connect: Duration,
    /// TLS: whom to trust, and who we are; only links with TLS have it.
    pub tls: Option<Tls>,
    /// MQTT: which version of the protocol is spoken.
    pub mqtt_version: MqttVersion,
    /// MQTT: the largest message taken, in bytes.
    pub max_packet_bytes: u32,
    /// MQTT: the client's name at the broker; unique there.
    pub client_id: String,
    /// MQTT: who we are at the broker.
    pub user: Option<String>,
    /// MQTT: and the proof of it.
    pub password: Option<Secret>,
}

/// Whom a link with TLS trusts and who it says it is, as texts in PEM.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    /// The certificates that the other side's has to be signed by one of; none: those that the system trusts.
    pub authorities: Option<String>,
    /// Our own certificate, with its chain.
    pub certificate: Option<String>,
    /// And the key to it.
    pub key: Option<Secret>,
}

/// The versions of MQTT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MqttVersion {
    /// MQTT 3.1.1.
    V311,
    /// MQTT 5.0.
    #[default]
    V5,
}

/// What is dialled. A host is a name or an address as a socket takes it: an IPv6 one without brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// `modbus+tcp://host:port`, port 502 unless said.
    ModbusTcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// `modbus+tls://host:port`, port 802 unless said (Modbus/TCP Security): Modbus TCP inside TLS.
    ModbusTls {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// `modbus+rtu-over-tcp://host:port`, port 502 unless said: the frames of a serial line on a socket.
    ModbusRtuOverTcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// `modbus+rtu:///dev/ttyS1?baud=9600&parity=even`: a serial line.
    ModbusRtu(SerialLine),
    /// `mqtt://host:port`, port 1883 unless said.
    Mqtt {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// `mqtts://host:port`, port 8883 unless said: MQTT inside TLS.
    Mqtts {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

/// A serial line, with eight data bits, as Modbus RTU has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialLine {
    /// The port's device file.
    pub path: String,
    /// Bits a second.
    pub baud: u32,
    /// The check bit.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
}

impl SerialLine {
    /// How long one character takes on the line: its start bit, eight data bits, the check bit if there is one, and stop bits.
    pub fn character(&self) -> Duration {
        let bits = 9 + u32::from(self.parity != Parity::None) + u32::from(self.stop_bits);
        Duration::from_secs(1) * bits / self.baud.max(1)
    }
}

/// The check bit of a serial line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parity {
    /// There is none.
    None,
    /// What the Modbus specification has (Modbus over Serial Line 2.5.1).
    #[default]
    Even,
    /// An odd one.
    Odd,
}

impl Parity {
    /// The name as a URL writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Even => "even",
            Self::Odd => "odd",
        }
    }
}

impl Link {
    /// The scheme of its URL.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::ModbusTcp { .. } => "modbus+tcp",
            Self::ModbusTls { .. } => "modbus+tls",
            Self::ModbusRtuOverTcp { .. } => "modbus+rtu-over-tcp",
            Self::ModbusRtu(_) => "modbus+rtu",
            Self::Mqtt { .. } => "mqtt",
            Self::Mqtts { .. } => "mqtts",
        }
    }

    /// Reads a link's URL.
    ///
    /// # Errors
    /// What is wrong with it and what would be right.
    pub fn parse(url: &str) -> Result<Self, String> {
        crate::load::link(url)
    }

    /// Whether it speaks Modbus.
    pub fn is_modbus(&self) -> bool {
        !matches!(self, Self::Mqtt { .. } | Self::Mqtts { .. })
    }

    /// Whether it is inside TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::ModbusTls { .. } | Self::Mqtts { .. })
    }

    /// The host and port of a socket; a serial line has none.
    pub fn socket(&self) -> Option<(&str, u16)> {
        match self {
            Self::ModbusTcp { host, port }
            | Self::ModbusTls { host, port }
            | Self::ModbusRtuOverTcp { host, port }
            | Self::Mqtt { host, port }
            | Self::Mqtts { host, port } => Some((host, *port)),
            Self::ModbusRtu(_) => None,
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme();
        match (self.socket(), self) {
            // An IPv6 address has colons of its own.
            (Some((host, port)), _) if host.contains(':') => write!(formatter, "{scheme}://[{host}]:{port}"),
            (Some((host, port)), _) => write!(formatter, "{scheme}://{host}:{port}"),
            (None, Self::ModbusRtu(line)) => {
                let (path, baud, parity) = (&line.path, line.baud, line.parity.name());
                write!(
                    formatter,
                    "{scheme}://{path}?baud={baud}&parity={parity}&stop={}",
                    line.stop_bits
                )
            }
            (None, _) => formatter.write_str(scheme),
        }
    }
}
