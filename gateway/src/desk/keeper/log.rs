//! What people write down at the desk besides tickets: handovers and entries about devices.

use std::sync::Arc;

use jiff::Timestamp;
use model::Text;
use tracing::info;

use super::Keeper;
use crate::desk::command::Answer;
use crate::desk::denied::Denied;
use crate::handover::{Handover, OpenWork, Written, number_of};
use crate::store::{DeviceEntry, StoreError};

const ALREADY_CONFIRMED: (&str, &str) = ("该交接班已确认", "the handover is confirmed already");

impl Keeper {
    /// The leaving shift writes a handover; what is open is filled in.
    pub(super) fn hand_over(&mut self, by: String, note: String, now: Timestamp) -> Result<Answer, Denied> {
        let open = OpenWork::of(
            self.state.tickets.open().map(Arc::as_ref),
            self.state.alarms.values().map(Arc::as_ref),
            &self.desk.calendar,
            now,
        );
        let head = self.desk.records.journal_head().map_err(not_stored)?;
        let written = Written {
            by,
            note,
            open,
            journal_head: Some(head.hash.to_string()),
        };
        let number = self
            .desk
            .records
            .add_handover(now, &written)
            .map_err(not_stored)?;
        info!(number, by = written.by, "a shift hands over");
        self.handover(number)
            .map(|handover| Answer::Handover(Box::new(handover)))
    }

    /// The coming shift confirms a handover.
    pub(super) fn confirm_handover(
        &mut self,
        id: &str,
        by: String,
        now: Timestamp,
    ) -> Result<Answer, Denied> {
        let number = number_of(id).ok_or_else(|| unknown(id))?;
        let handover = self.handover(number)?;
        let refused = |zh: &str, en: &str| Denied::Handover {
            reason: Text::new(zh, en),
            handover: Box::new(handover.clone()),
        };
        if handover.confirmed_by.is_some() {
            return Err(refused(ALREADY_CONFIRMED.0, ALREADY_CONFIRMED.1));
        }
        if handover.by == by {
            return Err(refused(
                "交接班由接班人确认，不能由交班人自己确认",
                "the coming shift confirms a handover, not the one who wrote it",
            ));
        }
        let confirmed = self
            .desk
            .records
            .confirm_handover(number, &by, now)
            .map_err(not_stored)?;
        if !confirmed {
            return Err(refused(ALREADY_CONFIRMED.0, ALREADY_CONFIRMED.1));
        }
        info!(id, by, "a handover is confirmed");
        self.handover(number)
            .map(|handover| Answer::Handover(Box::new(handover)))
    }

    /// Somebody writes something down about a device.
    pub(super) fn note_device(&mut self, mut entry: DeviceEntry, now: Timestamp) -> Result<Answer, Denied> {
        entry.at = now;
        let entry = self.desk.records.add_device_entry(entry).map_err(not_stored)?;
        info!(
            device = entry.device,
            kind = entry.kind,
            by = entry.by,
            "somebody writes about a device"
        );
        Ok(Answer::DeviceEntry(Box::new(entry)))
    }

    fn handover(&self, number: i64) -> Result<Handover, Denied> {
        let timezone = &self.desk.site.timezone;
        let reader = self.desk.records.reader();
        let found = reader
            .and_then(|reader| reader.handover(number, timezone))
            .map_err(not_stored)?;
        found.ok_or_else(|| unknown(&crate::handover::id_of(number)))
    }
}

fn not_stored(error: StoreError) -> Denied {
    Denied::NotStored(error.to_string())
}

fn unknown(id: &str) -> Denied {
    Denied::Unknown {
        what: "handover",
        id: id.to_owned(),
    }
}
