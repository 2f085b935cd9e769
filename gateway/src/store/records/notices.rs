//! The notices that were promised: which are to be sent, and what became of each.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Records, RecordsReader, StoreError};
use crate::notices::Notice;
use crate::store::database::{nanoseconds, timestamp};

/// A notice that has not been sent yet.
#[derive(Clone, Debug)]
pub struct PendingNotice {
    /// What to send.
    pub notice: Notice,
    /// How often it was tried.
    pub tries: u32,
}

impl Records {
    /// Takes note that a notice was sent.
    ///
    /// # Errors
    /// It could not be written; the notice will be sent again.
    pub fn notice_sent(&mut self, key: &str, at: Timestamp) -> Result<(), StoreError> {
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "UPDATE notices SET sent_at = ?2, tries = tries + 1, error = NULL WHERE key = ?1",
                )?
                .execute(params![key, nanoseconds(at)])
        })?;
        Ok(())
    }

    /// Takes note that a notice could not be sent, and when to try again.
    ///
    /// # Errors
    /// It could not be written; the notice will be tried again all the same.
    pub fn notice_failed(&mut self, key: &str, error: &str, next_at: Timestamp) -> Result<(), StoreError> {
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "UPDATE notices SET tries = tries + 1, error = ?2, next_at = ?3 WHERE key = ?1",
                )?
                .execute(params![key, error, nanoseconds(next_at)])
        })?;
        Ok(())
    }
}

pub(super) fn write_notice(
    transaction: &Transaction<'_>,
    notice: &Notice,
    ticket: &str,
    people: &str,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO notices (key, event, at, clock, ticket, next_at, people) VALUES (?1, ?2, ?3, ?4, ?5, ?3, ?6)
             ON CONFLICT (key) DO NOTHING",
        )?
        .execute(params![
            notice.key,
            notice.event,
            nanoseconds(notice.at),
            notice.clock.map(|clock| clock.name()),
            ticket,
            people
        ])?;
    Ok(())
}

impl RecordsReader {
    /// Notices that are due to be sent at `now`, oldest first, and when the next one is due after those.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn notices_to_send(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<(Vec<PendingNotice>, Option<Timestamp>), StoreError> {
        let rows = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT key, event, at, clock, ticket, tries, people FROM notices
                     WHERE sent_at IS NULL AND next_at <= ?1 ORDER BY at LIMIT ?2",
                )?
                .query_map(
                    params![nanoseconds(now), i64::try_from(limit).unwrap_or(i64::MAX)],
                    |row| {
                        Ok((
                            row.get::<_, String>(0)?,
                            row.get::<_, String>(1)?,
                            row.get::<_, i64>(2)?,
                            row.get::<_, Option<String>>(3)?,
                            row.get::<_, String>(4)?,
                            row.get::<_, u32>(5)?,
                            row.get::<_, String>(6)?,
                        ))
                    },
                )?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut pending = Vec::with_capacity(rows.len());
        for (key, event, at, clock, ticket, tries, people) in rows {
            let ticket =
                serde_json::from_str(&ticket).map_err(|error| self.database.unreadable(&key, error))?;
            let clock = clock
                .map(|clock| serde_json::from_value(clock.into()))
                .transpose()
                .map_err(|error| self.database.unreadable(&key, error))?;
            let people =
                serde_json::from_str(&people).map_err(|error| self.database.unreadable(&key, error))?;
            pending.push(PendingNotice {
                notice: Notice {
                    key,
                    event,
                    at: timestamp(at),
                    clock,
                    people,
                    ticket,
                },
                tries,
            });
        }
        let next: Option<i64> = self.database.run(|connection| {
            connection.query_row(
                "SELECT min(next_at) FROM notices WHERE sent_at IS NULL AND next_at > ?1",
                params![nanoseconds(now)],
                |row| row.get(0),
            )
        })?;
        Ok((pending, next.map(timestamp)))
    }

    /// How many notices are still to be sent, and what the last failure said.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn unsent(&self) -> Result<(u64, Option<String>), StoreError> {
        self.database.run(|connection| {
            let count: i64 = connection.query_row("SELECT count(*) FROM notices WHERE sent_at IS NULL", [], |row| row.get(0))?;
            let error = connection
                .query_row(
                    "SELECT error FROM notices WHERE sent_at IS NULL AND error IS NOT NULL ORDER BY next_at DESC LIMIT 1",
                    [],
                    |row| row.get(0),
                )
                .optional()?;
            Ok((u64::try_from(count).unwrap_or(0), error))
        })
    }
}
