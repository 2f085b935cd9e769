//! What the gateway acknowledges to its broker, overheard on the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::link::Way;
use super::wire::{CONNACK, PUBACK, PUBLISH, Packet, Packets, SUBACK};

/// The gateway's session with its broker, over all of its connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Session(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    connections: BTreeMap<u64, Connection>,
    acknowledged: BTreeSet<u64>,
    /// The broker was killed, and may have forgotten the session and what waited in it.
    is_doubtful: bool,
    /// How often a doubtful session has come to be good again.
    renewals: u64,
}

/// Packet ids mean something on one connection only.
#[derive(Debug, Default)]
struct Connection {
    up: Packets,
    down: Packets,
    numbers: BTreeMap<u16, u64>,
}

impl Session {
    /// Takes what went over a connection.
    pub(super) fn hear(&self, connection: u64, way: Way, bytes: &[u8]) {
        let mut heard = self.heard();
        let Heard {
            connections,
            acknowledged,
            is_doubtful,
            renewals,
        } = &mut *heard;
        let connection = connections.entry(connection).or_default();
        let packets = match way {
            Way::Up => connection.up.feed(bytes),
            Way::Down => connection.down.feed(bytes),
        };
        for packet in packets {
            match (way, packet.kind()) {
                (Way::Down, PUBLISH) => {
                    if let Some((id, number)) = number_of(&packet) {
                        connection.numbers.insert(id, number);
                    }
                }
                (Way::Up, PUBACK) => {
                    let id = packet.acknowledged().expect("an acknowledgement's packet id");
                    acknowledged.extend(connection.numbers.remove(&id));
                }
                (Way::Down, kind) if *is_doubtful && (kind == SUBACK || is_resumed(&packet)) => {
                    *is_doubtful = false;
                    *renewals += 1;
                }
                _ => {}
            }
        }
    }

    /// The broker is killed: what it has not written down is lost, and not by the gateway.
    pub(super) fn broker_is_killed(&self) {
        self.heard().is_doubtful = true;
    }

    /// How often the session has come to be good again after the broker was killed.
    pub(super) fn renewals(&self) -> u64 {
        self.heard().renewals
    }

    /// Whether a message was acknowledged.
    pub(super) fn has_acknowledged(&self, number: u64) -> bool {
        self.heard().acknowledged.contains(&number)
    }

    /// The numbers of all messages that were acknowledged.
    pub(super) fn acknowledged(&self) -> BTreeSet<u64> {
        self.heard().acknowledged.clone()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn number_of(packet: &Packet) -> Option<(u16, u64)> {
    let (id, payload) = packet.published()?;
    let message: Value = serde_json::from_slice(payload).ok()?;
    Some((id, message["number"].as_u64()?))
}

fn is_resumed(packet: &Packet) -> bool {
    packet.kind() == CONNACK && packet.body.first().is_some_and(|flags| flags & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(id: u8, number: u64) -> Vec<u8> {
        let payload = format!("{{\"number\":{number}}}");
        let mut bytes = vec![0x32, payload.len() as u8 + 6, 0, 1, b't', 0, id, 0];
        bytes.extend(payload.as_bytes());
        bytes
    }

    #[test]
    fn an_acknowledgement_is_for_the_message_with_its_id_on_the_same_connection() {
        let session = Session::default();
        session.hear(1, Way::Down, &publish(7, 100));
        session.hear(2, Way::Down, &publish(7, 200));
        session.hear(2, Way::Up, &[0x40, 2, 0, 7]);
        assert_eq!(session.acknowledged(), BTreeSet::from([200]));
        session.hear(1, Way::Up, &[0x40, 2, 0, 8]);
        assert!(!session.has_acknowledged(100));
    }

    #[test]
    fn after_the_broker_was_killed_a_session_is_good_once_it_is_resumed_or_subscribed() {
        let session = Session::default();
        session.hear(1, Way::Down, &[0x20, 3, 1, 0, 0]);
        assert_eq!(session.renewals(), 0, "nobody was killed");
        session.broker_is_killed();
        session.hear(2, Way::Down, &[0x20, 3, 0, 0, 0]);
        assert_eq!(session.renewals(), 0, "forgotten, and not subscribed yet");
        session.hear(2, Way::Down, &[0x90, 4, 0, 1, 0, 1]);
        assert_eq!(session.renewals(), 1);
    }
}
