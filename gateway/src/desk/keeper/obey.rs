//! What people and the courier ask for, done or denied.

use std::sync::Arc;

use jiff::Timestamp;
use model::Text;
use tracing::{info, warn};

use super::Keeper;
use crate::alarms::SetAside;
use crate::desk::command::{AlarmAct, Answer, Command};
use crate::desk::denied::Denied;
use crate::desk::draft::{Change, Draft};
use crate::store::{Records, StoreError};
use crate::tickets::Ticket;

impl Keeper {
    pub(super) fn obey(&mut self, command: Command, now: Timestamp) -> Result<Answer, Denied> {
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

fn end_now(aside: &mut Option<SetAside>, now: Timestamp) {
    if let Some(aside) = aside {
        aside.until = now;
    }
}
