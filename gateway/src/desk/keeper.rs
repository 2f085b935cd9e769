//! The desk's thread: hears batches, time and people; judges; writes each change; and only then lets it be seen.

mod log;
mod sight;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use metrics::{Histogram, counter, gauge, histogram};
use model::{DeviceIndex, Severity, Site, Text};
use rules::{Judge, Judgement, RuleIndex, Rules, Verdict};
use tokio::sync::{Notify, broadcast};
use tracing::{error, info, warn};

use super::calendar;
use super::command::{AlarmAct, Answer, Command};
use super::commanded::Commands;
use super::denied::Denied;
use super::draft::{Change, Draft, State, Subject, Watch};
use super::handle::{Changed, DeskHandle, Heard};
use super::own::{OwnLevel, OwnRule};
use crate::alarms::{Alarm, Delays, Level, SetAside};
use crate::live::Live;
use crate::store::{Kept, Records, StoreError};
use crate::tickets::{Ticket, WorkCalendar};

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
        let watches = watches(&desk.rules);
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
            desk,
        };
        alarms.into_iter().for_each(|alarm| keeper.take_up(alarm));
        keeper.begin_sight(now)?;
        Ok(keeper)
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
            for heard in first.into_iter().chain(heard.try_iter().take(GROUP)) {
                match heard {
                    Heard::Batches(batches) => {
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

    /// Works out what follows from the levels and from time, and writes it. What cannot be written is worked out again later.
    fn settle(&mut self, now: Timestamp) {
        let started = Instant::now();
        self.broken_rules();
        let standard = &self.desk.site.standard;
        let mut draft =
            Draft::new(&self.state, standard, &self.desk.calendar).for_those_on_duty(&self.desk.site);
        for (key, judgement) in &self.unwritten {
            let Some(rule) = self.desk.rules.get(key.0) else {
                continue;
            };
            let (Some((_, watch)), Some(subject)) = (self.watches.get(&rule.id), self.subjects.get(&key.1))
            else {
                continue;
            };
            let judge = &mut self.judge;
            draft.level(watch, subject, level(&judgement.verdict), judgement.at, || {
                judge.summary(key.0, key.1)
            });
        }
        for (rule, (devices, reason)) in &self.broken {
            let Some(rule) = self.desk.rules.get(*rule) else {
                continue;
            };
            let (watch, subject) = (
                rule_broken(&rule.id),
                Subject {
                    device: None,
                    class: None,
                },
            );
            let level = if devices.is_empty() {
                Level::Clear
            } else {
                Level::Holds
            };
            draft.level(&watch, &subject, level, now, || {
                Text::new(
                    format!("规则 {} 运行出错：{reason}", rule.id),
                    format!("Rule {} fails: {reason}", rule.id),
                )
            });
        }
        for own in self.own.values() {
            let subject = Subject {
                device: None,
                class: None,
            };
            draft.level(&own.rule.watch(), &subject, own.level, now, || {
                own.summary.clone()
            });
        }
        for id in &self.timed {
            let Some(alarm) = draft.alarm(id).cloned() else {
                continue;
            };
            let Some((rule, watch)) = self.watch_of(&alarm) else {
                continue;
            };
            let device = alarm
                .device
                .as_ref()
                .and_then(|device| self.devices.get(device))
                .copied();
            let judge = &mut self.judge;
            draft.tick(id, &watch, now, || match (rule, device) {
                (Some(rule), Some(device)) => judge.summary(rule, device),
                _ => alarm.summary.clone(),
            });
        }
        for (alarm, command, at) in self.lamps.changed() {
            draft.commanded(alarm, command, at);
        }
        draft.clocks(now);
        draft.calendar(now);
        let today = self.desk.calendar.day_of(now);
        if self.planned_until != Some(today) {
            draft.planned(now);
        }
        // Once a second is soon enough for the ladder, which looks at every open ticket, and not with every batch of samples.
        let soon = |last: Timestamp| now.duration_since(last).unsigned_abs() < LOOK_UP;
        if !self.escalated_at.is_some_and(soon) {
            draft.escalate(now);
            self.escalated_at = Some(now);
        }
        let change = draft.finish(now);
        for complaint in self.judge.complaints() {
            counter!("facility_rule_summary_failures_total").increment(1);
            warn!(
                complaint,
                "a rule's summary fails; its id is shown instead: mend it in the site's rules folder"
            );
        }
        if change.is_empty() {
            self.all_is_written();
            self.begin_day(today, now);
            return;
        }
        if self.write(&change).is_ok() {
            self.all_is_written();
            self.begin_day(today, now);
            histogram!("facility_desk_seconds").record(started.elapsed());
        }
    }

    fn all_is_written(&mut self) {
        self.unwritten.clear();
        self.lamps.written();
    }

    /// What is done once a day, when the day's planned work has its tickets.
    fn begin_day(&mut self, today: Date, now: Timestamp) {
        if self.planned_until == Some(today) {
            return;
        }
        self.planned_until = Some(today);
        self.state.tickets.forget_old(now);
        if let Some(last) = self.desk.calendar.runs_out(today) {
            warn!("{}", calendar::warning(last).en);
        }
    }

    /// Keeps count of which rules fail on which devices.
    fn broken_rules(&mut self) {
        for ((rule, device), judgement) in &self.unwritten {
            match &judgement.verdict {
                Verdict::Broken(reason) => {
                    let (devices, said) = self.broken.entry(*rule).or_default();
                    if devices.insert(*device) {
                        counter!("facility_rule_failures_total", "rule" => self.desk.rules.get(*rule).map_or(String::new(), |rule| rule.id.clone()))
                            .increment(1);
                    }
                    if said != reason {
                        error!(
                            reason,
                            "a rule fails; the others go on: mend it in the site's rules folder"
                        );
                        said.clone_from(reason);
                    }
                }
                _ => {
                    if let Some((devices, _)) = self.broken.get_mut(rule) {
                        devices.remove(device);
                    }
                }
            }
        }
    }

    fn watch_of(&self, alarm: &Alarm) -> Option<(Option<RuleIndex>, Watch)> {
        self.watches.get(&alarm.rule).cloned()
    }

    /// Writes a change whole, then shows it. Where only stretches of conditions cannot be written, the rest is shown all the same:
    /// that something is unknown must be seen though the disk is full. A stretch is written again, whole, when it ends.
    fn write(&mut self, change: &Change) -> Result<(), StoreError> {
        let must_be_written = change.must_be_written();
        if must_be_written || !change.spans.is_empty() {
            match self.desk.records.commit(change) {
                Ok(()) if self.failing => {
                    self.failing = false;
                    gauge!("facility_records_refused").set(0.0);
                    info!("alarms and tickets are stored again");
                }
                Ok(()) => {}
                Err(error) => {
                    counter!("facility_records_failures_total").increment(1);
                    if !self.failing {
                        gauge!("facility_records_refused").set(1.0);
                        error!(%error, "alarms and tickets cannot be stored; it is tried again every second: look at the data folder's disk");
                    }
                    self.failing = true;
                    if must_be_written {
                        return Err(error);
                    }
                }
            }
        }
        self.show(change);
        Ok(())
    }

    /// Lets a written change be seen.
    fn show(&mut self, change: &Change) {
        self.state.apply(change);
        for (alarm, _) in &change.alarms {
            let delays = self
                .watches
                .get(&alarm.rule)
                .map_or(NO_DELAYS, |(_, watch)| watch.delays);
            if alarm.next_due(delays).is_some() {
                self.timed.insert(alarm.id.clone());
            } else {
                self.timed.remove(&alarm.id);
            }
            let mut board = self.desk.board.write().unwrap_or_else(PoisonError::into_inner);
            board.insert(alarm.id.clone(), Arc::clone(alarm));
            drop(board);
            let _ = self.desk.changed.send(Changed::Alarm(Arc::clone(alarm)));
        }
        for ticket in &change.tickets {
            let _ = self.desk.changed.send(Changed::Ticket(Arc::clone(ticket)));
        }
        if !change.notices.is_empty() {
            for notice in &change.notices {
                info!(
                    key = notice.key,
                    ticket = notice.ticket.id,
                    summary = notice.ticket.summary.en,
                    "{}",
                    notice.event
                );
            }
            self.desk.notices.notify_one();
        }
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

    fn obey(&mut self, command: Command, now: Timestamp) -> Result<Answer, Denied> {
        match command {
            Command::Alarm { id, act, by } => self.act_on_alarm(&id, act, by, now),
            Command::Ticket { id, action, said } => {
                let ticket = self.ticket(&id)?;
                let mut draft = Draft::new(&self.state, &self.desk.site.standard, &self.desk.calendar)
                    .for_those_on_duty(&self.desk.site);
                let acted = draft.act(&ticket, &action, &said, now);
                let acted = acted.map_err(|refusal| Denied::Ticket {
                    refusal,
                    ticket: Arc::new(ticket),
                })?;
                let change = draft.finish(now);
                self.write(&change)
                    .map_err(|error| Denied::NotStored(error.to_string()))?;
                Ok(Answer::Ticket(Arc::new(acted)))
            }
            Command::Report(report) => {
                let standard = report.standard.clone();
                let mut draft = Draft::new(&self.state, &self.desk.site.standard, &self.desk.calendar)
                    .for_those_on_duty(&self.desk.site);
                let ticket = draft.report(report, now).ok_or(Denied::UnknownRow(standard))?;
                let change = draft.finish(now);
                self.write(&change)
                    .map_err(|error| Denied::NotStored(error.to_string()))?;
                Ok(Answer::Ticket(Arc::new(ticket)))
            }
            Command::Record(entry) => {
                let change = Change {
                    journal: vec![entry],
                    ..Change::default()
                };
                self.write(&change)
                    .map_err(|error| Denied::NotStored(error.to_string()))?;
                Ok(Answer::Noted)
            }
            Command::HandOver { by, note } => self.hand_over(by, note, now),
            Command::ConfirmHandover { id, by } => self.confirm_handover(&id, by, now),
            Command::NoteDevice(entry) => self.note_device(entry, now),
            Command::ReadMeters(readings) => self
                .desk
                .records
                .add_meter_readings(&readings)
                .map(|()| Answer::Noted)
                .map_err(|error| Denied::NotStored(error.to_string())),
            Command::NoticeSent { key, at } => self.noted(|records| records.notice_sent(&key, at)),
            Command::NoticeFailed { key, reason, next_at } => {
                self.noted(|records| records.notice_failed(&key, &reason, next_at))
            }
            Command::TopicsTaken(taken) => {
                // Nothing is lost where it cannot be noted: the publisher keeps it and asks again.
                let noted = self.desk.records.topics_taken(&taken);
                noted.map_err(|error| Denied::NotStored(error.to_string()))?;
                Ok(Answer::Noted)
            }
        }
    }

    fn noted(&mut self, note: impl FnOnce(&mut Records) -> Result<(), StoreError>) -> Result<Answer, Denied> {
        match note(&mut self.desk.records) {
            Ok(()) => Ok(Answer::Noted),
            Err(error) => {
                warn!(%error, "what became of a notice could not be stored; it will be sent again");
                Err(Denied::NotStored(error.to_string()))
            }
        }
    }

    /// A ticket by id: one that still matters, or from the store.
    fn ticket(&self, id: &str) -> Result<Ticket, Denied> {
        if let Some(ticket) = self.state.tickets.get(id) {
            return Ok((**ticket).clone());
        }
        let stored = self.desk.records.reader().and_then(|reader| reader.ticket(id));
        let stored = stored.map_err(|error| Denied::NotStored(error.to_string()))?;
        stored.ok_or_else(|| Denied::Unknown {
            what: "ticket",
            id: id.to_owned(),
        })
    }

    fn act_on_alarm(
        &mut self,
        id: &str,
        act: AlarmAct,
        by: String,
        now: Timestamp,
    ) -> Result<Answer, Denied> {
        let known = self.state.alarms.get(id).cloned();
        let known = known.ok_or_else(|| Denied::Unknown {
            what: "alarm",
            id: id.to_owned(),
        })?;
        let refused = |zh: &str, en: &str| Denied::Alarm {
            reason: Text::new(zh, en),
            alarm: Arc::clone(&known),
        };
        match &act {
            AlarmAct::Acknowledge if known.acknowledged => {
                return Err(refused(
                    "报警已确认，或没有可确认的",
                    "the alarm is acknowledged already, or there is nothing to acknowledge",
                ));
            }
            AlarmAct::Reset if !known.can_reset() => {
                return Err(refused(
                    "只有条件已消除的锁定报警可以复位",
                    "only a latched alarm whose condition is clear can be reset",
                ));
            }
            AlarmAct::Unshelve if known.shelved.is_none() => {
                return Err(refused("报警未被搁置", "the alarm is not shelved"));
            }
            AlarmAct::InService if known.out_of_service.is_none() => {
                return Err(refused("报警未被停用", "the alarm is in service"));
            }
            _ => {}
        }
        info!(alarm = id, by, ?act, "somebody acts on an alarm");
        let mut draft = Draft::new(&self.state, &self.desk.site.standard, &self.desk.calendar)
            .for_those_on_duty(&self.desk.site);
        draft.record(act.entry(id, &by, now));
        draft.change_alarm(id, |alarm| match act {
            AlarmAct::Acknowledge => alarm.acknowledge(),
            AlarmAct::Reset => alarm.reset(),
            AlarmAct::Shelve { until, reason } => {
                alarm.shelved = Some(SetAside {
                    by,
                    reason,
                    at: now,
                    until,
                })
            }
            AlarmAct::OutOfService { until, reason } => {
                alarm.out_of_service = Some(SetAside {
                    by,
                    reason,
                    at: now,
                    until,
                });
            }
            // Taken back by letting its time be over, so that an alarm that is still active calls people then.
            AlarmAct::Unshelve => end_now(&mut alarm.shelved, now),
            AlarmAct::InService => end_now(&mut alarm.out_of_service, now),
        });
        if let Some((_, watch)) = self.watch_of(&known) {
            draft.tick(id, &watch, now, || known.summary.clone());
        }
        let change = draft.finish(now);
        self.write(&change)
            .map_err(|error| Denied::NotStored(error.to_string()))?;
        Ok(Answer::Alarm(self.state.alarms.get(id).cloned().unwrap_or(known)))
    }
}

const NO_DELAYS: Delays = Delays {
    on: SignedDuration::ZERO,
    off: SignedDuration::ZERO,
    latch: false,
};

fn end_now(aside: &mut Option<SetAside>, now: Timestamp) {
    if let Some(aside) = aside {
        aside.until = now;
    }
}

fn level(verdict: &Verdict) -> Level {
    match verdict {
        Verdict::Holds => Level::Holds,
        Verdict::Clear => Level::Clear,
        Verdict::Unknown | Verdict::Broken(_) => Level::Unknown,
    }
}

/// The alarm that a rule itself fails: about the gateway, not about a device.
fn rule_broken(rule: &str) -> Watch {
    Watch {
        rule: format!("rule-broken-{rule}"),
        severity: Severity::Medium,
        delays: NO_DELAYS,
        standard: Some("general-fault".to_owned()),
    }
}

fn watches(rules: &Rules) -> HashMap<String, (Option<RuleIndex>, Watch)> {
    let mut watches = HashMap::new();
    let calendar = calendar::watch();
    watches.insert(calendar.rule.clone(), (None, calendar));
    for (index, rule) in rules.iter() {
        let delay = |delay: Duration| SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
        let watch = Watch {
            rule: rule.id.clone(),
            severity: rule.severity,
            delays: Delays {
                on: delay(rule.after),
                off: delay(rule.clear_after),
                latch: rule.latch,
            },
            standard: rule.ticket.clone(),
        };
        let broken = rule_broken(&rule.id);
        watches.insert(broken.rule.clone(), (None, broken));
        watches.insert(rule.id.clone(), (Some(index), watch));
    }
    watches.extend(
        OwnRule::ALL
            .into_iter()
            .map(|own| (own.id().to_owned(), (None, own.watch()))),
    );
    watches
}
