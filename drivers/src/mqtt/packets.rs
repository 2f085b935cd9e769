//! What a listener says to its broker and hears of it, as bytes of either version of MQTT; the words are rumqttc's.

use bytes::{Buf, Bytes, BytesMut};
use model::{Connection, MqttVersion};
use rumqttc::SubscribeFilter;
use rumqttc::mqttbytes::v4::{
    Connect as Connect4, ConnectReturnCode as Answer4, Login as Login4, Packet as Packet4,
    Publish as Publish4, Subscribe as Subscribe4, SubscribeReasonCode as Granted4,
};
use rumqttc::mqttbytes::{Error as Error4, QoS as QoS4};
use rumqttc::v5::mqttbytes::v5::{
    Connect as Connect5, ConnectProperties, ConnectReturnCode as Answer5, DisconnectReasonCode as Reason5,
    Filter, Login as Login5, Packet as Packet5, Publish as Publish5, Subscribe as Subscribe5,
    SubscribeReasonCode as Granted5,
};
use rumqttc::v5::mqttbytes::{Error as Error5, QoS as QoS5};

/// How many messages the broker may send before the first of them is acknowledged; Mosquitto 2.0.11 keeps to it only until then.
const UNACKNOWLEDGED_MOST: u16 = 1000;
/// How long the broker keeps our session, and with it our messages, while we are away; MQTT 3.1.1 can't say it.
const SESSION_SECONDS: u32 = 7 * 24 * 3600;

/// A message as it arrived.
#[derive(Debug)]
pub(crate) struct Message {
    topic: Bytes,
    /// What it says.
    pub(crate) payload: Bytes,
    /// What to send once it is on disk; without it, the message is sent once and may be lost.
    pub(crate) acknowledgement: Option<Acknowledgement>,
}

/// The packet that acknowledges a message on the connection that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledgement([u8; 4]);

/// What the broker says.
#[derive(Debug)]
pub(crate) enum Said {
    /// It knows us, with or without a session from before.
    Connected {
        /// Whether there is one.
        session_present: bool,
        /// After how many seconds it wants to hear from us, if it says so.
        keep_alive_s: Option<u16>,
        /// The largest packet that it takes, if it says so.
        largest_bytes: Option<u32>,
    },
    /// A message.
    Message(Message),
    /// For each topic of a subscription, why it was refused, if it was.
    Subscribed(Vec<Option<String>>),
    /// It asks for this packet.
    WantsBack(Acknowledgement),
    /// It ends the connection, and why.
    Ends(String),
    /// Something that nothing follows from.
    Nothing,
}

impl Message {
    /// How much memory it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.topic.len() + self.payload.len()
    }

    /// Its topic.
    pub(crate) fn topic(&self) -> &str {
        std::str::from_utf8(&self.topic).unwrap_or_default()
    }
}

impl Acknowledgement {
    /// A packet of two bytes: the same in both versions, since MQTT 5.0 (3.4.2.1) leaves out the reason for a success.
    fn of(kind: u8, packet: u16) -> Self {
        let [high, low] = packet.to_be_bytes();
        Self([kind, 2, high, low])
    }

    /// It as bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// PUBACK for quality of service 1. 2 is never subscribed to, but a session may have it from somebody else: PUBREC.
    pub(super) fn to(quality: u8, packet: u16) -> Option<Self> {
        match quality {
            0 => None,
            1 => Some(Self::of(0x40, packet)),
            _ => Some(Self::of(0x50, packet)),
        }
    }

    /// PUBCOMP, after which the broker may use the number again.
    fn complete(packet: u16) -> Self {
        Self::of(0x70, packet)
    }
}

