//! The desk's thread: hears batches, time and people; judges; writes each change; and only then lets it be seen.

mod clock;
mod log;
mod obey;
mod settle;
mod sight;
mod watches;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use metrics::{Histogram, histogram};
use model::{DeviceIndex, Site};
use rules::{Judge, Judgement, RuleIndex, Rules};
use tokio::sync::{Notify, broadcast};
use tracing::info;

use super::commanded::Commands;
use super::draft::{Change, Subject, Watch};
use super::handle::{Changed, DeskHandle, Heard};
use super::own::{OwnLevel, OwnRule};
use super::state::State;
use crate::alarms::Alarm;
use crate::live::Live;
use crate::recall::recall;
use crate::store::{HistoryReader, Kept, Records, StoreError};
use crate::tickets::WorkCalendar;

pub use sight::{LONGEST_BEAT, counted_conditions};

/// Changes that could not be written are worked out again after this.
const RETRY: Duration = Duration::from_secs(1);
/// With nothing to do, the desk still looks up this often: the system's clock may have been set.
const LOOK_UP: Duration = Duration::from_secs(1);
/// So much is heard before what came of it is written, so that a flood is a few transactions.
const GROUP: usize = 512;

/// The alarms that are not normal, for whoever looks.
pub type Board = Arc<RwLock<BTreeMap<String, Arc<Alarm>>>>;

/// What the desk works with.
pub struct Desk {
    /// The site.
    pub site: Arc<Site>,
    /// Its rules.
    pub rules: Arc<Rules>,
    /// Working days.
    pub calendar: Arc<WorkCalendar>,
    /// Where it writes.
    pub records: Records,
    /// The newest samples, for devices whose batches were skipped.
    pub live: Arc<RwLock<Live>>,
    /// Where everybody sees alarms.
    pub board: Board,
    /// Who wants to hear of changes.
    pub changed: broadcast::Sender<Changed>,
    /// Wakes the courier.
    pub notices: Arc<Notify>,
}

/// The desk at work.
pub struct Keeper {
    desk: Desk,
    judge: Judge,
    state: State,
    watches: HashMap<String, (Option<RuleIndex>, Watch)>,
    subjects: HashMap<DeviceIndex, Subject>,
    devices: HashMap<String, DeviceIndex>,
    /// Alarms that wait for time to pass.
    timed: BTreeSet<String>,
    /// Levels that are known and not yet written: the newest of each rule and device.
    unwritten: BTreeMap<(RuleIndex, DeviceIndex), Judgement>,
    broken: HashMap<RuleIndex, (HashSet<DeviceIndex>, String)>,
    /// What the gateway says of itself, the newest of each rule.
    own: BTreeMap<OwnRule, OwnLevel>,
    /// What lamps are commanded.
    lamps: Commands,
    failing: bool,
    /// How long the rules take for a group of batches.
    rules_seconds: Histogram,
    /// The day whose planned work has its tickets.
    planned_until: Option<Date>,
    /// When it was last written that the gateway is looking.
    beat: sight::Beat,
    /// When the ladder of escalation was looked at last.
    escalated_at: Option<Timestamp>,
    /// Whether the system's clock is set.
    clock: clock::KeptClock,
    /// Delays from before the start, by alarm: since when, by a clock that was not yet wrong, or is right again.
    delays_before: HashMap<String, Timestamp>,
}

impl Keeper {
    /// Takes up what was kept from before: alarms are unknown until their devices are read again, and everything else as it was.
    ///
    /// # Errors
    /// What was kept cannot be read.
    pub fn new(desk: Desk, now: Timestamp) -> Result<Self, StoreError> {
        let Kept {
            alarms,
            tickets,
            last_number,
            planned,
        } = desk.records.kept(now)?;
        let watches = watches::watches(&desk.rules);
        let devices: HashMap<_, _> = desk
            .site
            .devices
            .iter()
            .map(|(index, device)| (device.id.clone(), index))
            .collect();
        let subjects = desk.site.devices.iter().map(|(index, device)| {
            let class = device.profile.class.as_str().to_owned();
            (
                index,
                Subject {
                    device: Some(device.id.clone()),
                    class: Some(class),
                },
            )
        });
        let mut keeper = Self {
            judge: Judge::new(Arc::clone(&desk.rules), Arc::clone(&desk.site)),
            state: State {
                alarms: HashMap::new(),
                tickets: crate::tickets::TicketBook::new(tickets, last_number),
                planned,
                ..State::default()
            },
            planned_until: None,
            escalated_at: None,
            subjects: subjects.collect(),
            watches,
            devices,
            timed: BTreeSet::new(),
            unwritten: BTreeMap::new(),
            broken: HashMap::new(),
            own: BTreeMap::new(),
            lamps: Commands::of(&desk.site),
            failing: false,
            rules_seconds: histogram!("facility_rules_seconds"),
            beat: sight::Beat::begun(now),
            clock: clock::KeptClock::begun(Instant::now(), now),
            delays_before: HashMap::new(),
            desk,
        };
        alarms.into_iter().for_each(|alarm| keeper.take_up(alarm));
        keeper.begin_sight(now)?;
        Ok(keeper)
    }

