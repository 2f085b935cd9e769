//! One client for both versions of MQTT: what who publishes says and hears, whichever is spoken.

use std::sync::Arc;
use std::time::Duration;

use model::{Connection, MqttVersion};
use rumqttc::mqttbytes::QoS as QoS4;
use rumqttc::mqttbytes::v4::{LastWill as Will4, Packet as Packet4};
use rumqttc::v5::mqttbytes::QoS as QoS5;
use rumqttc::v5::mqttbytes::v5::{LastWill as Will5, Packet as Packet5, PubAckReason};
use rumqttc::{Outgoing, TlsConfiguration, Transport, v5};

use crate::tls;

/// How many of our own messages may be on their way before the first of them is acknowledged; more than ever are.
const IN_FLIGHT_MOST: u16 = 100;
/// Room for requests to the client; more than there ever are.
const REQUESTS_MOST: usize = 1_000;
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// What the broker says.
pub(crate) enum Said {
    /// The connection is made.
    Connected,
    /// A message of quality of service 1 is on its way under that number; in the order in which they were asked for.
    Sent(u16),
    /// The broker has taken the message of that number, or why it refused it.
    Taken(u16, Result<(), String>),
    /// It ends the connection, and why.
    Ends(String),
    /// Something that nothing follows from.
    Nothing,
}

/// What became of a request to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requested {
    /// It is on its way, or nobody is there who could send it.
    Done,
    /// The client has no room for it now.
    NoRoom,
}

/// The speaking side; cheap to clone.
#[derive(Clone)]
pub(crate) enum Client {
    V5(v5::AsyncClient),
    V311(rumqttc::AsyncClient),
}

/// The hearing side.
pub(crate) enum Events {
    V5(Box<v5::EventLoop>),
    V311(Box<rumqttc::EventLoop>),
}

/// What the broker publishes, retained, when we are gone without a word.
#[derive(Clone, Debug)]
pub struct LastWill {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
}

/// A client for a connection; nothing is dialled before the first event is asked for. `None` when the link is no broker's, or its
/// certificates are of no use, which [`crate::check`] tells.
pub(crate) fn client(connection: &Connection, will: LastWill) -> Option<(Client, Events)> {
    let (host, port) = connection
        .link
        .socket()
        .filter(|_| !connection.link.is_modbus())?;
    let transport = match &connection.tls {
        Some(tls) => Transport::Tls(TlsConfiguration::Rustls(Arc::new(tls::client(tls).ok()?))),
        None => Transport::Tcp,
    };
    Some(match connection.mqtt_version {
        MqttVersion::V5 => client_v5(connection, (host, port), transport, will),
        MqttVersion::V311 => client_v311(connection, (host, port), transport, will),
    })
}

fn client_v5(
    connection: &Connection,
    (host, port): (&str, u16),
    transport: Transport,
    will: LastWill,
) -> (Client, Events) {
    let mut options = v5::MqttOptions::new(&connection.client_id, host, port);
    options
        .set_keep_alive(KEEP_ALIVE)
        .set_max_packet_size(Some(connection.max_packet_bytes))
        .set_transport(transport);
    let will = Will5::new(will.topic, will.payload, QoS5::AtLeastOnce, true, None);
    options
        .set_clean_start(true)
        .set_outgoing_inflight_upper_limit(IN_FLIGHT_MOST)
        .set_last_will(will);
    let mut network = options.network_options();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    if let Some(user) = &connection.user {
        options.set_credentials(user, password(connection));
    }
    let (client, events) = v5::AsyncClient::new(options, REQUESTS_MOST);
    (Client::V5(client), Events::V5(Box::new(events)))
}

fn client_v311(
    connection: &Connection,
    (host, port): (&str, u16),
    transport: Transport,
    will: LastWill,
) -> (Client, Events) {
    let mut options = rumqttc::MqttOptions::new(&connection.client_id, host, port);
    let largest = usize::try_from(connection.max_packet_bytes).unwrap_or(usize::MAX);
    options
        .set_keep_alive(KEEP_ALIVE)
        .set_max_packet_size(largest, largest)
        .set_transport(transport);
    let will = Will4::new(will.topic, will.payload, QoS4::AtLeastOnce, true);
    options
        .set_clean_session(true)
        .set_inflight(IN_FLIGHT_MOST)
        .set_last_will(will);
    if let Some(user) = &connection.user {
        options.set_credentials(user, password(connection));
    }
    let (client, mut events) = rumqttc::AsyncClient::new(options, REQUESTS_MOST);
    events.network_options.set_tcp_nodelay(true);
    (Client::V311(client), Events::V311(Box::new(events)))
}

fn password(connection: &Connection) -> &str {
    connection
        .password
        .as_ref()
        .map_or("", |password| password.reveal())
}

impl Client {
    /// Publishes a message with quality of service 1 that the broker keeps for those who come later.
    pub(crate) fn publish_retained(&self, topic: &str, payload: Vec<u8>) -> Requested {
        let is_sent = match self {
            Self::V5(client) => client
                .try_publish(topic, QoS5::AtLeastOnce, true, payload)
                .is_ok(),
            Self::V311(client) => client
                .try_publish(topic, QoS4::AtLeastOnce, true, payload)
                .is_ok(),
        };
        if is_sent {
            Requested::Done
        } else {
            Requested::NoRoom
        }
    }

    /// Disconnects, so that the broker doesn't publish a last will; whether it could be asked for.
    pub(crate) fn disconnect(&self) -> bool {
        match self {
            Self::V5(client) => client.try_disconnect().is_ok(),
            Self::V311(client) => client.try_disconnect().is_ok(),
        }
    }
}

impl Events {
    /// The next thing that the broker says; connects if there is no connection.
    ///
    /// # Errors
    /// Why there is none, or why it broke.
    pub(crate) async fn next(&mut self) -> Result<Said, String> {
        match self {
            Self::V5(events) => match events.poll().await {
                Ok(v5::Event::Incoming(packet)) => Ok(said_v5(packet)),
                Ok(v5::Event::Outgoing(sent)) => Ok(said_of(&sent)),
                Err(error) => Err(error.to_string()),
            },
            Self::V311(events) => match events.poll().await {
                Ok(rumqttc::Event::Incoming(packet)) => Ok(said_v311(packet)),
                Ok(rumqttc::Event::Outgoing(sent)) => Ok(said_of(&sent)),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

fn said_of(sent: &Outgoing) -> Said {
    match sent {
        Outgoing::Publish(number) if *number > 0 => Said::Sent(*number),
        _ => Said::Nothing,
    }
}

fn said_v5(packet: Packet5) -> Said {
    match packet {
        Packet5::ConnAck(_) => Said::Connected,
        Packet5::PubAck(answer) => Said::Taken(
            answer.pkid,
            match answer.reason {
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Ok(()),
                reason => Err(format!("{reason:?}")),
            },
        ),
        Packet5::Disconnect(reason) => Said::Ends(format!("{:?}", reason.reason_code)),
        _ => Said::Nothing,
    }
}

fn said_v311(packet: Packet4) -> Said {
    match packet {
        Packet4::ConnAck(_) => Said::Connected,
        Packet4::PubAck(answer) => Said::Taken(answer.pkid, Ok(())),
        _ => Said::Nothing,
    }
}
