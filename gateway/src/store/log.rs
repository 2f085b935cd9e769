//! What people wrote down besides tickets, in `records.db`: handovers between shifts, and entries about devices.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{OptionalExtension, Row, params};
use serde_json::json;

use super::StoreError;
use super::database::{nanoseconds, timestamp};
use super::journal::KeptFile;
use super::journal_rows::{CONFIRMATION, DEVICE_ENTRY, HANDOVER, append_row};
use super::records::{Records, RecordsReader};
use crate::device_record::DOCUMENT;
use crate::handover::{Handover, Written, id_of};
use crate::journal::Entry;
use crate::view::rfc3339;

/// Something that a person wrote down about a device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceEntry {
    /// Its number over all devices; 0 until it is written.
    pub number: i64,
    /// The device.
    pub device: String,
    /// When.
    pub at: Timestamp,
    /// `nameplate`, `commissioning` or `replaced`.
    pub kind: String,
    /// Who.
    pub by: String,
    /// What, as it was written.
    pub body: serde_json::Value,
}

impl Records {
    /// Writes a handover; it is on the disk when this returns its number.
    ///
    /// # Errors
    /// It could not be written.
    pub fn add_handover(&mut self, at: Timestamp, written: &Written) -> Result<i64, StoreError> {
        let body = self.json(written)?;
        self.database.transact(|transaction| {
            let number = transaction
                .prepare_cached("INSERT INTO handovers (at, body) VALUES (?1, ?2)")?
                .insert(params![nanoseconds(at), body])?;
            let by = json!({ "by": written.by });
            let entry = Entry::new(at, "handover.written", id_of(number), by);
            append_row(transaction, &HANDOVER, number, entry)?;
            Ok(number)
        })
    }

    /// The coming shift confirms a handover; whether it was there and nobody had yet.
    ///
    /// # Errors
    /// It could not be written.
    pub fn confirm_handover(&mut self, number: i64, by: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.database.transact(|transaction| {
            let changed = transaction
                .prepare_cached(
                    "UPDATE handovers SET confirmed_at = ?2, confirmed_by = ?3 WHERE number = ?1 AND confirmed_at IS NULL",
                )?
                .execute(params![number, nanoseconds(at), by])?;
            if changed == 1 {
                let entry = Entry::new(at, "handover.confirmed", id_of(number), json!({ "by": by }));
                append_row(transaction, &CONFIRMATION, number, entry)?;
            }
            Ok(changed == 1)
        })
    }

    /// Writes an entry about a device, and gives it its number.
    ///
    /// # Errors
    /// It could not be written.
    pub fn add_device_entry(&mut self, mut entry: DeviceEntry) -> Result<DeviceEntry, StoreError> {
        let body = self.json(&entry.body)?;
        entry.number = self.database.transact(|transaction| {
            let number = transaction
                .prepare_cached(
                    "INSERT INTO device_entries (device, at, kind, by, body) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .insert(params![
                    entry.device,
                    nanoseconds(entry.at),
                    entry.kind,
                    entry.by,
                    body
                ])?;
            let by = json!({ "by": entry.by });
            let record = Entry::new(entry.at, format!("device.{}", entry.kind), &entry.device, by);
            append_row(transaction, &DEVICE_ENTRY, number, record)?;
            Ok(number)
        })?;
        Ok(entry)
    }
}

