//! What follows from what was heard and from time: worked out, written whole, and only then shown.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use jiff::civil::Date;
use metrics::{counter, gauge, histogram};
use model::Text;
use rules::Verdict;
use tracing::{error, info, warn};

use super::watches::{NO_DELAYS, counts_at, level, rule_broken};
use super::{Keeper, LOOK_UP};
use crate::alarms::Level;
use crate::desk::calendar;
use crate::desk::draft::{Change, Draft, Subject};
use crate::desk::handle::Changed;
use crate::store::StoreError;

/// What alarms about the gateway itself are about.
const OF_THE_GATEWAY: Subject = Subject {
    device: None,
    class: None,
};

impl Keeper {
    /// Works out what follows from the levels and from time, and writes it. What cannot be written is worked out again later.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let started = Instant::now();
        self.broken_rules();
        let mut draft = Draft::new(&self.state, &self.desk.site.standard, &self.desk.calendar)
            .for_those_on_duty(&self.desk.site);
        let rules = &self.desk.rules;
        for (key, judgement) in &self.unwritten {
            let rule = rules.get(key.0);
            let watch = rule.and_then(|rule| self.watches.get(&rule.id));
            if let (Some((_, watch)), Some(subject)) = (watch, self.subjects.get(&key.1)) {
                let (judge, level) = (&mut self.judge, level(&judgement.verdict));
                let at = counts_at(level, judgement.at, now, watch.delays);
                draft.level(watch, subject, level, at, || judge.summary(key.0, key.1));
            }
        }
        for (rule, (devices, reason)) in &self.broken {
            if let Some(rule) = rules.get(*rule) {
                fails(&mut draft, &rule.id, !devices.is_empty(), reason, now);
            }
        }
        for own in self.own.values() {
            draft.level(&own.rule.watch(), &OF_THE_GATEWAY, own.level, now, || {
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
            let device = alarm.device.as_ref().and_then(|device| self.devices.get(device));
            let judge = &mut self.judge;
            draft.tick(id, &watch, now, || match (rule, device) {
                (Some(rule), Some(device)) => judge.summary(rule, *device),
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
        self.complain();
        let is_written = change.is_empty() || self.write(&change).is_ok();
        if is_written {
            self.unwritten.clear();
            self.lamps.written();
            self.begin_day(today, now);
        }
        if is_written && !change.is_empty() {
            histogram!("facility_desk_seconds").record(started.elapsed());
        }
    }

    /// Tells which rules' summaries fail.
    fn complain(&mut self) {
        for complaint in self.judge.complaints() {
            counter!("facility_rule_summary_failures_total").increment(1);
            warn!(
                complaint,
                "a rule's summary fails; its id is shown instead: mend it in the site's rules folder"
            );
        }
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

    /// Writes a change whole, then shows it. Where only stretches of conditions cannot be written, the rest is shown all the same:
    /// that something is unknown must be seen though the disk is full. A stretch is written again, whole, when it ends.
    pub(super) fn write(&mut self, change: &Change) -> Result<(), StoreError> {
        let must_be_written = change.must_be_written();
        if must_be_written || !change.spans.is_empty() {
            match self.commit(change) {
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

    fn commit(&mut self, change: &Change) -> Result<(), StoreError> {
        #[cfg(feature = "planted-faults")]
        if crate::planted::Fault::ConfirmedBeforeCommit.is_planted() {
            return self.commit_the_one_before(change);
        }
        self.desk.records.commit(change)
    }

    /// The planted fault: a change is on disk only when the next one comes.
    #[cfg(feature = "planted-faults")]
    fn commit_the_one_before(&mut self, change: &Change) -> Result<(), StoreError> {
        static HELD: std::sync::Mutex<Option<Change>> = std::sync::Mutex::new(None);
        let before = HELD
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(change.clone());
        before.map_or(Ok(()), |before| self.desk.records.commit(&before))
    }

    /// Lets a written change be seen.
    pub(super) fn show(&mut self, change: &Change) {
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
}

/// Whether a rule fails.
fn fails(draft: &mut Draft<'_>, rule: &str, fails: bool, reason: &str, now: Timestamp) {
    let level = if fails { Level::Holds } else { Level::Clear };
    draft.level(&rule_broken(rule), &OF_THE_GATEWAY, level, now, || {
        Text::new(
            format!("规则 {rule} 运行出错：{reason}"),
            format!("Rule {rule} fails: {reason}"),
        )
    });
}
