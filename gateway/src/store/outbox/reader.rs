//! Reads what waits in `outbox.db`, beside its writer.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::rows::{as_spoiled, waiting};
use super::{Body, Pending};
use crate::store::StoreError;
use crate::store::database::Database;

/// A reader goes through the bodies once.
const READER_CACHE_KIB: i64 = 128;

/// A reader of `outbox.db`, beside its writer.
pub struct OutboxReader {
    database: Database,
    path: PathBuf,
}

impl OutboxReader {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
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
        let read = |connection: &Connection| {
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
        };
        self.database.run(read).map_err(as_spoiled)
    }

    /// How far a destination's delivery has come.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn delivered(&self, destination: &str) -> Result<i64, StoreError> {
        let read = |connection: &Connection| {
            connection.query_row(
                "SELECT delivered FROM destinations WHERE name = ?1",
                params![destination],
                |row| row.get(0),
            )
        };
        self.database.run(read).map_err(as_spoiled)
    }

    /// What waits for a destination.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn pending(&self, destination: &str) -> Result<Pending, StoreError> {
        let delivered = self.delivered(destination)?;
        let read = |connection: &Connection| waiting(connection, delivered);
        self.database.run(read).map_err(as_spoiled)
    }
}
