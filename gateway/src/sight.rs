//! The gateway's own sight: looks at how storing, delivering and the clock go, and says it to the desk as levels.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use model::Text;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::alarms::Level;
use crate::desk::{DeskHandle, OwnLevel, OwnRule};
use crate::publish::PublishStand;
use crate::reserve::Reserve;
use crate::step_clock::{STEP, Since, StepClock};
use crate::telemetry::{DeliveryStand, Trouble};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A database that takes nothing for so long, or a broker that is away, is late: shorter outages mend themselves out of the outbox.
const LATE_AFTER: Duration = Duration::from_secs(600);
/// A step is shown for so long.
const STEP_SHOWN: SignedDuration = SignedDuration::from_mins(5);

/// What the gateway looks at.
pub struct Sight {
    /// How each delivery goes, by name.
    pub deliveries: Vec<(Arc<str>, Arc<Mutex<DeliveryStand>>)>,
    /// How publishing goes, if anything is published.
    pub publishing: Option<Arc<Mutex<PublishStand>>>,
    /// Why telemetry is not stored.
    pub storage: Vec<Trouble>,
    /// The room that is set aside on the disk.
    pub reserve: Reserve,
    /// When the run before was looking last, as its clock had it.
    pub looked_until: Option<Timestamp>,
    /// Where levels go.
    pub desk: DeskHandle,
}

impl Sight {
    /// Looks until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut clock = Clock::new(Instant::now(), Timestamp::now());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let (steady, now) = (Instant::now(), Timestamp::now());
            if let Some(step) = clock.look(steady, now) {
                counter!("facility_clock_steps_total").increment(1);
                warn!(
                    seconds = step.as_secs_f64(),
                    "the system's clock was set while the gateway ran"
                );
            }
            let stand =
                |stand: &Mutex<DeliveryStand>| stand.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let deliveries: Vec<_> = self
                .deliveries
                .iter()
                .map(|(name, it)| (name.as_ref(), stand(it)))
                .collect();
            let storage = self.storage.iter().find_map(Trouble::reason);
            let reserve = self.reserve.clone();
            // Nobody waits for the disk here.
            drop(tokio::task::spawn_blocking(move || reserve.settle()));
            self.desk.own(denied(&deliveries));
            self.desk.own(late(&deliveries, steady));
            if let Some(stand) = &self.publishing {
                let stand = stand.lock().unwrap_or_else(PoisonError::into_inner).clone();
                self.desk.own(away(&stand, steady));
            }
            self.desk.own(level(
                OwnRule::StorageRefused,
                storage,
                "数据无法存盘",
                "Telemetry is not stored",
            ));
            self.desk.own(behind(self.looked_until, now));
            self.desk.own(clock.level(now));
        }
    }
}

/// Whether a database does not know us.
fn denied(deliveries: &[(&str, DeliveryStand)]) -> OwnLevel {
    let reason = deliveries
        .iter()
        .find(|(_, stand)| stand.denied)
        .map(|(name, stand)| told(name, stand));
    level(
        OwnRule::TelemetryDenied,
        reason,
        "数据库拒绝写入",
        "The database refuses us",
    )
}

/// Whether a database has taken nothing for too long.
fn late(deliveries: &[(&str, DeliveryStand)], steady: Instant) -> OwnLevel {
    let is_late = |stand: &DeliveryStand| !stand.denied && has_lasted(stand.failing_since, steady);
    let reason = deliveries
        .iter()
        .find(|(_, stand)| is_late(stand))
        .map(|(name, stand)| told(name, stand));
    level(
        OwnRule::TelemetryLate,
        reason,
        "数据未能送达数据库",
        "Telemetry does not reach the database",
    )
}

/// Whether the broker that is published to has been away for too long.
fn away(stand: &PublishStand, steady: Instant) -> OwnLevel {
    let since = stand.away_since.filter(|_| !stand.is_up);
    let is_late = has_lasted(since, steady);
    let reason = is_late.then(|| stand.error.clone().unwrap_or_else(|| "no answer".to_owned()));
    level(
        OwnRule::PublishingLate,
        reason,
        "MQTT 发布中断",
        "The broker that is published to is away",
    )
}

/// Whether an outage has lasted too long.
fn has_lasted(since: Option<Since>, steady: Instant) -> bool {
    since.is_some_and(|since| since.lasted(steady) >= LATE_AFTER)
}

fn told(name: &str, stand: &DeliveryStand) -> String {
    format!("{name}: {}", stand.error.as_deref().unwrap_or("no answer"))
}

