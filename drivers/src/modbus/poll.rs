//! The loop of one Modbus connection: takes whoever is due, asks what its plan says, and hands the batch on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{
    Batch, Connection, ConnectionIndex, Device, DeviceIndex, Missing, Point, Reading, Sample, Site, Unit,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::client::Answer;
use super::decode;
use super::plan::{Plan, Plans, Read};
use super::schedule::Schedule;

use super::wire::{Failure, Wire};
use crate::backoff::Backoff;
use crate::clock::{BatchTimes, SteadyClock};
use crate::delivery::{Delivery, PollIntake};
use crate::health::{Condition, Health};
use crate::meters::{ConnectionMeters, DeviceMeters};

/// The longest that a silent unit is left alone.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// Polls the devices of a connection until `stop` is cancelled.
pub(crate) async fn run(
    site: Arc<Site>,
    index: ConnectionIndex,
    devices: Vec<DeviceIndex>,
    intake: mpsc::Sender<Delivery>,
    stop: CancellationToken,
) {
    let Some(connection) = site.connections.get(index) else {
        return;
    };
    let clock = SteadyClock::begin();
    let meters = ConnectionMeters::new(&connection.name);
    let wire = Wire::new(connection, clock, meters.clone());
    let mut poller = Poller::new(&site, connection, &devices, wire, clock, meters, intake);
    // A request that is under way is given up: nothing waits for its answer any more.
    tokio::select! {
        () = stop.cancelled() => {}
        () = poller.go_on() => {}
    }
}

/// What the loop keeps of a device.
struct Polled<'site> {
    index: DeviceIndex,
    device: &'site Device,
    unit: u8,
    /// The position of its unit among the connection's.
    unit_state: usize,
    plans: Plans,
    poll: u64,
    times: BatchTimes,
    health: Health,
    meters: DeviceMeters,
}

/// What one poll brought.
struct Outcome {
    samples: Vec<Sample>,
    condition: Condition,
    /// Whether the device said anything at all.
    heard: bool,
    /// Whether the connection is there.
    connected: bool,
}

impl Outcome {
    /// What it means for the unit's back-off. A connection that is down says nothing of the units behind it.
    fn weigh(&self, backoff: &mut Backoff, began: Duration) {
        if self.condition == Condition::Silent && self.connected {
            // From the poll's beginning: after a first silence the very next poll is to be a real one.
            backoff.failed(began);
        } else if self.heard {
            backoff.succeeded();
        }
    }
}

struct Poller<'site> {
    connection: &'site Connection,
    devices: Vec<Polled<'site>>,
    /// One for each different unit: two devices behind one unit are silent together.
    units: Vec<Backoff>,
    schedule: Schedule,
    wire: Wire,
    clock: SteadyClock,
    meters: ConnectionMeters,
    intake: PollIntake,
}

impl<'site> Poller<'site> {
    fn new(
        site: &'site Site,
        connection: &'site Connection,
        devices: &[DeviceIndex],
        wire: Wire,
        clock: SteadyClock,
        meters: ConnectionMeters,
        intake: mpsc::Sender<Delivery>,
    ) -> Self {
        let mut units = Vec::new();
        let mut unit_states = BTreeMap::new();
        let devices: Vec<_> = devices
            .iter()
            .filter_map(|index| {
                let device = site.devices.get(*index)?;
                let Unit::Modbus(unit) = device.unit else {
                    return None;
                };
                let unit_state = *unit_states.entry(unit).or_insert_with(|| {
                    units.push(Backoff::new(device.interval, LONGEST_SILENCE, u64::from(index.0)));
                    units.len() - 1
                });
                Some(Polled {
                    index: *index,
                    device,
                    unit,
                    unit_state,
                    plans: Plans::new(&device.profile.points),
                    poll: 0,
                    times: BatchTimes::default(),
                    health: Health::default(),
                    meters: DeviceMeters::new(&device.id),
                })
            })
            .collect();
        let schedule = Schedule::new(devices.iter().map(|polled| polled.device.interval).collect());
        Self {
            connection,
            devices,
            units,
            schedule,
            wire,
            clock,
            meters,
            intake: PollIntake::new(intake, &connection.name),
        }
    }

    async fn go_on(&mut self) {
        while let Some(next_at) = self.schedule.next_at() {
            self.clock.reaches(next_at).await;
            let Some(turn) = self.schedule.take(self.clock.now()) else {
                continue;
            };
            if let Some(polled) = self.devices.get(turn.device) {
                polled.meters.late.increment(turn.missed);
            }
            self.poll(turn.device).await;
        }
    }