/// The next thing that the broker says, taken out of what was received; `None` until all of it is there.
///
/// # Errors
/// It is no packet, or a larger one than was agreed.
pub(crate) fn next(
    version: MqttVersion,
    largest: u32,
    received: &mut BytesMut,
) -> Result<Option<Said>, String> {
    if version == MqttVersion::V5
        && let Some(said) = short_v5(received)
    {
        return said.map(Some);
    }
    let before = received.len();
    match version {
        MqttVersion::V5 => match Packet5::read(received, Some(largest)) {
            Ok(packet) => said_v5(packet).map(Some),
            // Also said of the inside of a packet, which is then taken out.
            Err(Error5::InsufficientBytes(_)) if received.len() == before => Ok(None),
            Err(Error5::InsufficientBytes(_)) => Err(ENDS_TOO_SOON.to_owned()),
            Err(error) => Err(error.to_string()),
        },
        MqttVersion::V311 => match Packet4::read(received, usize::try_from(largest).unwrap_or(usize::MAX)) {
            Ok(packet) => said_v311(packet).map(Some),
            Err(Error4::InsufficientBytes(_)) if received.len() == before => Ok(None),
            Err(Error4::InsufficientBytes(_)) => Err(ENDS_TOO_SOON.to_owned()),
            Err(error) => Err(error.to_string()),
        },
    }
}

const ENDS_TOO_SOON: &str = "a packet ends before all that belongs into it";

/// What the broker says by a packet without properties where rumqttc's reader wants them: a reason for the end, which MQTT 5.0
/// (3.14.2.2.1) allows, and the answer of a broker that speaks MQTT 3.1.1 only.
fn short_v5(received: &mut BytesMut) -> Option<Result<Said, String>> {
    let (length, said) = match **received {
        [0xe0, 0, ..] => (2, Ok(Said::Ends(reason(0)))),
        [0xe0, 1, code, ..] => (3, Ok(Said::Ends(reason(code)))),
        [0x20, 2, _, code, ..] => {
            let older = format!(
                "it answers as MQTT 3.1.1 with code {code}: write `version = \"3.1.1\"` for this connection"
            );
            (4, Err(older))
        }
        _ => return None,
    };
    received.advance(length);
    Some(said)
}

fn reason(code: u8) -> String {
    match Reason5::try_from(code) {
        Ok(reason) => format!("{reason:?}"),
        Err(_) => format!("reason {code:#04x}"),
    }
}

/// The first packet: who we are, and that our session is to be kept.
///
/// # Errors
/// Something of the connection does not fit into a packet.
pub(crate) fn connect(connection: &Connection, keep_alive_s: u16) -> Result<BytesMut, String> {
    let login = connection.user.as_deref().map(|user| {
        let password = connection.password.as_ref();
        (user, password.map_or("", |password| password.reveal()))
    });
    match connection.mqtt_version {
        MqttVersion::V5 => {
            let properties = ConnectProperties {
                session_expiry_interval: Some(SESSION_SECONDS),
                receive_maximum: Some(UNACKNOWLEDGED_MOST),
                max_packet_size: Some(connection.max_packet_bytes),
                ..ConnectProperties::new()
            };
            let connect = Connect5 {
                keep_alive: keep_alive_s,
                client_id: connection.client_id.clone(),
                clean_start: false,
                properties: Some(properties),
            };
            let login = login.map(|(user, password)| Login5::new(user, password));
            v5(&Packet5::Connect(connect, None, login))
        }
        MqttVersion::V311 => {
            let mut connect = Connect4::new(&connection.client_id);
            connect.keep_alive = keep_alive_s;
            connect.clean_session = false;
            connect.login = login.map(|(user, password)| Login4::new(user, password));
            v311(&Packet4::Connect(connect))
        }
    }
}

/// The topics of each subscription: so many at most, and no more bytes than the broker takes. A topic that is too large by itself goes
/// alone, for the broker to say so.
pub(crate) fn portions(topics: &[String], most: usize, most_bytes: usize) -> Vec<&[String]> {
    // The first byte, four of length, two of the number, one of properties; and for each topic two of length and one of options.
    let (around, around_each) = (8, 3);
    let (mut portions, mut begin, mut bytes) = (Vec::new(), 0, around);
    for (number, topic) in topics.iter().enumerate() {
        bytes += around_each + topic.len();
        if number > begin && (number - begin == most || bytes > most_bytes) {
            portions.extend(topics.get(begin..number));
            (begin, bytes) = (number, around + around_each + topic.len());
        }
    }
    portions.extend(topics.get(begin..).filter(|rest| !rest.is_empty()));
    portions
}

