//! `records.db`: alarms, tickets with their steps, and the notices that were promised about them.

mod notices;
mod tickets;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

pub(super) use super::StoreError;
use super::database::{Database, Durability, nanoseconds};
use super::journal::append;
use super::publications::Publications;
use crate::alarms::Alarm;
use crate::desk::ticket_digest;
use crate::journal::{Entry, Head};
use crate::tickets::Ticket;

pub use notices::PendingNotice;
pub(super) use tickets::with_its_steps;

const STEPS: &[&str] = &[
    include_str!("../migrations/records_1.sql"),
    include_str!("../migrations/records_2.sql"),
    include_str!("../migrations/records_3.sql"),
    include_str!("../migrations/records_4.sql"),
    include_str!("../migrations/records_5.sql"),
    include_str!("../migrations/records_6.sql"),
    include_str!("../migrations/records_7.sql"),
];

/// After so many pages the log is worked into the file (16 MiB). SQLite's own 1,000 are reached by every hundredth change or so,
/// and that one person would wait for it.
const CHECKPOINT_PAGES: u32 = 4_000;

/// The writer of `records.db`.
pub struct Records {
    pub(super) database: Database,
    path: PathBuf,
    /// That changes are to be published, if they are.
    pub(super) publications: Option<Publications>,
}

/// What was kept from before a restart.
#[derive(Debug)]
pub struct Kept {
    /// Every alarm that ever was anything but normal.
    pub alarms: Vec<Alarm>,
    /// The tickets that still matter.
    pub tickets: Vec<Ticket>,
    /// The highest ticket number ever given.
    pub last_number: u64,
    /// The day to which each plan's runs have their tickets, or were over when it was new.
    pub planned: HashMap<String, Date>,
}

impl Records {
    /// Opens or creates the file in a data folder.
    ///
    /// # Errors
    /// The file cannot be opened, or is spoiled: records are never begun anew by themselves.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        let path = data.join("records.db");
        let mut records = Self {
            database: Database::open(&path, Durability::Full, STEPS)?,
            path,
            publications: None,
        };
        records
            .database
            .run(|connection| connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES))?;
        records.adopt()?;
        Ok(records)
    }

    /// Where the journal ends.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn journal_head(&self) -> Result<Head, StoreError> {
        self.database.run(crate::store::journal::head)
    }

    /// Takes the tickets of a version without a journal into it, so that from now on they are proven, too.
    fn adopt(&mut self) -> Result<(), StoreError> {
        if self.journal_head()?.records > 0 {
            return Ok(());
        }
        let reader = self.reader()?;
        let mut adopted = Vec::new();
        let mut before = None;
        loop {
            let page = reader.tickets(before, 1_000)?;
            let Some(last) = page.last() else { break };
            before = Some(last.number);
            adopted.extend(page.iter().map(adopted_as));
        }
        adopted.reverse();
        self.database
            .transact(|transaction| append(transaction, &adopted))
    }

    /// A reader beside this writer.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn reader(&self) -> Result<RecordsReader, StoreError> {
        Ok(RecordsReader {
            database: Database::open_reader(&self.path)?,
        })
    }

    /// What was kept from before: alarms, and every ticket that is not ended, ended lately, or is its alarm's newest.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn kept(&self, now: Timestamp) -> Result<Kept, StoreError> {
        let recent = now
            .saturating_sub(SignedDuration::from_hours(24))
            .unwrap_or(Timestamp::MIN);
        let alarms = self.rows("SELECT body FROM alarms", "an alarm", [])?;
        let tickets: Vec<Ticket> = self.rows(
            "SELECT body FROM tickets AS t WHERE ended_at IS NULL OR ended_at >= ?1
                OR number = (SELECT max(number) FROM tickets WHERE alarm = t.alarm)",
            "a ticket",
            [nanoseconds(recent)],
        )?;
        let last: Option<i64> = self.database.run(|connection| {
            connection.query_row("SELECT max(number) FROM tickets", [], |row| row.get(0))
        })?;
        let plans = self.database.run(|connection| {
            connection
                .prepare("SELECT work, seen_to FROM plans")?
                .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut planned = HashMap::new();
        for (work, day) in plans {
            let day: Date = day
                .parse()
                .map_err(|error| self.database.unreadable("a plan's last day", error))?;
            planned.insert(work, day);
        }
        let mut with_steps = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            with_steps.push(with_its_steps(&self.database, ticket)?);
        }
        Ok(Kept {
            alarms,
            tickets: with_steps,
            last_number: last.and_then(|last| u64::try_from(last).ok()).unwrap_or(0),
            planned,
        })
    }

    pub(super) fn rows<T: serde::de::DeserializeOwned>(
        &self,
        sql: &str,
        what: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<T>, StoreError> {
        read_bodies(&self.database, sql, what, values)
    }

    pub(super) fn json(&self, value: &impl serde::Serialize) -> Result<String, StoreError> {
        serde_json::to_string(value).map_err(|error| self.database.unreadable("a record", error))
    }
}

/// A reader of `records.db`, beside its writer.
pub struct RecordsReader {
    pub(super) database: Database,
}

impl RecordsReader {
    /// A reader of the file in a data folder, beside a gateway that may be running on it.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            database: Database::open_reader(&data.join("records.db"))?,
        })
    }

    /// A reader of its own for a long look, so that nobody waits for this one meanwhile.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn another(&self) -> Result<Self, StoreError> {
        Ok(Self {
            database: self.database.another_reader()?,
        })
    }
}

pub(super) fn read_bodies<T: serde::de::DeserializeOwned>(
    database: &Database,
    sql: &str,
    what: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<T>, StoreError> {
    let bodies = database.run(|connection| {
        connection
            .prepare_cached(sql)?
            .query_map(values, |row| row.get::<_, String>(0))?
            .collect::<rusqlite::Result<Vec<_>>>()
    })?;
    bodies
        .iter()
        .map(|body| serde_json::from_str(body).map_err(|error| database.unreadable(what, error)))
        .collect()
}

/// The record of a ticket from before there was a journal.
fn adopted_as(ticket: &Ticket) -> Entry {
    let body = serde_json::json!({
        "state": ticket.state.name(),
        "ticket_sha256": ticket_digest(ticket).to_string(),
    });
    Entry::new(ticket.opened_at, "ticket.adopted", &ticket.id, body)
}
