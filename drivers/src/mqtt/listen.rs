//! What becomes of a broker's messages: each is read, handed on for every device of its topic, and acknowledged when stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{Batch, Connection, Device, DeviceIndex, Missing, Reading, Sample, Unit};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Publish;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::acks::Unacknowledged;
use super::payload::Payload;
use super::silence::Silence;
use crate::clock::{BatchTimes, SteadyClock};
use crate::delivery::{Delivery, PollIntake, Receipt};
use crate::field::Field;
use crate::health::{Condition, Health};
use crate::meters::DeviceMeters;

/// A message as it arrived.
pub(crate) struct Arrival {
    pub(crate) publish: Publish,
    /// The era of the connection that brought it.
    pub(crate) era: u64,
    /// When.
    pub(crate) at: Timestamp,
}

/// What is kept of a device.
struct Heard<'site> {
    index: DeviceIndex,
    device: &'site Device,
    times: BatchTimes,
    health: Health,
    meters: Arc<DeviceMeters>,
}

/// Hands on what arrives, and the silence of who says nothing.
pub(crate) struct Listener<'site> {
    connection: &'site Connection,
    devices: Vec<Heard<'site>>,
    /// The devices of each topic, by their positions.
    topics: HashMap<&'site str, Vec<usize>>,
    silence: Silence,
    clock: SteadyClock,
    intake: mpsc::Sender<Delivery>,
    silence_intake: PollIntake,
    acks: mpsc::Sender<Unacknowledged>,
}

impl<'site> Listener<'site> {
    /// A listener to the topics of these devices.
    pub(crate) fn new(
        field: &'site Field,
        connection: &'site Connection,
        devices: &[DeviceIndex],
        intake: mpsc::Sender<Delivery>,
        acks: mpsc::Sender<Unacknowledged>,
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
        let clock = SteadyClock::begin();
        let silence = Silence::new(devices.iter().map(|(_, device, _)| device.interval), clock.now());
        let devices = devices.into_iter().map(|(index, device, meters)| Heard {
            index,
            device,
            times: BatchTimes::default(),
            health: Health::default(),
            meters,
        });
        Self {
            connection,
            devices: devices.collect(),
            topics,
            silence,
            clock,
            silence_intake: PollIntake::new(intake.clone(), &connection.name),
            intake,
            acks,
        }
    }

    /// Goes on until `stop` is cancelled.
    pub(crate) async fn go_on(&mut self, mut arrivals: mpsc::Receiver<Arrival>, stop: CancellationToken) {
        loop {
            let next_look = self.silence.next_look().unwrap_or(Duration::MAX);
            let clock = self.clock;
            tokio::select! {
                () = stop.cancelled() => return,
                arrival = arrivals.recv() => {
                    let Some(arrival) = arrival else { return };
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = self.take(arrival) => {}
                    }
                }
                () = clock.reaches(next_look) => self.tell_silence(),
            }
        }
    }

    /// Hands a message on for every device of its topic; waits while the intake is full.
    async fn take(&mut self, arrival: Arrival) {
        let Arrival { publish, era, at } = arrival;
        let mut receipts = Vec::new();
        let topic = std::str::from_utf8(&publish.topic).unwrap_or_default();
        // A topic of no device is one that the session still knows from an earlier site: nothing is to be stored of it.
        if let Some(numbers) = self.topics.get(topic) {
            let payload = Payload::of(&publish.payload);
            let now = self.clock.now();
            for number in numbers {
                self.silence.heard(*number, now);
                let Some(heard) = self.devices.get_mut(*number) else {
                    continue;
                };
                let batch = heard.batch(&payload, at, &self.connection.name);
                let (receipt, committed) = receipt();
                receipts.push(committed);
                let receipt = (publish.qos != QoS::AtMostOnce).then_some(receipt);
                if self.intake.send(Delivery { batch, receipt }).await.is_err() {
                    return;
                }
            }
        }
        if publish.qos != QoS::AtMostOnce {
            // The other side ends only after this one.
            let _ = self
                .acks
                .send(Unacknowledged {
                    publish,
                    era,
                    receipts,
                })
                .await;
        }
    }

    fn tell_silence(&mut self) {
        while let Some(number) = self.silence.next_silent(self.clock.now()) {
            let Some(heard) = self.devices.get_mut(number) else {
                return;
            };
            heard
                .health
                .tell(Condition::Quiet, &heard.device.id, &self.connection.name);
            self.silence_intake
                .offer(heard.silent_batch(), &heard.meters.dropped);
        }
    }
}

impl Heard<'_> {
    fn batch(&mut self, payload: &Payload<'_>, arrived: Timestamp, connection: &str) -> Batch {
        let samples = payload.samples(self.device);
        let malformed = samples
            .iter()
            .any(|sample| matches!(sample.reading, Reading::Missing(Missing::Malformed)));
        self.meters.malformed.increment(u64::from(malformed));
        let condition = if malformed {
            Condition::Malformed
        } else {
            Condition::Answering
        };
        self.health.tell(condition, &self.device.id, connection);
        Batch {
            device: self.index,
            at: self.times.next(arrived),
            samples,
        }
    }

    fn silent_batch(&mut self) -> Batch {
        let missing = |point| Sample {
            point,
            reading: Reading::Missing(Missing::NoAnswer),
        };
        let samples = self.device.points().map(|(id, _)| missing(id)).collect();
        Batch {
            device: self.index,
            at: self.times.next(Timestamp::now()),
            samples,
        }
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

/// Listens on behalf of a connection until `stop` is cancelled.
pub(crate) async fn run(
    field: Arc<Field>,
    connection: Connection,
    devices: Vec<DeviceIndex>,
    arrivals: mpsc::Receiver<Arrival>,
    intake: mpsc::Sender<Delivery>,
    acks: mpsc::Sender<Unacknowledged>,
    stop: CancellationToken,
) {
    Listener::new(&field, &connection, &devices, intake, acks)
        .go_on(arrivals, stop)
        .await;
}
