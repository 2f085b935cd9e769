//! The loop of one Modbus connection: takes whoever is due, asks what its plan says, and hands the batch on.

mod asking;
mod healing;
mod outcome;
mod silences;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{Batch, BatchOrder, Connection, ConnectionIndex, Device, DeviceIndex, Unit};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::plan::book::Plans;
use super::schedule::Schedule;
use super::wire::{Busy, Wire};
use crate::backoff::Backoff;
use crate::clock::{BatchTimes, SteadyClock};
use crate::delivery::{Delivery, PollIntake};
use crate::field::Field;
use crate::health::{Condition, Health};
use crate::meters::{ConnectionMeters, DeviceMeters};
use asking::Asking;
use healing::Healing;
use outcome::Outcome;
use silences::Silences;

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
        biased;
        () = poller.go_on() => {}
        () = stop.cancelled() => {}
    }
}

/// What the loop keeps of a device.
struct Polled<'site> {
    index: DeviceIndex,
    device: &'site Device,
    unit: u8,
    /// The position of its unit among the connection's.
    unit_state: usize,
    plans: Arc<Plans>,
    poll: u64,
    times: BatchTimes,
    health: Health,
    meters: Arc<DeviceMeters>,
    healing: Healing,
    silences: Silences,
}

impl Polled<'_> {
    /// Learns from a poll that has ended.
    fn learn(&mut self, field: &Field) {
        let lesson = self.healing.end(&self.device.id);
        if lesson.is_plan_new {
            self.plans = field.plans(self.device, &self.healing.learnt);
        }
        if lesson.is_to_keep {
            field.learn(self.index, &self.healing.learnt);
        }
        if self.healing.wants_all() {
            self.poll = 0;
        }
    }
}

struct Poller<'site> {
    field: &'site Field,
    connection: &'site Connection,
    devices: Vec<Polled<'site>>,
    /// One for each different unit: two devices behind one unit are silent together, and the one that is polled more often must not
    /// wait for the other.
    units: Vec<Backoff>,
    schedule: Schedule,
    /// Before this no unit that is taken for dead is asked again.
    next_probe: Duration,
    wire: Wire<'site>,
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
        let mut devices: Vec<_> = devices
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
                if let Some(backoff) = units.get_mut(unit_state) {
                    backoff.hasten(device.interval);
                }
                let learnt = field.learnt(*index);
                Some(Polled {
                    index: *index,
                    device,
                    unit,
                    unit_state,
                    plans: field.plans(device, &learnt),
                    poll: 0,
                    times: BatchTimes::default(),
                    health: Health::default(),
                    meters: field.device_meters(*index)?,
                    healing: Healing::new(learnt),
                    silences: Silences::default(),
                })
            })
            .collect();
        // Most lines have one device, and there may be a thousand of them.
        devices.shrink_to_fit();
        units.shrink_to_fit();
        let schedule = Schedule::new(devices.iter().map(|polled| polled.device.interval).collect());
        Self {
            field,
            connection,
            devices,
            units,
            schedule,
            next_probe: Duration::ZERO,
            wire: Wire::new(connection, clock, Arc::clone(&meters)),
            meters,
            intake: PollIntake::new(intake, &connection.name),
        }
    }

    async fn go_on(&mut self) {
        // The clock is read no oftener than it has to be: at ten thousand polls a second that is time.
        let mut known = Duration::ZERO;
        while let Some(next_at) = self.schedule.next_at() {
            if next_at > known && next_at > self.wire.now() {
                self.wire.rests_until(next_at).await;
            } else {
                // Others read what has come for them first: requests that then go out together wake the far side once.
                tokio::task::yield_now().await;
            }
            let now = self.wire.now();
            let Some(turn) = self.schedule.take(now) else {
                continue;
            };
            if let Some(polled) = self.devices.get(turn.device) {
                polled.meters.late.increment_alone(turn.missed);
            }
            known = self.poll(turn.device, now).await;
        }
    }

    /// Polls a device, from now on, and says until when.
    async fn poll(&mut self, number: usize, now: Duration) -> Duration {
        let Some(polled) = self.devices.get_mut(number) else {
            return now;
        };
        let Some(backoff) = self.units.get_mut(polled.unit_state) else {
            return now;
        };
        let mut ended = now;
        polled.meters.polls.increment_alone(1);
        let plan = polled.plans.of_poll(polled.poll);
        polled.poll += 1;
        let is_probe = backoff.failures() >= TAKEN_FOR_DEAD;
        let outcome = if backoff.may_try(now) && (!is_probe || now >= self.next_probe) {
            polled.healing.begin(now);
            let mut asking = Asking {
                wire: &mut self.wire,
                device: polled.device,
                plan: &plan,
                unit: polled.unit,
                meters: &polled.meters,
                healing: &mut polled.healing,
                silences: &mut polled.silences,
                busy: Busy::default(),
            };
            let outcome = asking.ask_all().await;
            ended = outcome.ended.max(now);
            if outcome.connected {
                let took = ended.saturating_sub(now);
                self.meters.polled(took, outcome.decoding);
                polled.meters.latency.record(took);
            }
            if is_probe && outcome.has_asked() && outcome.condition == Condition::Silent {
                self.next_probe = ended + self.connection.timeout * PROBE_SHARE;
            }
            outcome.weigh(backoff, now);
            polled.learn(self.field);
            outcome
        } else {
            Outcome::nothing()
        };
        let is_missing = outcome.has_asked() || backoff.failures() > 0;
        if !outcome.heard && is_missing && !plan.reads.is_empty() {
            // All points are read at the first poll that is answered again, the slow ones as well.
            polled.poll = 0;
        }
        if outcome.connected {
            polled
                .health
                .tell(outcome.condition, &polled.device.id, &self.connection.name);
        }
        let BatchOrder { at, order } = polled.times.next(Timestamp::now());
        self.intake.offer(
            Batch {
                device: polled.index,
                at,
                order,
                samples: outcome.into_samples(polled.device, &plan),
            },
            &polled.meters.dropped,
        );
        self.doubt_the_link();
        ended
    }

    /// A link whose far end has vanished without a word looks like silent units: when all of them are silent it is dialled anew.
    /// One dead unit among others never gets here.
    fn doubt_the_link(&mut self) {
        if self.wire.is_in_doubt() && self.units.iter().all(|unit| unit.failures() > 0) {
            self.wire.give_up_link();
        }
    }
}
