//! MQTT as bytes, as far as the harness publishes and overhears it.

/// One control packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// Its type and flags.
    pub(super) first: u8,
    /// What follows its length.
    pub(super) body: Vec<u8>,
}

/// The types of packet that are looked at.
pub(super) const CONNACK: u8 = 2;
pub(super) const PUBLISH: u8 = 3;
pub(super) const PUBACK: u8 = 4;
pub(super) const SUBACK: u8 = 9;

impl Packet {
    /// Its type.
    pub(super) fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// The packet id that an acknowledgement opens with.
    pub(super) fn acknowledged(&self) -> Option<u16> {
        two_bytes(self.body.get(..2)?)
    }

    /// The packet id and the payload of a publish with quality of service 1 in MQTT 5.
    pub(super) fn published(&self) -> Option<(u16, &[u8])> {
        let topic = usize::from(two_bytes(self.body.get(..2)?)?);
        let after_topic = self.body.get(2 + topic..)?;
        let id = two_bytes(after_topic.get(..2)?)?;
        let (properties, at) = length(after_topic.get(2..)?)?;
        Some((id, after_topic.get(2 + at + properties..)?))
    }
}

/// Cuts a stream of bytes into packets.
#[derive(Debug, Default)]
pub(super) struct Packets {
    pending: Vec<u8>,
}

impl Packets {
    /// Takes more of the stream; returns the packets that are whole with it.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Packet> {
        self.pending.extend_from_slice(bytes);
        let mut packets = Vec::new();
        let mut taken = 0;
        while let Some((packet, used)) = first_packet(&self.pending[taken..]) {
            packets.push(packet);
            taken += used;
        }
        self.pending.drain(..taken);
        packets
    }
}

fn first_packet(bytes: &[u8]) -> Option<(Packet, usize)> {
    let (rest, at) = length(bytes.get(1..)?)?;
    let whole = 1 + at + rest;
    let body = bytes.get(1 + at..whole)?.to_vec();
    Some((
        Packet {
            first: bytes[0],
            body,
        },
        whole,
    ))
}

/// A length as MQTT writes it, and how many bytes it took; none while some of them are missing.
fn length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for at in 0..4 {
        let byte = bytes.get(at)?;
        value |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

fn two_bytes(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

/// A connection of MQTT 3.1.1 with a fresh session and no keep-alive.
pub(super) fn connect(client: &str) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];
    put_text(&mut body, client);
    packet(0x10, &body)
}

/// A message of quality of service 1 in MQTT 3.1.1.
pub(super) fn publish(topic: &str, id: u16, payload: &str) -> Vec<u8> {
    let mut body = Vec::new();
    put_text(&mut body, topic);
    body.extend(id.to_be_bytes());
    body.extend(payload.as_bytes());
    packet(0x32, &body)
}

fn put_text(body: &mut Vec<u8>, text: &str) {
    body.extend((text.len() as u16).to_be_bytes());
    body.extend(text.as_bytes());
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut rest = body.len();
    loop {
        let more = if rest > 0x7F { 0x80 } else { 0 };
        bytes.push((rest & 0x7F) as u8 | more);
        rest >>= 7;
        if rest == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_wherever_the_stream_is_cut() {
        let long = "x".repeat(300);
        let stream = [connect("tester"), publish("a/b", 7, &long), vec![0x40, 2, 0, 7]].concat();
        for step in [1, 3, 1000] {
            let mut packets = Packets::default();
            let found: Vec<_> = stream.chunks(step).flat_map(|part| packets.feed(part)).collect();
            assert_eq!(found.len(), 3, "in pieces of {step}");
            assert_eq!(found[1].kind(), PUBLISH);
            assert_eq!(found[2].acknowledged(), Some(7));
        }
    }

    #[test]
    fn a_publish_of_version_5_has_properties_before_its_payload() {
        let body = [&[0, 1, b't', 0, 9, 3, 1, 2, 3][..], b"{}"].concat();
        let packet = Packet { first: 0x32, body };
        assert_eq!(packet.published(), Some((9, &b"{}"[..])));
    }
}
