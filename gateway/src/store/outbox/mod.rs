//! `outbox.db`: request bodies for the time-series database, compressed as they will be sent, until they are delivered.

mod aside;
mod take_over;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;
use super::database::{Database, Durability, is_spoiled, move_aside, nanoseconds};
use aside::{finish_moving, mark_those_of_earlier_versions, remove_but};
use take_over::TakeOver;

pub use take_over::{Recovered, TakenOver};

const STEPS: &[&str] = &[
    include_str!("../migrations/outbox_1.sql"),
    include_str!("../migrations/outbox_2.sql"),
    include_str!("../migrations/outbox_3.sql"),
];

/// The writer's own copy of pages, in KiB: what it removes it has written a moment before.
const WRITER_CACHE_KIB: i64 = 1024;
/// A reader goes through the bodies once.
const READER_CACHE_KIB: i64 = 128;

/// A body that waits to be delivered: gzip of whole lines of line protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Its number; deliveries go in this order.
    pub number: i64,
    /// How many samples are in it.
    pub samples: u64,
    /// The compressed lines.
    pub bytes: Vec<u8>,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// How many bodies, by their numbers.
    pub bodies: u64,
    /// How many bytes of them.
    pub bytes: u64,
    /// How many samples in them.
    pub samples: u64,
}

/// The writer of `outbox.db`.
pub struct OutboxWriter {
    database: Database,
    path: PathBuf,
    destinations: Vec<String>,
    newest: Counted,
    /// The file was moved aside, and no new one could be made yet.
    lost: bool,
    /// What was moved aside and is still to be gone through, oldest first.
    spoiled: VecDeque<TakeOver>,
}

/// A body's number, and how much there was up to and including it.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    number: i64,
    bytes: i64,
    samples: i64,
}

impl OutboxWriter {
    /// Opens or creates the file in a data folder. A spoiled one is moved aside, and then where it is now is given, too; what can be read
    /// of it, and of those that an earlier run was not done with, is still to be taken over.
    ///
    /// # Errors
    /// The file cannot be opened, nor a new one made.
    pub fn open(
        data: &Path,
        destinations: &[String],
        now: Timestamp,
    ) -> Result<(Self, Option<PathBuf>), StoreError> {
        let path = data.join("outbox.db");
        finish_moving(&path).map_err(|error| not_moved(&path, &error))?;
        mark_those_of_earlier_versions(&path);
        let (opened, aside) = match open_file(&path, destinations) {
            Err(error) if is_spoiled(&error) => {
                let aside = set_aside(&path, now)?;
                (open_file(&path, destinations)?, Some(aside))
            }
            opened => (opened?, None),
        };
        let (database, newest) = opened;
        let spoiled: VecDeque<TakeOver> = TakeOver::left_beside(&path).into();
        let left = spoiled.len() - usize::from(aside.is_some() && !spoiled.is_empty());
        if left > 0 {
            tracing::warn!(
                files = left,
                "spoiled outboxes were not taken over to their ends: that goes on now"
            );
        }
        let writer = Self {
            database,
            path,
            destinations: destinations.to_vec(),
            newest,
            lost: false,
            spoiled,
        };
        Ok((writer, aside))
    }

    /// Moves the spoiled file aside, to be taken over, and goes on with a new one; returns where the old one is, if it was not moved
    /// before.
    ///
    /// # Errors
    /// It cannot be moved.
    pub fn recover(&mut self, now: Timestamp) -> Result<Option<PathBuf>, StoreError> {
        if self.lost {
            return Ok(None);
        }
        let aside = set_aside(&self.path, now)?;
        // From here on nothing may be written to it: nobody would deliver it before the next start.
        self.lost = true;
        self.spoiled.push_back(TakeOver::of(aside.clone()));
        if let Err(error) = self.begin_where_lost() {
            tracing::error!(%error, "no new outbox can be made; it is tried again with each write");
        }
        Ok(Some(aside))
    }

    /// Makes the new file, where there is none yet after the spoiled one was moved aside.
    fn begin_where_lost(&mut self) -> Result<(), StoreError> {
        if self.lost {
            (self.database, self.newest) = open_file(&self.path, &self.destinations)?;
            self.lost = false;
        }
        Ok(())
    }

