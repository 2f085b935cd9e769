//! The loop of one Modbus connection: takes whoever is due, asks what its plan says, and hands the batch on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{Batch, Connection, ConnectionIndex, Device, DeviceIndex, Missing, Point, Reading, Sample, Unit};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::client::Answer;
use super::decode;
use super::healing::Healing;
use super::plan::{Plan, Plans, Read};
use super::schedule::Schedule;

use super::wire::{Failure, Wire};
use crate::backoff::Backoff;
use crate::clock::{BatchTimes, SteadyClock};
use crate::delivery::{Delivery, PollIntake};
use crate::field::Field;
use crate::health::{Condition, Health};
use crate::meters::{ConnectionMeters, DeviceMeters};

/// Exceptions 02 and 03 (Modbus Application Protocol 7): no such registers, or not so many.
const ILLEGAL_ADDRESS: u8 = 2;
const ILLEGAL_VALUE: u8 = 3;
/// A unit that left so many polls in a row unanswered is asked only to see whether it is there again.
const TAKEN_FOR_DEAD: u32 = 2;
/// After such a probe for nothing the line belongs to the others for so many timeouts: however many units are dead, they take a
/// fifth of it at most.
const PROBE_SHARE: u32 = 4;
/// The longest that a silent unit is left alone.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// Polls the devices of a connection until `stop` is cancelled.
pub(crate) async fn run(
    field: Arc<Field>,
    index: ConnectionIndex,
    devices: Vec<DeviceIndex>,
    clock: SteadyClock,
    intake: mpsc::Sender<Delivery>,
    stop: CancellationToken,
) {
    let (Some(connection), Some(meters)) = (
        field.site().connections.get(index),
        field.connection_meters(index),
    ) else {
        return;
    };
    let mut poller = Poller::new(&field, connection, &devices, clock, meters, intake);
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
    meters: Arc<DeviceMeters>,
    healing: Healing,
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
    fn unheard() -> Self {
        Self {
            samples: Vec::new(),
            condition: Condition::Silent,
            heard: false,
            connected: true,
        }
    }

    /// What it means for the unit's back-off. A connection that is down says nothing of the units behind it.
    fn weigh(&self, backoff: &mut Backoff, may_need_rest: bool, began: Duration) {
        if self.condition == Condition::Silent && self.connected {
            if self.heard && may_need_rest {
                // It is no dead unit: it may have to be asked more slowly, which is found out in a few polls.
                backoff.succeeded();
            }
            // From the poll's beginning: after a first silence the very next poll is to be a real one.
            backoff.failed(began);
        } else if self.heard {
            backoff.succeeded();
        }
    }
}

struct Poller<'site> {
    field: &'site Field,
    connection: &'site Connection,
    devices: Vec<Polled<'site>>,
    /// One for each different unit: two devices behind one unit are silent together.
    units: Vec<Backoff>,
    schedule: Schedule,
    /// Before this no unit that is taken for dead is asked again.
    next_probe: Duration,
    wire: Wire,
    clock: SteadyClock,
    meters: Arc<ConnectionMeters>,
    intake: PollIntake,
}

impl<'site> Poller<'site> {
    fn new(
        field: &'site Field,
        connection: &'site Connection,
        devices: &[DeviceIndex],
        clock: SteadyClock,
        meters: Arc<ConnectionMeters>,
        intake: mpsc::Sender<Delivery>,
    ) -> Self {
        let mut units = Vec::new();
        let mut unit_states = BTreeMap::new();
        let devices: Vec<_> = devices
            .iter()
            .filter_map(|index| {
                let device = field.site().devices.get(*index)?;
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
                    meters: field.device_meters(*index)?,
                    healing: Healing::new(field.learnt(*index)),
                })
            })
            .collect();
        let schedule = Schedule::new(devices.iter().map(|polled| polled.device.interval).collect());
        Self {
            field,
            connection,
            devices,
            units,
            schedule,
            next_probe: Duration::ZERO,
            wire: Wire::new(connection, clock, Arc::clone(&meters)),
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
            &polled.healing.learnt,
        );
        polled.poll += 1;
        let is_probe = backoff.failures() >= TAKEN_FOR_DEAD;
        let outcome = if backoff.may_try(began) && (!is_probe || began >= self.next_probe) {
            polled.healing.begin(began);
            let mut asking = Asking {
                wire: &mut self.wire,
                device: polled.device,
                unit: polled.unit,
                meters: &polled.meters,
                healing: &mut polled.healing,
            };
            let outcome = asking.ask_all(plan).await;
            if outcome.connected {
                let took = self.clock.now().saturating_sub(began);
                self.meters.polled(took);
                polled.meters.latency.record(took);
            }
            if is_probe && outcome.condition == Condition::Silent {
                self.next_probe = self.clock.now() + self.connection.timeout * PROBE_SHARE;
            }
            outcome.weigh(backoff, polled.healing.learnt.may_need_rest(), began);
            if polled.healing.end(&polled.device.id) {
                polled.plans.forget();
                self.field.learn(polled.index, &polled.healing.learnt);
            }
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

/// What one poll of a device needs.
struct Asking<'poll> {
    wire: &'poll mut Wire,
    device: &'poll Device,
    unit: u8,
    meters: &'poll DeviceMeters,
    healing: &'poll mut Healing,
}