/// Subscribes to topics with quality of service 1; the answer has the same number.
///
/// # Errors
/// The topics do not fit into a packet.
pub(crate) fn subscribe(version: MqttVersion, number: u16, topics: &[String]) -> Result<BytesMut, String> {
    match version {
        MqttVersion::V5 => {
            let filters = topics.iter().map(|topic| Filter::new(topic, QoS5::AtLeastOnce));
            let mut subscribe = Subscribe5::new_many(filters, None);
            subscribe.pkid = number;
            v5(&Packet5::Subscribe(subscribe))
        }
        MqttVersion::V311 => {
            let filter = |topic: &String| SubscribeFilter::new(topic.clone(), QoS4::AtLeastOnce);
            let mut subscribe = Subscribe4::new_many(topics.iter().map(filter));
            subscribe.pkid = number;
            v311(&Packet4::Subscribe(subscribe))
        }
    }
}

/// A message that may be lost.
///
/// # Errors
/// It does not fit into a packet.
pub(crate) fn publish(version: MqttVersion, topic: &str, payload: Vec<u8>) -> Result<BytesMut, String> {
    match version {
        MqttVersion::V5 => v5(&Packet5::Publish(Publish5::new(
            topic,
            QoS5::AtMostOnce,
            payload,
            None,
        ))),
        MqttVersion::V311 => v311(&Packet4::Publish(Publish4::new(topic, QoS4::AtMostOnce, payload))),
    }
}

/// PINGREQ, the same in both versions.
pub(crate) const PING: [u8; 2] = [0xc0, 0];
/// DISCONNECT without a reason, which is a normal one: the broker keeps the session.
pub(crate) const DISCONNECT: [u8; 2] = [0xe0, 0];