    /// A reader beside this writer.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn reader(&self) -> Result<OutboxReader, StoreError> {
        OutboxReader::open(&self.path)
    }

    /// The number of the newest body; 0 where there is none.
    pub fn newest(&self) -> i64 {
        self.newest.number
    }

    /// Puts a body at the end and, in the same transaction, notes how far each destination has come; it is on the disk when this
    /// returns.
    ///
    /// # Errors
    /// It could not be written; nothing of it is.
    pub fn put(
        &mut self,
        bytes: &[u8],
        samples: u64,
        at: Timestamp,
        delivered: &BTreeMap<Arc<str>, i64>,
    ) -> Result<i64, StoreError> {
        self.begin_where_lost()?;
        let samples = i64::try_from(samples).unwrap_or(i64::MAX);
        let counted = self.newest.and(samples, bytes);
        let number = self.database.transact(|transaction| {
            note(transaction, delivered)?;
            insert(transaction, nanoseconds(at), counted, samples, bytes)
        })?;
        self.newest = Counted { number, ..counted };
        Ok(number)
    }

    /// Everything up to and including a number was delivered to each destination: what all of them have is removed.
    ///
    /// # Errors
    /// It could not be written; it will be delivered again, which does no harm.
    pub fn delivered(&mut self, delivered: &BTreeMap<Arc<str>, i64>) -> Result<(), StoreError> {
        self.begin_where_lost()?;
        self.database.transact(|transaction| note(transaction, delivered))
    }

    /// Removes bodies from before `before`, and the oldest until at most `bytes` wait, some thousands a call; returns how many samples
    /// were lost.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn bound(&mut self, bytes: u64, before: Timestamp) -> Result<u64, StoreError> {
        self.begin_where_lost()?;
        let mut lost = 0;
        // Little by little: what one transaction removes is held in memory, and nothing is stored meanwhile.
        for _ in 0..PIECES_AT_ONCE {
            let piece = self.database.transact(|transaction| {
                // Bodies stand in the order of their time, but for a clock that was set: the oldest decides.
                if oldest(transaction)?.is_some_and(|at| at < nanoseconds(before)) {
                    return remove_oldest(transaction, "at < ?2", nanoseconds(before)).map(Some);
                }
                if waiting(transaction, 0)?.bytes > bytes {
                    return remove_oldest(transaction, "?2", 1).map(Some);
                }
                Ok(None)
            });
            match piece {
                Ok(Some(samples)) => lost += samples,
                Ok(None) => break,
                // What is gone already is counted all the same; the rest is tried again at the next call.
                Err(_) if lost > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }

    /// Removes what is kept of spoiled outboxes that were taken over; returns which files are gone.
    pub fn remove_taken_over(&self) -> Vec<PathBuf> {
        remove_but(&self.path, 0)
    }

    /// How much of the file is free, in bytes.
    pub fn free_bytes(&self) -> u64 {
        self.database.free_bytes()
    }
}

/// Opens or creates a file, and reads what was put last.
fn open_file(path: &Path, destinations: &[String]) -> Result<(Database, Counted), StoreError> {
    let mut database = Database::open(path, Durability::Full, STEPS)?;
    database.limit_cache(WRITER_CACHE_KIB)?;
    let newest = database.transact(|transaction| {
        for name in destinations {
            transaction.execute(
                "INSERT INTO destinations (name, delivered) VALUES (?1, 0) ON CONFLICT (name) DO NOTHING",
                params![name],
            )?;
        }
        // A destination that the site no longer has must not hold bodies back for ever.
        let stored: Vec<String> = transaction
            .prepare("SELECT name FROM destinations")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for name in stored.iter().filter(|name| !destinations.contains(name)) {
            transaction.execute("DELETE FROM destinations WHERE name = ?1", params![name])?;
        }
        // Reads the ends, so that a file that is spoiled there is found now.
        transaction.query_row("SELECT max(length(body)) FROM bodies", [], |row| {
            row.get::<_, Option<i64>>(0)
        })?;
        Ok(counted(transaction, NEWEST, 0)?.unwrap_or_default())
    })?;
    Ok((database, newest))
}

fn set_aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    move_aside(path, now).map_err(|error| not_moved(path, &error))
}

fn not_moved(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unreadable {
        path: path.to_owned(),
        what: "the spoiled outbox".to_owned(),
        reason: format!("and it cannot be moved aside: {error}"),
    }
}

impl Counted {
    /// With one more body; its number is not known yet.
    fn and(self, samples: i64, body: &[u8]) -> Self {
        Self {
            number: 0,
            bytes: self
                .bytes
                .saturating_add(i64::try_from(body.len()).unwrap_or(i64::MAX)),
            samples: self.samples.saturating_add(samples),
        }
    }
}

const NEWEST: &str = "SELECT number, total_bytes, total_samples FROM bodies WHERE number > ?1
                      ORDER BY number DESC LIMIT 1";
/// What was there before the first body that waits.
const BEFORE_WAITING: &str =
    "SELECT number - 1, total_bytes - length(body), total_samples - samples FROM bodies
                              WHERE number > ?1 ORDER BY number LIMIT 1";

