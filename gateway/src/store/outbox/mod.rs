//! `outbox.db`: request bodies for the time-series database, compressed as they will be sent, until they are delivered.

mod aside;
mod reader;
mod rows;
mod take_over;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::StoreError;
use super::database::{Database, Durability, is_spoiled, move_aside, nanoseconds};
use aside::{finish_moving, mark_those_of_earlier_versions, remove_but};
use rows::{
    Counted, ENDS, NEWEST, as_spoiled, as_spoiled_at_first, counted, insert, note, remove_oldest,
    remove_too_old, waiting,
};
use take_over::TakeOver;

pub use reader::OutboxReader;
pub use rows::TooOld;
pub use take_over::{Recovered, TakenOver};

const STEPS: &[&str] = &[
    include_str!("../migrations/outbox_1.sql"),
    include_str!("../migrations/outbox_2.sql"),
    include_str!("../migrations/outbox_3.sql"),
];

/// The writer's own copy of pages, in KiB: what it removes it has written a moment before.
const WRITER_CACHE_KIB: i64 = 1024;

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
    /// Up to this number bodies were put by earlier runs.
    of_earlier_runs: i64,
    /// Destinations that the site has no more, with what still waited for each.
    gone: Vec<(String, Pending)>,
    /// The file was moved aside, and no new one could be made yet.
    lost: bool,
    /// What was moved aside and is still to be gone through, oldest first.
    spoiled: VecDeque<TakeOver>,
    /// Samples of it that were too old to be delivered.
    lost_of_spoiled: u64,
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
        let Opened {
            database,
            newest,
            gone,
        } = opened;
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
            of_earlier_runs: newest.number,
            gone,
            lost: false,
            spoiled,
            lost_of_spoiled: 0,
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
        self.spoiled.push_back(TakeOver::of_this_run(aside.clone()));
        if let Err(error) = self.begin_where_lost() {
            tracing::error!(%error, "no new outbox can be made; it is tried again with each write");
        }
        Ok(Some(aside))
    }

    /// Makes the new file, where there is none yet after the spoiled one was moved aside.
    fn begin_where_lost(&mut self) -> Result<(), StoreError> {
        if self.lost {
            let new = open_file(&self.path, &self.destinations)?;
            (self.database, self.newest) = (new.database, new.newest);
            (self.of_earlier_runs, self.lost) = (0, false);
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
        let number = self.transact(|transaction| {
            if !delivered.is_empty() {
                note(transaction, delivered)?;
            }
            insert(transaction, nanoseconds(at), counted, samples, bytes)
        })?;
        self.newest = Counted { number, ..counted };
        Ok(number)
    }

    /// Everything up to and including a number was delivered to each destination: some of what all of them have is removed; returns
    /// how many bodies, and 0 when there is no more of it.
    ///
    /// # Errors
    /// It could not be written; it will be delivered again, which does no harm.
    pub fn delivered(&mut self, delivered: &BTreeMap<Arc<str>, i64>) -> Result<usize, StoreError> {
        self.begin_where_lost()?;
        self.transact(|transaction| note(transaction, delivered))
    }

    /// Removes a few bodies that are too old, if any may go for their age, or of the oldest while more than `bytes` wait; returns how
    /// many samples were lost that somebody did not have yet, and none once nothing is to be removed. A few: what one transaction
    /// removes is held in memory, and nothing is stored meanwhile.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn bound(&mut self, bytes: u64, too_old: Option<TooOld>) -> Result<Option<u64>, StoreError> {
        self.begin_where_lost()?;
        let of_earlier_runs = self.of_earlier_runs;
        let removed = self.transact(|transaction| {
            if let Some(too_old) = too_old {
                let up_to = if too_old.of_this_run {
                    i64::MAX
                } else {
                    of_earlier_runs
                };
                let removed = remove_too_old(transaction, too_old, up_to)?;
                if removed.bodies > 0 {
                    return Ok(removed);
                }
            }
            if waiting(transaction, 0)?.bytes > bytes {
                return remove_oldest(transaction);
            }
            Ok(rows::Removed::default())
        })?;
        Ok((removed.bodies > 0).then_some(removed.lost))
    }

    /// How many bytes of bodies are in the file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn waiting_bytes(&self) -> Result<u64, StoreError> {
        let waiting = self.database.run(|connection| waiting(connection, 0));
        waiting.map(|waiting| waiting.bytes).map_err(as_spoiled)
    }

    /// The destinations that the site had before and has no more, with what waited for each; told once.
    pub fn take_gone(&mut self) -> Vec<(String, Pending)> {
        std::mem::take(&mut self.gone)
    }

    /// One transaction; a row that is not as it was written spoils the file.
    fn transact<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.database.transact(work).map_err(as_spoiled)
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

/// A file that was opened.
struct Opened {
    database: Database,
    newest: Counted,
    gone: Vec<(String, Pending)>,
}

/// Opens or creates a file. A new one has its destinations as soon as it has tables: a delivery that opens it then would take it for spoiled
/// without its own.
fn open_or_make(path: &Path, destinations: &[String]) -> Result<Database, StoreError> {
    let last = [STEPS.last().copied().unwrap_or_default(), &rows_of(destinations)].concat();
    let mut steps = STEPS.to_vec();
    steps.pop();
    steps.push(&last);
    Database::open(path, Durability::Full, &steps).map_err(as_spoiled_at_first)
}

/// What gives each destination its row that has none yet.
fn rows_of(destinations: &[String]) -> String {
    let row = |name: &String| {
        let name = name.replace('\'', "''");
        format!(
            "INSERT INTO destinations (name, delivered) VALUES ('{name}', 0) ON CONFLICT (name) DO NOTHING;\n"
        )
    };
    destinations.iter().map(row).collect()
}

/// Opens or creates a file, and reads what was put last.
fn open_file(path: &Path, destinations: &[String]) -> Result<Opened, StoreError> {
    let mut database = open_or_make(path, destinations)?;
    database.limit_cache(WRITER_CACHE_KIB)?;
    let opened = database.transact(|transaction| {
        transaction.execute_batch(&rows_of(destinations))?;
        for end in ENDS {
            transaction
                .query_row(end, [], |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        row.get::<_, i64>(1)?,
                        row.get::<_, Vec<u8>>(2)?,
                    ))
                })
                .optional()?;
        }
        // Nothing else needs this table before a file is spoiled, and then it has to be there.
        transaction.execute("DELETE FROM taken_over WHERE file = ''", [])?;
        let gone = forget_gone(transaction, destinations)?;
        Ok((counted(transaction, NEWEST, 0)?.unwrap_or_default(), gone))
    });
    let (newest, gone) = opened.map_err(as_spoiled_at_first)?;
    Ok(Opened {
        database,
        newest,
        gone,
    })
}

/// A destination that the site no longer has must not hold bodies back for ever; returns what waited for each.
fn forget_gone(
    transaction: &Transaction<'_>,
    destinations: &[String],
) -> rusqlite::Result<Vec<(String, Pending)>> {
    let stored: Vec<(String, i64)> = transaction
        .prepare("SELECT name, delivered FROM destinations")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut gone = Vec::new();
    for (name, delivered) in stored {
        if destinations.contains(&name) {
            continue;
        }
        let pending = waiting(transaction, delivered)?;
        transaction.execute("DELETE FROM destinations WHERE name = ?1", params![name])?;
        gone.push((name, pending));
    }
    Ok(gone)
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

#[cfg(test)]
mod take_over_tests;
#[cfg(test)]
mod tests;