    /// Fills the windows of rules from what was recorded before the start.
    pub fn recall(&mut self, history: &HistoryReader, now: Timestamp) -> Result<(), StoreError> {
        recall(&mut self.judge, &self.desk.site, history, now)
    }

    /// Hears until it is told to stop, or nobody is left to tell it anything.
    pub fn run(mut self, handle: &DeskHandle, heard: &Receiver<Heard>) {
        loop {
            let first = match heard.recv_timeout(self.wait(Timestamp::now())) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut going_on = true;
            // Before what was heard, so that no delay runs out over a step, and after it, since some of that may be from before one.
            let was_set = self.look_at_the_clock();
            for heard in first.into_iter().chain(heard.try_iter().take(GROUP)) {
                match heard {
                    Heard::Batches(batches, _waiting) => {
                        let started = Instant::now();
                        for batch in &batches {
                            self.lamps.take(batch);
                            let judgements = self.judge.take(batch);
                            self.note(judgements);
                        }
                        self.rules_seconds.record(started.elapsed());
                    }
                    Heard::Command(command, answer) => {
                        // What a person asks is judged on everything that was heard before it.
                        self.settle(Timestamp::now());
                        let result = self.obey(*command, Timestamp::now());
                        if let Some(answer) = answer {
                            let _ = answer.send(result);
                        }
                    }
                    Heard::Own(own) => drop(self.own.insert(own.rule, own)),
                    Heard::Stop => going_on = false,
                }
            }
            self.catch_up(handle);
            if was_set {
                self.judge.set_clock(Timestamp::now());
            }
            let judgements = self.judge.tick(Timestamp::now());
            self.note(judgements);
            self.settle(Timestamp::now());
            self.beat(Timestamp::now());
            if !going_on {
                self.seen(Timestamp::now());
                return;
            }
        }
    }

    /// An alarm from before the restart.
    fn take_up(&mut self, mut alarm: Alarm) {
        let device = alarm
            .device
            .as_ref()
            .map(|device| self.devices.get(device).copied());
        let (Some((rule, _)), true) = (self.watches.get(&alarm.rule), device != Some(None)) else {
            info!(
                alarm = alarm.id,
                "this alarm's rule or device is no longer in the site: it is set aside"
            );
            return;
        };
        if let (Some(rule), Some(Some(device))) = (rule, device) {
            self.judge.seed(*rule, device, alarm.is_active());
        }
        alarm.known = false;
        if let Some(since) = alarm.pending_since() {
            self.delays_before.insert(alarm.id.clone(), since);
        }
        let change = Change {
            alarms: vec![(Arc::new(alarm), false)],
            ..Change::default()
        };
        self.show(&change);
    }

    fn note(&mut self, judgements: Vec<Judgement>) {
        for judgement in judgements {
            self.unwritten
                .insert((judgement.rule, judgement.device), judgement);
        }
    }

    /// Devices whose batches were skipped: their newest level counts, and their windows have a gap.
    fn catch_up(&mut self, handle: &DeskHandle) {
        for device in handle.take_lagging() {
            self.judge.gap(device);
            let batch = self
                .desk
                .live
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .newest(device);
            if let Some(batch) = batch {
                self.lamps.take(&batch);
                let judgements = self.judge.take(&batch);
                self.note(judgements);
            }
        }
    }

    fn watch_of(&self, alarm: &Alarm) -> Option<(Option<RuleIndex>, Watch)> {
        self.watches.get(&alarm.rule).cloned()
    }

    /// How long nothing need be done unless something is heard.
    fn wait(&self, now: Timestamp) -> Duration {
        if self.failing || !self.unwritten.is_empty() {
            return RETRY;
        }
        let alarms = self.timed.iter().filter_map(|id| {
            let alarm = self.state.alarms.get(id)?;
            alarm.next_due(self.watches.get(&alarm.rule)?.1.delays)
        });
        // A clock has run out once its due time has passed, not at it.
        let moment = SignedDuration::from_millis(1);
        let clocks = self
            .state
            .tickets
            .next_due(now, &self.desk.calendar)
            .and_then(|due| due.checked_add(moment).ok());
        let next = alarms.chain(clocks).chain(self.judge.next_due()).min();
        next.map_or(LOOK_UP, |next| {
            Duration::try_from(next.duration_since(now))
                .unwrap_or(Duration::ZERO)
                .min(LOOK_UP)
        })
    }
}