    async fn poll(&mut self, number: usize) {
        let Some(polled) = self.devices.get_mut(number) else {
            return;
        };
        let Some(backoff) = self.units.get_mut(polled.unit_state) else {
            return;
        };
        polled.meters.polls.increment(1);
        let began = self.clock.now();
        let plan = polled.plans.of_poll(
            polled.poll,
            &polled.device.profile.points,
            &polled.device.profile.modbus,
        );
        polled.poll += 1;
        let outcome = if backoff.may_try(began) {
            let outcome = ask_all(&mut self.wire, polled.device, polled.unit, plan, &polled.meters).await;
            if outcome.connected {
                self.meters
                    .poll_seconds
                    .record(self.clock.now().saturating_sub(began).as_secs_f64());
            }
            outcome.weigh(backoff, began);
            outcome
        } else {
            silence(polled.device, plan)
        };
        if !outcome.heard {
            // All points are read at the first poll that is answered again, the slow ones as well.
            polled.poll = 0;
        }
        if outcome.connected {
            polled
                .health
                .tell(outcome.condition, &polled.device.id, &self.connection.name);
        }
        let at = polled.times.next(Timestamp::now());
        self.intake.offer(
            Batch {
                device: polled.index,
                at,
                samples: outcome.samples,
            },
            &polled.meters.dropped,
        );
        self.doubt_the_link();
    }

    /// A link whose far end has vanished without a word looks like silent units: when all of them are silent it is dialled anew.
    /// One dead unit among others never gets here.
    fn doubt_the_link(&mut self) {
        if self.wire.is_in_doubt() && self.units.iter().all(|unit| unit.failures() > 0) {
            self.wire.give_up_link();
        }
    }
}

/// Asks all that the plan says, until the first request that the unit leaves unanswered.
async fn ask_all(wire: &mut Wire, device: &Device, unit: u8, plan: &Plan, meters: &DeviceMeters) -> Outcome {
    let mut outcome = silence(device, plan);
    outcome.condition = Condition::Answering;
    let points = &device.profile.points;
    for read in &plan.reads {
        let failure = match wire.ask(unit, read, device.profile.modbus.transaction_ids).await {
            Ok(answer) => {
                outcome.heard = true;
                take(&answer, read, points, &mut outcome.samples);
                continue;
            }
            Err(failure) => failure,
        };
        match failure {
            Failure::Silent | Failure::Unreachable => {
                let meter = if failure == Failure::Silent {
                    &meters.timeouts
                } else {
                    &meters.refusals
                };
                meter.increment(1);
                outcome.condition = Condition::Silent;
                return outcome;
            }
            Failure::Down => {
                outcome.connected = false;
                return outcome;
            }
            Failure::Refused(code) => {
                meters.refusals.increment(1);
                outcome.heard = true;
                outcome.condition = Condition::Refusing(code);
                fill(read, Missing::Refused(code), &mut outcome.samples);
            }
            Failure::Malformed => {
                meters.malformed.increment(1);
                outcome.heard = true;
                outcome.condition = Condition::Malformed;
                fill(read, Missing::Malformed, &mut outcome.samples);
            }
        }
    }
    outcome
}

/// The outcome of a poll that nobody answers: silence is a sample, too.
fn silence(device: &Device, plan: &Plan) -> Outcome {
    let missing = Reading::Missing(Missing::NoAnswer);
    let samples = plan
        .due
        .iter()
        .map(|point| Sample {
            point: device.point_id(*point),
            reading: missing.clone(),
        })
        .collect();
    Outcome {
        samples,
        condition: Condition::Silent,
        heard: false,
        connected: true,
    }
}

fn take(answer: &Answer, read: &Read, points: &[Point], samples: &mut [Sample]) {
    for slot in &read.slots {
        let (Some(point), Some(sample)) = (points.get(slot.point), samples.get_mut(slot.sample)) else {
            continue;
        };
        sample.reading = match answer {
            Answer::Bits(bits) => bits.get(slot.offset).map(|bit| decode::bit(point, *bit)),
            Answer::Registers(words) => {
                let end = slot.offset + usize::from(point.data_type.registers());
                words
                    .get(slot.offset..end)
                    .map(|words| decode::registers(point, words))
            }
        }
        .unwrap_or(Reading::Missing(Missing::Malformed));
    }
}

fn fill(read: &Read, missing: Missing, samples: &mut [Sample]) {
    for slot in &read.slots {
        if let Some(sample) = samples.get_mut(slot.sample) {
            sample.reading = Reading::Missing(missing);
        }
    }
}
