//! What becomes of a broker's messages: each is read, handed on for every device of its topic, and acknowledged when stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{Batch, BatchOrder, Connection, Device, DeviceIndex, Missing, Reading, Sample, Unit};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::acks::{Reply, Unacknowledged};
use super::freshness::Freshness;
use super::packets::Message;
use super::payload::Payload;
use super::silence::Silence;
use super::sparkplug::nodes::{Nodes, Readings};
use super::sparkplug::payload::rebirth;
use crate::clock::{BatchTimes, SteadyClock, Timer};
use crate::delivery::{Delivery, PollIntake, Receipt};
use crate::field::Field;
use crate::health::{Condition, Health};
use crate::meters::DeviceMeters;

/// So many messages are read before a look for silent devices that is due; ten times what can wait here, since more comes up behind it
/// from the connection after a standstill. Then devices are looked at, however many more there are.
const TAKEN_LATE_MOST: u32 = 20_000;

/// A message as it arrived.
pub(crate) struct Arrival {
    pub(crate) message: Message,
    /// The era of the connection that brought it.
    pub(crate) era: u64,
    /// When.
    pub(crate) at: Timestamp,
    /// The room that it takes up until it was read; none yet while it waits for it.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// What is kept of a device.
struct Heard<'site> {
    index: DeviceIndex,
    device: &'site Device,
    times: BatchTimes,
    /// Whether its own clock was seen to be ahead.
    is_ahead: bool,
    /// Whether its last reading was older than what it had said before.
    tells_of_past: bool,
    freshness: Freshness,
    health: Health,
    meters: Arc<DeviceMeters>,
}

/// Hands on what arrives, and the silence of who says nothing.
pub(crate) struct Listener<'site> {
    connection: &'site Connection,
    devices: Vec<Heard<'site>>,
    /// The devices of each topic, by their positions.
    topics: HashMap<&'site str, Vec<usize>>,
    /// The nodes of those that speak Sparkplug.
    nodes: Nodes<'site>,
    silence: Silence,
    clock: SteadyClock,
    intake: mpsc::Sender<Delivery>,
    silence_intake: PollIntake,
    acks: mpsc::Sender<Unacknowledged>,
    replies: mpsc::Sender<Reply>,
}

impl<'site> Listener<'site> {
    /// A listener to the topics of these devices.
    pub(crate) fn new(
        field: &'site Field,
        connection: &'site Connection,
        devices: &[DeviceIndex],
        intake: mpsc::Sender<Delivery>,
        acks: mpsc::Sender<Unacknowledged>,
        replies: mpsc::Sender<Reply>,
    ) -> Self {
        let mut topics = HashMap::<&str, Vec<usize>>::new();
        let devices: Vec<_> = devices
            .iter()
            .filter_map(|index| {
                Some((
                    *index,
                    field.site().devices.get(*index)?,
                    field.device_meters(*index)?,
                ))
            })
            .collect();
        for (number, (_, device, _)) in devices.iter().enumerate() {
            if let Unit::Topic(topic) = &device.unit {
                topics.entry(topic).or_default().push(number);
            }
        }
        let nodes = Nodes::new(
            devices
                .iter()
                .enumerate()
                .map(|(number, (_, device, _))| (number, *device)),
        );
        let clock = SteadyClock::begin();
        let silence = Silence::new(devices.iter().map(|(_, device, _)| device.interval), clock.now());
        let devices = devices.into_iter().map(|(index, device, meters)| Heard {
            index,
            device,
            times: BatchTimes::default(),
            is_ahead: false,
            tells_of_past: false,
            freshness: Freshness::default(),
            health: Health::default(),
            meters,
        });
        Self {
            connection,
            devices: devices.collect(),
            topics,
            nodes,
            silence,
            clock,
            silence_intake: PollIntake::new(intake.clone(), &connection.name),
            intake,
            acks,
            replies,
        }
    }