impl Asking<'_> {
    /// Asks all that the plan says, until the first request that the unit leaves unanswered.
    async fn ask_all(&mut self, plan: &Plan) -> Outcome {
        let mut outcome = silence(self.device, plan);
        outcome.condition = Condition::Answering;
        for (sample, code) in &plan.refused {
            if let Some(sample) = outcome.samples.get_mut(*sample) {
                sample.reading = Reading::Missing(Missing::Refused(*code));
            }
        }
        for read in &plan.reads {
            if !self.ask_whole(read, &mut outcome).await {
                return outcome;
            }
        }
        self.healing.answered_all();
        if let Some(read) = self.healing.next_retry() {
            // What comes of it is only learnt from: the point's sample is that of its refusal until the next poll.
            let mut aside = Outcome::unheard();
            self.ask(&read, &mut aside).await;
        }
        outcome
    }

    /// Asks for a block, and for its parts when it is refused; whether the unit is still there to be asked.
    async fn ask_whole(&mut self, read: &Read, outcome: &mut Outcome) -> bool {
        let Some(refused) = self.ask(read, outcome).await else {
            return false;
        };
        let mut pieces = Vec::new();
        if refused {
            self.healing.part(read, &mut pieces);
        }
        while let Some(piece) = pieces.pop() {
            let Some(refused) = self.ask(&piece, outcome).await else {
                return false;
            };
            if refused {
                self.healing.part(&piece, &mut pieces);
            }
        }
        true
    }

    /// Asks once: whether the registers themselves were refused; `None` when the unit is not there to be asked.
    async fn ask(&mut self, read: &Read, outcome: &mut Outcome) -> Option<bool> {
        let (ids, pause) = (
            self.device.profile.modbus.transaction_ids,
            self.healing.learnt.pause,
        );
        match self.wire.ask(self.unit, read, ids, pause).await {
            Ok(answer) => {
                outcome.heard = true;
                self.healing.tried(read, None);
                take(&answer, read, &self.device.profile.points, &mut outcome.samples);
                return Some(false);
            }
            Err(Failure::Silent) => {
                self.meters.timeouts.increment(1);
                self.healing.fell_silent();
            }
            Err(Failure::Unreachable) => self.meters.refusals.increment(1),
            Err(Failure::Down) => {
                outcome.connected = false;
                return None;
            }
            Err(Failure::Refused(code)) => {
                self.meters.refusals.increment(1);
                outcome.heard = true;
                outcome.condition = Condition::Refusing(code);
                fill(read, Missing::Refused(code), &mut outcome.samples);
                let is_about_registers = matches!(code, ILLEGAL_ADDRESS | ILLEGAL_VALUE);
                if is_about_registers {
                    self.healing.tried(read, Some(code));
                }
                return Some(is_about_registers);
            }
            Err(Failure::Malformed) => {
                self.meters.malformed.increment(1);
                outcome.heard = true;
                outcome.condition = Condition::Malformed;
                fill(read, Missing::Malformed, &mut outcome.samples);
                return Some(false);
            }
        }
        outcome.condition = Condition::Silent;
        None
    }
}

/// The outcome of a poll that nobody answers: silence is a sample, too.
fn silence(device: &Device, plan: &Plan) -> Outcome {
    let missing = Reading::Missing(Missing::NoAnswer);
    let samples: Vec<Sample> = plan
        .due
        .iter()
        .map(|point| Sample {
            point: device.point_id(*point),
            reading: missing.clone(),
        })
        .collect();
    Outcome {
        samples,
        ..Outcome::unheard()
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
