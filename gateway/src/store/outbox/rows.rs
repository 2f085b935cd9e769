//! The rows of `outbox.db`: what is asked of them and what is removed, in steps that look at a bounded number of rows each.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, Error, ErrorCode, OptionalExtension, ffi, params};

use super::Pending;
use crate::store::StoreError;
use crate::store::database::nanoseconds;

/// At the bound, so many of the oldest bodies are looked at, and removed, at a time.
const OLDEST_AT_ONCE: i64 = 64;
/// So many delivered bodies are removed with one commit, which is more than one commit's time brings.
const DELIVERED_AT_ONCE: i64 = 512;
/// 2026-01-01, before which there was no gateway. A clock that says less has lost its time and was not set since: how old a body with
/// such a time is, nobody knows.
const NO_TIME_BEFORE: i64 = 1_767_225_600_000_000_000;

/// A body's number, and how much there was up to and including it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) number: i64,
    pub(super) bytes: i64,
    pub(super) samples: i64,
}

impl Counted {
    /// With one more body; its number is not known yet.
    pub(super) fn and(self, samples: i64, body: &[u8]) -> Self {
        Self {
            number: 0,
            bytes: self
                .bytes
                .saturating_add(i64::try_from(body.len()).unwrap_or(i64::MAX)),
            samples: self.samples.saturating_add(samples),
        }
    }
}

/// Which bodies may go for their age.
#[derive(Clone, Copy, Debug)]
pub struct TooOld {
    /// Those from before this …
    pub before: Timestamp,
    /// … but those that this run has put only where it has lasted as long: until then none of them can be so old, whatever the clock
    /// said when they were put.
    pub of_this_run: bool,
}

impl TooOld {
    /// Whether a body of that time may go.
    pub(super) fn has(self, at: i64) -> bool {
        (NO_TIME_BEFORE..nanoseconds(self.before)).contains(&at)
    }
}

pub(super) const NEWEST: &str = "SELECT number, total_bytes, total_samples FROM bodies WHERE number > ?1
                      ORDER BY number DESC LIMIT 1";
/// What was there before the first body that waits.
const BEFORE_WAITING: &str =
    "SELECT number - 1, total_bytes - length(body), total_samples - samples FROM bodies
                              WHERE number > ?1 ORDER BY number LIMIT 1";
/// Both ends whole, so that a file that is spoiled there is found when it is opened. Not the rest, which may be gigabytes.
pub(super) const ENDS: [&str; 2] = [
    "SELECT at, samples, body FROM bodies ORDER BY number LIMIT 1",
    "SELECT at, samples, body FROM bodies ORDER BY number DESC LIMIT 1",
];
/// Of the oldest bodies those that may go for their age.
pub(super) const REMOVE_TOO_OLD: &str = "DELETE FROM bodies WHERE number IN (
         SELECT number FROM (SELECT number, at FROM bodies ORDER BY number LIMIT ?1)
         WHERE at >= ?2 AND at < ?3 AND number <= ?4
     ) RETURNING number, samples";
const REMOVE_OLDEST: &str =
    "DELETE FROM bodies WHERE number IN (SELECT number FROM bodies ORDER BY number LIMIT ?1)
     RETURNING number, samples";
/// One end for the range: of two SQLite would seek by one and look at every row before the other.
pub(super) const REMOVE_DELIVERED: &str = "DELETE FROM bodies WHERE number <= min(
         (SELECT min(delivered) FROM destinations), (SELECT min(number) FROM bodies) - 1 + ?1
     )";

pub(super) fn counted(connection: &Connection, which: &str, after: i64) -> rusqlite::Result<Option<Counted>> {
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
pub(super) fn waiting(connection: &Connection, after: i64) -> rusqlite::Result<Pending> {
    let (Some(before), Some(newest)) = (
        counted(connection, BEFORE_WAITING, after)?,
        counted(connection, NEWEST, after)?,
    ) else {
        return Ok(Pending::default());
    };
    let rise = |newest: i64, before: i64| u64::try_from(newest.saturating_sub(before)).unwrap_or(0);
    Ok(Pending {
        bodies: rise(newest.number, before.number),
        bytes: rise(newest.bytes, before.bytes),
        samples: rise(newest.samples, before.samples),
    })
}

pub(super) fn insert(
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

/// Notes how far destinations have come, and removes some of what all of them have; returns how many bodies that were.
pub(super) fn note(connection: &Connection, delivered: &BTreeMap<Arc<str>, i64>) -> rusqlite::Result<usize> {
    for (destination, number) in delivered {
        let noted = connection
            .prepare_cached("UPDATE destinations SET delivered = max(delivered, ?2) WHERE name = ?1")?
            .execute(params![destination.as_ref(), number])?;
        // Each had its row when the file was opened: without one nothing would ever be removed.
        if noted == 0 {
            return Err(Error::QueryReturnedNoRows);
        }
    }
    // A destination that was away for days and is gone from the site leaves a great deal: that goes with the commits that follow.
    connection
        .prepare_cached(REMOVE_DELIVERED)?
        .execute([DELIVERED_AT_ONCE])
}

/// What was removed at a bound.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Removed {
    pub(super) bodies: u64,
    /// Samples that somebody did not have yet.
    pub(super) lost: u64,
}

/// Removes those of the oldest bodies that may go for their age, of those up to a number.
pub(super) fn remove_too_old(
    transaction: &Connection,
    too_old: TooOld,
    up_to: i64,
) -> rusqlite::Result<Removed> {
    let before = nanoseconds(too_old.before);
    remove(
        transaction,
        REMOVE_TOO_OLD,
        params![OLDEST_AT_ONCE, NO_TIME_BEFORE, before, up_to],
    )
}

/// Removes some of the oldest bodies.
pub(super) fn remove_oldest(transaction: &Connection) -> rusqlite::Result<Removed> {
    remove(transaction, REMOVE_OLDEST, params![OLDEST_AT_ONCE])
}

fn remove(transaction: &Connection, which: &str, values: impl rusqlite::Params) -> rusqlite::Result<Removed> {
    let all_have: Option<i64> = transaction
        .prepare_cached("SELECT min(delivered) FROM destinations")?
        .query_row([], |row| row.get(0))?;
    let mut removed = Removed::default();
    let mut statement = transaction.prepare_cached(which)?;
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        let (number, samples): (i64, i64) = (row.get(0)?, row.get(1)?);
        removed.bodies += 1;
        if all_have.is_none_or(|all_have| number > all_have) {
            removed.lost += u64::try_from(samples).unwrap_or(0);
        }
    }
    Ok(removed)
}

/// A row that is not what was written spoils the file as a page does that cannot be read: trying again will not help.
pub(super) fn as_spoiled(error: StoreError) -> StoreError {
    spoiled_where(error, "a row is not as it was written", |source| {
        matches!(
            source,
            Error::InvalidColumnType(..)
                | Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::QueryReturnedNoRows
        ) || source.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
    })
}

/// The same where a file is opened, when also a table or a column of it may be missing.
pub(super) fn as_spoiled_at_first(error: StoreError) -> StoreError {
    spoiled_where(
        as_spoiled(error),
        "its tables are not as they were made",
        |source| source.sqlite_error_code() == Some(ErrorCode::Unknown),
    )
}

fn spoiled_where(error: StoreError, what: &str, is_spoiled: impl FnOnce(&Error) -> bool) -> StoreError {
    let StoreError::Sqlite { path, source } = error else {
        return error;
    };
    let source = if is_spoiled(&source) {
        Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_CORRUPT),
            Some(format!("{what}: {source}")),
        )
    } else {
        source
    };
    StoreError::Sqlite { path, source }
}