    /// Goes on until `stop` is cancelled.
    pub(crate) async fn go_on(&mut self, mut arrivals: mpsc::Receiver<Arrival>, stop: CancellationToken) {
        let mut timer = Timer::new(self.clock);
        let mut taken_late = 0_u32;
        loop {
            let next_look = self.silence.next_look().unwrap_or(Duration::MAX);
            let is_due = next_look <= self.clock.now();
            tokio::select! {
                // Whose message waits here is not silent: what has arrived comes before a look that is due, but not for ever.
                biased;
                () = stop.cancelled() => return,
                arrival = arrivals.recv(), if !is_due || taken_late < TAKEN_LATE_MOST => {
                    let Some(arrival) = arrival else { return };
                    taken_late = if is_due { taken_late + 1 } else { 0 };
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = self.take(arrival) => {}
                    }
                }
                () = timer.reaches(next_look) => {
                    taken_late = 0;
                    self.tell_silence();
                }
            }
        }
    }

    /// Hands a message on for every device of its topic; waits while the intake is full.
    async fn take(&mut self, arrival: Arrival) {
        let Arrival {
            message,
            era,
            at,
            room: _room,
        } = arrival;
        let acknowledgement = message.acknowledgement;
        let mut receipts = Vec::new();
        if !self.take_sparkplug(&message, at, &mut receipts).await {
            return;
        }
        // A topic of no device is one that the session still knows from an earlier site: nothing is to be stored of it.
        if let Some(numbers) = self.topics.get(message.topic()) {
            let payload = Payload::of(&message.payload);
            let now = self.clock.now();
            for number in numbers {
                let Some(heard) = self.devices.get_mut(*number) else {
                    continue;
                };
                let batches = heard.batches(&payload, at, now, &self.connection.name);
                // Whoever tells of nothing but the past says nothing of how it is now.
                if batches.is_empty() || batches.iter().any(|batch| batch.order > 0) {
                    self.silence.heard(*number, now);
                }
                for batch in batches {
                    let (receipt, committed) = receipt();
                    receipts.push(committed);
                    let receipt = acknowledgement.map(|_| receipt);
                    if self.intake.send(Delivery { batch, receipt }).await.is_err() {
                        return;
                    }
                }
            }
        }
        if let Some(acknowledgement) = acknowledgement {
            let unacknowledged = Unacknowledged {
                acknowledgement,
                era,
                receipts,
            };
            // The other side ends only after this one.
            let _ = self.acks.send(unacknowledged).await;
        }
    }

    /// Hands on what a Sparkplug message says of each of our devices; whether the gateway still takes anything.
    async fn take_sparkplug(
        &mut self,
        message: &Message,
        at: Timestamp,
        receipts: &mut Vec<oneshot::Receiver<()>>,
    ) -> bool {
        let now = self.clock.now();
        let Some(brought) = self.nodes.take(message.topic(), &message.payload, now) else {
            return true;
        };
        if let Some(topic) = brought.rebirth {
            self.ask_for_births(&topic, at);
        }
        let mut batches = Vec::new();
        for (number, own, readings) in brought.history.into_iter().rev() {
            if let Some(heard) = self.devices.get_mut(number) {
                batches.push(heard.past_batch(readings, own, at));
            }
        }
        // The newest was first, so that each could be put before the next.
        batches.reverse();
        for (number, readings) in brought.devices {
            self.silence.heard(number, now);
            if let Some(heard) = self.devices.get_mut(number) {
                batches.push(heard.batch_of(readings, at, &self.connection.name));
            }
        }
        for batch in batches {
            let (receipt, committed) = receipt();
            receipts.push(committed);
            let receipt = message.acknowledgement.map(|_| receipt);
            if self.intake.send(Delivery { batch, receipt }).await.is_err() {
                return false;
            }
        }
        true
    }

    fn ask_for_births(&self, topic: &str, at: Timestamp) {
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        let command = Reply::Command {
            topic: topic.to_owned(),
            payload: rebirth(millis),
        };
        if self.replies.try_send(command).is_err() {
            tracing::debug!(
                topic,
                "a command finds no room; it is sent when there is a reason again"
            );
        }
    }

    fn tell_silence(&mut self) {
        let now = self.clock.now();
        while let Some(number) = self.silence.next_silent(now) {
            match self.nodes.is_alive(number) {
                // Alive, it says what changes, and then it says nothing.
                Some(true) => continue,
                Some(false) => {
                    if let Some(topic) = self.nodes.rebirth_of(number, now) {
                        self.ask_for_births(&topic, Timestamp::now());
                    }
                }
                None => {}
            }
            let Some(heard) = self.devices.get_mut(number) else {
                return;
            };
            heard.silent(&self.connection.name);
            self.silence_intake
                .offer(heard.silent_batch(), &heard.meters.dropped);
        }
    }
}