fn v5(packet: &Packet5) -> Result<BytesMut, String> {
    let mut bytes = BytesMut::new();
    packet
        .write(&mut bytes, None)
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn v311(packet: &Packet4) -> Result<BytesMut, String> {
    let mut bytes = BytesMut::new();
    packet
        .write(&mut bytes, usize::MAX)
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn said_v5(packet: Packet5) -> Result<Said, String> {
    Ok(match packet {
        Packet5::Publish(publish) => Said::Message(Message {
            acknowledgement: Acknowledgement::to(publish.qos as u8, publish.pkid),
            topic: publish.topic,
            payload: publish.payload,
        }),
        Packet5::ConnAck(answer) if answer.code == Answer5::Success => Said::Connected {
            session_present: answer.session_present,
            keep_alive_s: answer
                .properties
                .as_ref()
                .and_then(|properties| properties.server_keep_alive),
            largest_bytes: answer
                .properties
                .and_then(|properties| properties.max_packet_size),
        },
        Packet5::ConnAck(answer) => return Err(refused(&answer.code)),
        Packet5::SubAck(answer) => {
            let refused = |code: &Granted5| match code {
                Granted5::Success(_) => None,
                code => Some(format!("{code:?}")),
            };
            Said::Subscribed(answer.return_codes.iter().map(refused).collect())
        }
        Packet5::PubRel(release) => Said::WantsBack(Acknowledgement::complete(release.pkid)),
        Packet5::Disconnect(reason) => Said::Ends(format!("{:?}", reason.reason_code)),
        _ => Said::Nothing,
    })
}

fn said_v311(packet: Packet4) -> Result<Said, String> {
    Ok(match packet {
        Packet4::Publish(publish) => Said::Message(Message {
            acknowledgement: Acknowledgement::to(publish.qos as u8, publish.pkid),
            topic: publish.topic.into(),
            payload: publish.payload,
        }),
        Packet4::ConnAck(answer) if answer.code == Answer4::Success => Said::Connected {
            session_present: answer.session_present,
            keep_alive_s: None,
            largest_bytes: None,
        },
        Packet4::ConnAck(answer) => return Err(refused(&answer.code)),
        Packet4::SubAck(answer) => {
            let refused = |code: &Granted4| match code {
                Granted4::Success(_) => None,
                Granted4::Failure => Some("Failure".to_owned()),
            };
            Said::Subscribed(answer.return_codes.iter().map(refused).collect())
        }
        Packet4::PubRel(release) => Said::WantsBack(Acknowledgement::complete(release.pkid)),
        _ => Said::Nothing,
    })
}

fn refused(code: &impl std::fmt::Debug) -> String {
    format!("the broker refuses the connection: {code:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PUBLISH of topic `a` with packet number 258 and payload `x`; MQTT 5 has a length of properties before it.
    fn published(version: MqttVersion, first_byte: u8) -> BytesMut {
        let mut body = vec![0, 1, b'a'];
        if first_byte & 0b0110 != 0 {
            body.extend([1, 2]);
        }
        if version == MqttVersion::V5 {
            body.push(0);
        }
        body.push(b'x');
        let mut packet = BytesMut::from([first_byte, u8::try_from(body.len()).unwrap()].as_slice());
        packet.extend_from_slice(&body);
        packet
    }

    #[test]
    fn a_message_is_acknowledged_as_its_quality_of_service_asks() {
        for version in [MqttVersion::V5, MqttVersion::V311] {
            for (first_byte, acknowledgement) in [
                (0x30, None),
                (0x32, Some([0x40, 2, 1, 2])),
                (0x34, Some([0x50, 2, 1, 2])),
            ] {
                let Ok(Some(Said::Message(message))) =
                    next(version, 100, &mut published(version, first_byte))
                else {
                    panic!("no message in {version:?}");
                };
                assert_eq!((message.topic(), &*message.payload), ("a", b"x".as_slice()));
                assert_eq!(message.acknowledgement, acknowledgement.map(Acknowledgement));
            }
            let mut release = BytesMut::from([0x62, 2, 1, 2].as_slice());
            let released = next(version, 100, &mut release);
            assert!(
                matches!(
                    released,
                    Ok(Some(Said::WantsBack(Acknowledgement([0x70, 2, 1, 2]))))
                ),
                "{released:?}"
            );
        }
    }

    #[test]
    fn half_a_packet_is_waited_for_and_one_that_is_too_large_is_not() {
        for version in [MqttVersion::V5, MqttVersion::V311] {
            let whole = published(version, 0x32);
            for length in 0..whole.len() {
                let mut half = BytesMut::from(&whole[..length]);
                assert!(matches!(next(version, 100, &mut half), Ok(None)));
                assert_eq!(half.len(), length);
            }
            assert!(next(version, 3, &mut published(version, 0x32)).is_err());
        }
    }
    #[test]
    fn no_subscription_is_larger_than_the_broker_takes() {
        let topics: Vec<_> = (0..250)
            .map(|number| format!("site/device/{number:03}"))
            .collect();
        for (most_bytes, expected) in [(usize::MAX, 3), (500, 10), (1, 250)] {
            let portions = portions(&topics, 100, most_bytes);
            assert_eq!(portions.len(), expected, "within {most_bytes} bytes");
            assert_eq!(portions.concat(), topics);
            for version in [MqttVersion::V5, MqttVersion::V311] {
                for portion in &portions {
                    let packet = subscribe(version, 1, portion).unwrap();
                    assert!(packet.len() <= most_bytes || portion.len() == 1);
                }
            }
        }
        assert!(portions(&[], 100, 500).is_empty());
    }

    #[test]
    fn a_packet_without_the_properties_of_mqtt_5_is_never_swallowed() {
        let read = |bytes: &[u8]| next(MqttVersion::V5, 100, &mut BytesMut::from(bytes));
        for (bytes, reason) in [
            ([0xe0, 1, 0x8e].as_slice(), "SessionTakenOver"),
            (&[0xe0, 1, 0x7f], "reason 0x7f"),
            (&[0xe0, 0], "NormalDisconnection"),
            (&[0xe0, 2, 0x8e, 0], "SessionTakenOver"),
        ] {
            assert!(
                matches!(read(bytes), Ok(Some(Said::Ends(why))) if why == reason),
                "{reason}"
            );
        }
        // An unacceptable protocol version, said in MQTT 3.1.1 (3.2.2.3).
        let older = read(&[0x20, 2, 0, 1]).unwrap_err();
        assert!(older.contains("version = \"3.1.1\""), "{older}");
        // SUBACK of a subscription, without the length of its properties.
        assert!(read(&[0x90, 2, 0, 1]).is_err());
    }
}