impl RecordsReader {
    /// Handovers, newest first, older than `before`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn handovers(
        &self,
        before: Option<i64>,
        limit: usize,
        timezone: &TimeZone,
    ) -> Result<Vec<Handover>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT number, at, body, confirmed_at, confirmed_by FROM handovers
                     WHERE number < ?1 ORDER BY number DESC LIMIT ?2",
                )?
                .query_map(params![before.unwrap_or(i64::MAX), limit], handover_row)?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        rows.into_iter()
            .map(|row| self.handover_of(row, timezone))
            .collect()
    }

    /// One handover.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn handover(&self, number: i64, timezone: &TimeZone) -> Result<Option<Handover>, StoreError> {
        let row = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT number, at, body, confirmed_at, confirmed_by FROM handovers WHERE number = ?1",
                )?
                .query_row([number], handover_row)
                .optional()
        })?;
        row.map(|row| self.handover_of(row, timezone)).transpose()
    }

    /// The entries about a device, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn device_entries(&self, device: &str) -> Result<Vec<DeviceEntry>, StoreError> {
        let rows = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT number, at, kind, by, body FROM device_entries WHERE device = ?1 ORDER BY number",
                )?
                .query_map([device], |row| {
                    let entry = DeviceEntry {
                        number: row.get(0)?,
                        device: device.to_owned(),
                        at: timestamp(row.get(1)?),
                        kind: row.get(2)?,
                        by: row.get(3)?,
                        body: serde_json::Value::Null,
                    };
                    Ok((entry, row.get::<_, String>(4)?))
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let read = |(mut entry, body): (DeviceEntry, String)| {
            entry.body = serde_json::from_str(&body)
                .map_err(|error| self.database.unreadable("a device entry", error))?;
            Ok(entry)
        };
        rows.into_iter().map(read).collect()
    }

    /// The documents in devices' records.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn documents(&self) -> Result<Vec<KeptFile>, StoreError> {
        self.database.run(|connection| {
            connection
                .prepare(
                    "SELECT device, json_extract(body, '$.name'), json_extract(body, '$.sha256') FROM device_entries
                     WHERE kind = ?1",
                )?
                .query_map([DOCUMENT], |row| {
                    Ok(KeptFile {
                        of: row.get(0)?,
                        name: row.get(1)?,
                        sha256: row.get(2)?,
                    })
                })?
                .collect()
        })
    }

    fn handover_of(&self, row: HandoverRow, timezone: &TimeZone) -> Result<Handover, StoreError> {
        let id = id_of(row.number);
        let written: Written =
            serde_json::from_str(&row.body).map_err(|error| self.database.unreadable(&id, error))?;
        Ok(Handover {
            id,
            at: rfc3339(row.at, timezone),
            by: written.by,
            note: written.note,
            open: written.open,
            journal_head: written.journal_head,
            confirmed_at: row.confirmed_at.map(|at| rfc3339(at, timezone)),
            confirmed_by: row.confirmed_by,
        })
    }
}

struct HandoverRow {
    number: i64,
    at: Timestamp,
    body: String,
    confirmed_at: Option<Timestamp>,
    confirmed_by: Option<String>,
}

fn handover_row(row: &Row<'_>) -> rusqlite::Result<HandoverRow> {
    Ok(HandoverRow {
        number: row.get(0)?,
        at: timestamp(row.get(1)?),
        body: row.get(2)?,
        confirmed_at: row.get::<_, Option<i64>>(3)?.map(timestamp),
        confirmed_by: row.get(4)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handover::OpenWork;
    use crate::report::testing::at;

    #[test]
    fn a_handover_is_confirmed_once_and_never_changed() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        let written = Written {
            by: "Zhang".into(),
            note: "quiet".into(),
            open: OpenWork::default(),
            journal_head: None,
        };
        let number = records.add_handover(at(0), &written).unwrap();
        assert!(records.confirm_handover(number, "Li", at(60)).unwrap());
        assert!(!records.confirm_handover(number, "Wang", at(90)).unwrap());
        assert!(!records.confirm_handover(99, "Li", at(90)).unwrap());
        let changed = records
            .database
            .run(|connection| connection.execute("UPDATE handovers SET confirmed_by = 'Wang'", []));
        assert!(changed.unwrap_err().to_string().contains("never changed"));

        let reader = records.reader().unwrap();
        let found = reader.handover(number, &TimeZone::UTC).unwrap().unwrap();
        assert_eq!(
            (found.by.as_str(), found.confirmed_by.as_deref()),
            ("Zhang", Some("Li"))
        );
        assert_eq!(reader.handovers(None, 10, &TimeZone::UTC).unwrap().len(), 1);
        assert_eq!(reader.handovers(Some(number), 10, &TimeZone::UTC).unwrap(), []);
    }

    #[test]
    fn what_was_written_about_a_device_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        let entry = DeviceEntry {
            number: 0,
            device: "fire-main-1".into(),
            at: at(0),
            kind: "replaced".into(),
            by: "Li".into(),
            body: serde_json::json!({ "note": "new pump" }),
        };
        let written = records.add_device_entry(entry).unwrap();
        let reader = records.reader().unwrap();
        assert_eq!(reader.device_entries("fire-main-1").unwrap(), [written]);
        assert_eq!(reader.device_entries("fire-main-2").unwrap(), []);
    }
}