impl Heard<'_> {
    /// A batch for each reading in the message, oldest first.
    fn batches(
        &mut self,
        payload: &Payload<'_>,
        arrived: Timestamp,
        now: Duration,
        connection: &str,
    ) -> Vec<Batch> {
        let form = &self.device.profile.mqtt;
        let readings = payload.readings(self.device);
        let malformed = readings.iter().any(|reading| reading.is_malformed());
        self.meters.malformed.increment(u64::from(malformed));
        let condition = if malformed {
            Condition::Malformed
        } else {
            Condition::Answering
        };
        self.health.tell(condition, &self.device.id, connection);
        let mut batches = Vec::with_capacity(readings.len());
        for reading in readings {
            let mut samples = reading.samples;
            if let Some(longest) = form.stale_after {
                self.freshness.sift(&mut samples, now, longest);
            }
            let order = self.order_of(reading.at, arrived);
            batches.push(batch(self.index, order, samples));
        }
        batches
    }

    /// It has said nothing that is new for three of its intervals.
    fn silent(&mut self, connection: &str) {
        let condition = if std::mem::take(&mut self.tells_of_past) {
            Condition::Past
        } else {
            Condition::Quiet
        };
        self.times.forget_own();
        self.health.tell(condition, &self.device.id, connection);
    }

    /// Where a reading stands, by its own time if it has one that can be so.
    fn order_of(&mut self, own: Option<Timestamp>, arrived: Timestamp) -> BatchOrder {
        let kept = own.map(|own| self.times.own(own, arrived));
        let is_ahead = kept == Some(None);
        self.meters.clock_ahead.increment(u64::from(is_ahead));
        if is_ahead && !self.is_ahead {
            let own = own.map(|own| own.to_string());
            tracing::warn!(
                device = self.device.id,
                own,
                "device's clock is ahead: its readings have the time of their arrival; set its clock, and see whether it sends local time as UTC"
            );
        }
        self.is_ahead = is_ahead;
        let order = kept.flatten().unwrap_or_else(|| self.times.next(arrived));
        self.tells_of_past = order.order == 0;
        order
    }

    fn batch_of(&mut self, readings: Readings, arrived: Timestamp, connection: &str) -> Batch {
        let is_malformed = readings
            .values()
            .any(|reading| *reading == Reading::Missing(Missing::Malformed));
        let is_gone = readings
            .values()
            .all(|reading| *reading == Reading::Missing(Missing::NoAnswer));
        self.meters.malformed.increment(u64::from(is_malformed));
        let condition = match (is_malformed, is_gone) {
            (true, _) => Condition::Malformed,
            (_, true) => Condition::Quiet,
            _ => Condition::Answering,
        };
        self.health.tell(condition, &self.device.id, connection);
        batch(self.index, self.times.next(arrived), self.samples(readings))
    }

    /// What the device was like at a time of its own, which is before all that it has said since.
    fn past_batch(&mut self, readings: Readings, own: Timestamp, arrived: Timestamp) -> Batch {
        batch(self.index, self.times.past(own, arrived), self.samples(readings))
    }

    fn samples(&self, readings: Readings) -> Vec<Sample> {
        let sample = |(position, reading)| Sample {
            point: self.device.point_id(position),
            reading,
        };
        readings.into_iter().map(sample).collect()
    }

    fn silent_batch(&mut self) -> Batch {
        let missing = |point| Sample {
            point,
            reading: Reading::Missing(Missing::NoAnswer),
        };
        let samples = self.device.points().map(|(id, _)| missing(id)).collect();
        batch(self.index, self.times.next(Timestamp::now()), samples)
    }
}

fn batch(device: DeviceIndex, order: BatchOrder, samples: Vec<Sample>) -> Batch {
    Batch {
        device,
        at: order.at,
        order: order.order,
        samples,
    }
}

fn receipt() -> (Receipt, oneshot::Receiver<()>) {
    let (tell, committed) = oneshot::channel();
    // When the connection is stopping nobody waits any more; the message then comes again.
    let receipt = Receipt::new(move || {
        let _ = tell.send(());
    });
    (receipt, committed)
}