fn counted(connection: &Connection, which: &str, after: i64) -> rusqlite::Result<Option<Counted>> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Counted {
            number: row.get(0)?,
            bytes: row.get(1)?,
            samples: row.get(2)?,
        })
    };
    connection
        .prepare_cached(which)?
        .query_row(params![after], read)
        .optional()
}

/// What waits after a number.
fn waiting(connection: &Connection, after: i64) -> rusqlite::Result<Pending> {
    let (Some(before), Some(newest)) = (
        counted(connection, BEFORE_WAITING, after)?,
        counted(connection, NEWEST, after)?,
    ) else {
        return Ok(Pending::default());
    };
    let rise = |newest: i64, before: i64| u64::try_from(newest - before).unwrap_or(0);
    Ok(Pending {
        bodies: rise(newest.number, before.number),
        bytes: rise(newest.bytes, before.bytes),
        samples: rise(newest.samples, before.samples),
    })
}

fn insert(
    connection: &Connection,
    at: i64,
    counted: Counted,
    samples: i64,
    body: &[u8],
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO bodies (at, samples, total_bytes, total_samples, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![at, samples, counted.bytes, counted.samples, body])?;
    Ok(connection.last_insert_rowid())
}

fn note(connection: &Connection, delivered: &BTreeMap<Arc<str>, i64>) -> rusqlite::Result<()> {
    if delivered.is_empty() {
        return Ok(());
    }
    for (destination, number) in delivered {
        connection
            .prepare_cached("UPDATE destinations SET delivered = max(delivered, ?2) WHERE name = ?1")?
            .execute(params![destination.as_ref(), number])?;
    }
    // A destination that was away for days and is gone from the site leaves a great deal: that goes with the commits that follow.
    connection
        .prepare_cached(
            "DELETE FROM bodies WHERE number <= (SELECT min(delivered) FROM destinations)
             AND number < (SELECT min(number) FROM bodies) + ?1",
        )?
        .execute([DELIVERED_AT_ONCE])?;
    Ok(())
}

fn oldest(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT at FROM bodies ORDER BY number LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()
}

/// At the bound, so many of the oldest bodies are removed at a time.
const OLDEST_AT_ONCE: i64 = 64;
/// And so many times a call.
const PIECES_AT_ONCE: usize = 64;
/// So many delivered bodies are removed with one commit, which is more than one commit's time brings.
const DELIVERED_AT_ONCE: i64 = 512;

/// Removes some of the oldest bodies of which something is so, and returns how many samples were in them.
fn remove_oldest(transaction: &Connection, which: &str, value: i64) -> rusqlite::Result<u64> {
    let sql = format!(
        "DELETE FROM bodies WHERE number IN (SELECT number FROM bodies WHERE {which} ORDER BY number LIMIT ?1)
         RETURNING samples"
    );
    let removed: Vec<i64> = transaction
        .prepare_cached(&sql)?
        .query_map(params![OLDEST_AT_ONCE, value], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(removed
        .iter()
        .map(|samples| u64::try_from(*samples).unwrap_or(0))
        .sum())
}

/// A reader of `outbox.db`, beside its writer.
pub struct OutboxReader {
    database: Database,
    path: PathBuf,
}

impl OutboxReader {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open_reader(path)?;
        database.limit_cache(READER_CACHE_KIB)?;
        Ok(Self {
            database,
            path: path.to_owned(),
        })
    }

    /// Opens the file anew, after it was moved aside and begun again.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        *self = Self::open(&self.path)?;
        Ok(())
    }

    /// The next bodies after `number`: at most `limit` of them, and no more once they have `bytes` together.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn after(&self, number: i64, limit: usize, bytes: usize) -> Result<Vec<Body>, StoreError> {
        self.database.run(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT number, samples, body FROM bodies WHERE number > ?1 ORDER BY number LIMIT ?2",
            )?;
            let mut rows = statement.query(params![number, i64::try_from(limit).unwrap_or(i64::MAX)])?;
            let mut bodies = Vec::new();
            let mut read = 0;
            while read < bytes
                && let Some(row) = rows.next()?
            {
                let body = Body {
                    number: row.get(0)?,
                    samples: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
                    bytes: row.get(2)?,
                };
                read += body.bytes.len();
                bodies.push(body);
            }
            Ok(bodies)
        })
    }

    /// How far a destination's delivery has come.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn delivered(&self, destination: &str) -> Result<i64, StoreError> {
        self.database.run(|connection| {
            connection.query_row(
                "SELECT delivered FROM destinations WHERE name = ?1",
                params![destination],
                |row| row.get(0),
            )
        })
    }

    /// What waits for a destination.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn pending(&self, destination: &str) -> Result<Pending, StoreError> {
        let delivered = self.delivered(destination)?;
        self.database.run(|connection| waiting(connection, delivered))
    }
}

#[cfg(test)]
mod take_over_tests;
#[cfg(test)]
mod tests;