/// Whether the clock is behind what was recorded before the start: then it was wrong before, or is now.
fn behind(looked_until: Option<Timestamp>, now: Timestamp) -> OwnLevel {
    let reason = looked_until.filter(|until| now.duration_since(*until) < -STEP);
    let reason = reason.map(|until| format!("{now} < {until}"));
    level(
        OwnRule::ClockBehind,
        reason,
        "系统时钟落后于已有记录",
        "The system's clock is behind what was recorded",
    )
}

fn level(rule: OwnRule, reason: Option<String>, zh: &str, en: &str) -> OwnLevel {
    let level = if reason.is_some() {
        Level::Holds
    } else {
        Level::Clear
    };
    let reason = reason.unwrap_or_default();
    OwnLevel {
        rule,
        level,
        summary: Text::new(format!("{zh}：{reason}"), format!("{en}: {reason}")),
    }
}

/// The system's clock, and its last step for as long as it is shown.
struct Clock {
    steps: StepClock,
    stepped: Option<(Timestamp, SignedDuration)>,
}

impl Clock {
    fn new(steady: Instant, system: Timestamp) -> Self {
        Self {
            steps: StepClock::new(steady, system),
            stepped: None,
        }
    }

    fn look(&mut self, steady: Instant, system: Timestamp) -> Option<SignedDuration> {
        let step = self.steps.look(steady, system);
        if let Some(step) = step {
            self.stepped = Some((system, step));
        }
        step
    }

    fn level(&self, now: Timestamp) -> OwnLevel {
        let recent = self
            .stepped
            .filter(|(at, _)| now.duration_since(*at).abs() < STEP_SHOWN);
        let reason = recent.map(|(at, step)| format!("{:+.1} s, {at}", step.as_secs_f64()));
        level(
            OwnRule::ClockSet,
            reason,
            "系统时钟被调整",
            "The system's clock was set",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    fn stand(denied: bool, failing_since: Option<Since>) -> DeliveryStand {
        DeliveryStand {
            denied,
            failing_since,
            error: Some("401".into()),
            ..Default::default()
        }
    }

    #[test]
    fn a_refused_token_is_told_at_once_and_an_outage_after_ten_minutes() {
        let steady = Instant::now();
        let began = Some(Since::new(steady, at(0)));
        assert_eq!(denied(&[("influxdb", stand(true, began))]).level, Level::Holds);
        assert_eq!(denied(&[("influxdb", stand(false, began))]).level, Level::Clear);
        let late_after = |since, seconds| {
            let now = steady + Duration::from_secs(seconds);
            late(&[("influxdb", stand(false, since))], now).level
        };
        assert_eq!(late_after(began, 599), Level::Clear);
        assert_eq!(late_after(began, 600), Level::Holds);
        assert_eq!(late_after(None, 9999), Level::Clear);
    }

    #[test]
    fn a_broker_that_is_published_to_may_be_away_for_ten_minutes() {
        let steady = Instant::now();
        let later = |seconds| steady + Duration::from_secs(seconds);
        let mut stand = PublishStand::new(Since::new(steady, at(0)));
        assert_eq!(away(&stand, later(599)).level, Level::Clear);
        assert_eq!(away(&stand, later(600)).level, Level::Holds);
        stand.is_up = true;
        assert_eq!(away(&stand, later(600)).level, Level::Clear);
    }

    #[test]
    fn a_clock_that_is_set_during_an_outage_makes_it_neither_longer_nor_shorter() {
        let steady = Instant::now();
        for told in [at(28_800), at(-28_800)] {
            let began = Since::new(steady, told);
            let levels = [599, 600].map(|seconds| {
                let later = steady + Duration::from_secs(seconds);
                let broker = away(&PublishStand::new(began), later).level;
                (
                    late(&[("influxdb", stand(false, Some(began)))], later).level,
                    broker,
                )
            });
            assert_eq!(
                levels,
                [(Level::Clear, Level::Clear), (Level::Holds, Level::Holds)]
            );
        }
    }

    #[test]
    fn a_clock_that_was_set_is_told_for_a_while() {
        let steady = Instant::now();
        let mut clock = Clock::new(steady, at(0));
        assert_eq!(
            clock.look(steady + Duration::from_secs(2), at(3603)),
            Some(SignedDuration::from_secs(3601))
        );
        assert_eq!(clock.look(steady + Duration::from_secs(4), at(3605)), None);
        assert_eq!(clock.level(at(3700)).level, Level::Holds);
        assert_eq!(clock.level(at(3603 + 300)).level, Level::Clear);
    }

    #[test]
    fn a_clock_behind_what_was_recorded_is_told_until_it_has_caught_up() {
        assert_eq!(behind(Some(at(100)), at(0)).level, Level::Holds);
        assert_eq!(behind(Some(at(100)), at(99)).level, Level::Clear);
        assert_eq!(behind(None, at(0)).level, Level::Clear);
    }
}
