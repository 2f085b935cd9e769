//! A field of MQTT devices that number their messages, and send each again until the broker has acknowledged it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::session::Session;
use super::wire::{PUBACK, Packets, connect, publish};

/// From one message to the next.
const EVERY: Duration = Duration::from_millis(20);
/// So many messages are on their way to the broker at most.
const ON_THE_WAY_MOST: usize = 100;
const LOOK: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(5);
const REST: Duration = Duration::from_millis(100);

/// A message: the time that it says itself, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) at: Timestamp,
    pub(super) device: String,
}

/// The devices, as one client of the broker.
pub(super) struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    broker: String,
    devices: Vec<String>,
    session: Session,
    /// By its number, each message that the broker has acknowledged at least once.
    kept: Mutex<BTreeMap<u64, Message>>,
    is_quiet: AtomicBool,
    has_finished: AtomicBool,
    has_ended: AtomicBool,
}

/// What is known of the messages while they are published.
#[derive(Default)]
struct Desk {
    last: u64,
    messages: BTreeMap<u64, Message>,
    /// To be sent again.
    again: VecDeque<u64>,
    /// By packet id, what was sent on this connection and is not acknowledged yet.
    on_the_way: BTreeMap<u16, u64>,
    last_id: u16,
    renewals: u64,
}

impl Publisher {
    /// Starts to publish; messages that a killed broker may have forgotten are those that the session has not acknowledged.
    pub(super) fn start(broker: &str, devices: &[&str], session: &Session) -> Self {
        let shared = Arc::new(Shared {
            broker: broker.to_owned(),
            devices: devices.iter().map(|device| (*device).to_owned()).collect(),
            session: session.clone(),
            kept: Mutex::default(),
            is_quiet: AtomicBool::new(false),
            has_finished: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        });
        let publishing = Arc::clone(&shared);
        std::thread::spawn(move || publishing.go_on());
        Self { shared }
    }

    /// Says nothing new from now on.
    pub(super) fn be_quiet(&self) {
        self.shared.is_quiet.store(true, Ordering::SeqCst);
    }

    /// Whether it is quiet, and the broker has acknowledged all that it said.
    pub(super) fn has_finished(&self) -> bool {
        self.shared.has_finished.load(Ordering::SeqCst)
    }

    /// Every message that the broker has acknowledged, by its number.
    pub(super) fn kept(&self) -> BTreeMap<u64, Message> {
        self.shared
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The topic of a device.
    pub(super) fn topic(device: &str) -> String {
        format!("chaos/{device}")
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn go_on(&self) {
        let mut desk = Desk::default();
        while !self.has_ended.load(Ordering::SeqCst) {
            // Whatever the reason: it connects again, and what is not acknowledged is sent again.
            let _ = self.publish(&mut desk);
            desk.lost_the_connection();
            std::thread::sleep(REST);
        }
    }

    fn publish(&self, desk: &mut Desk) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(&self.broker)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(LOOK))?;
        stream.write_all(&connect("chaos-publisher"))?;
        let mut packets = Packets::default();
        let mut buffer = [0; 4096];
        let mut next = Instant::now();
        while !self.has_ended.load(Ordering::SeqCst) {
            self.renew(desk);
            let is_quiet = self.is_quiet.load(Ordering::SeqCst);
            while desk.on_the_way.len() < ON_THE_WAY_MOST {
                let number = match desk.again.pop_front() {
                    Some(number) => number,
                    None if !is_quiet && Instant::now() >= next => {
                        next = Instant::now() + EVERY;
                        desk.say(&self.devices)
                    }
                    None => break,
                };
                let (topic, id, payload) = desk.send(number);
                stream.write_all(&publish(&topic, id, &payload))?;
            }
            self.has_finished.store(
                is_quiet && desk.on_the_way.is_empty() && desk.again.is_empty(),
                Ordering::SeqCst,
            );
            let read = match stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => &buffer[..read],
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => &[],
                Err(error) => return Err(error),
            };
            for packet in packets.feed(read).iter().filter(|packet| packet.kind() == PUBACK) {
                let number = packet.acknowledged().and_then(|id| desk.on_the_way.remove(&id));
                self.keep(number.and_then(|number| Some((number, desk.messages.get(&number)?.clone()))));
            }
        }
        Ok(())
    }

    /// The broker was killed, and its session with the gateway is good again: what the gateway has not acknowledged may be
    /// forgotten there, and is said once more.
    fn renew(&self, desk: &mut Desk) {
        let renewals = self.session.renewals();
        if renewals > desk.renewals {
            desk.renewals = renewals;
            let acknowledged = self.session.acknowledged();
            let waits = |number: &&u64| !acknowledged.contains(number);
            desk.again = desk.messages.keys().filter(waits).copied().collect();
        }
    }

    fn keep(&self, message: Option<(u64, Message)>) {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(message);
    }
}

impl Desk {
    /// The next message.
    fn say(&mut self, devices: &[String]) -> u64 {
        self.last += 1;
        let device = devices[self.last as usize % devices.len()].clone();
        // Its time is its own: a message that comes twice is one sample.
        let at = Timestamp::now();
        self.messages.insert(self.last, Message { at, device });
        self.last
    }

    /// The topic, packet id and payload with which a message is sent now.
    fn send(&mut self, number: u64) -> (String, u16, String) {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.on_the_way.insert(self.last_id, number);
        let message = &self.messages[&number];
        let payload = format!("{{\"at\":\"{:.9}\",\"number\":{number}}}", message.at);
        (Publisher::topic(&message.device), self.last_id, payload)
    }

    fn lost_the_connection(&mut self) {
        let unacknowledged: Vec<_> = std::mem::take(&mut self.on_the_way).into_values().collect();
        for number in unacknowledged.into_iter().rev() {
            self.again.push_front(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_on_its_way_when_the_connection_broke_is_sent_again_under_another_id() {
        let mut desk = Desk::default();
        let devices = ["meter".to_owned()];
        for _ in 0..2 {
            let number = desk.say(&devices);
            desk.send(number);
        }
        desk.on_the_way.remove(&1);
        desk.lost_the_connection();
        assert_eq!(desk.again, [2]);
        assert_eq!(desk.send(2).1, 3);
    }
}
