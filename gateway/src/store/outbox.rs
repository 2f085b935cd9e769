//! `outbox.db`: request bodies for the time-series database, compressed as they will be sent, until they are delivered.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::params;

use super::StoreError;
use super::database::{Database, Durability, nanoseconds};

const STEPS: &[&str] = &[include_str!("migrations/outbox_1.sql")];

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
    /// How many bodies.
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
}

impl OutboxWriter {
    /// Opens or creates the file in a data folder, for one destination.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(data: &Path, destination: &str) -> Result<Self, StoreError> {
        let path = data.join("outbox.db");
        let database = Database::open(&path, Durability::Full, STEPS)?;
        database.run(|connection| {
            connection.execute(
                "INSERT INTO destinations (name, delivered) VALUES (?1, 0) ON CONFLICT (name) DO NOTHING",
                params![destination],
            )
        })?;
        Ok(Self { database, path })
    }

    /// A reader beside this writer.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn reader(&self) -> Result<OutboxReader, StoreError> {
        Ok(OutboxReader {
            database: Database::open_reader(&self.path)?,
        })
    }

    /// Puts a body at the end; it is on the disk when this returns.
    ///
    /// # Errors
    /// It could not be written; nothing of it is.
    pub fn put(&mut self, bytes: &[u8], samples: u64, at: Timestamp) -> Result<i64, StoreError> {
        self.database.transact(|transaction| {
            transaction
                .prepare_cached("INSERT INTO bodies (at, samples, body) VALUES (?1, ?2, ?3)")?
                .execute(params![
                    nanoseconds(at),
                    i64::try_from(samples).unwrap_or(i64::MAX),
                    bytes
                ])?;
            Ok(transaction.last_insert_rowid())
        })
    }

    /// Everything up to and including `number` was delivered: it is removed.
    ///
    /// # Errors
    /// It could not be written; it will be delivered again, which does no harm.
    pub fn delivered(&mut self, destination: &str, number: i64) -> Result<(), StoreError> {
        self.database.transact(|transaction| {
            transaction
                .prepare_cached("UPDATE destinations SET delivered = max(delivered, ?2) WHERE name = ?1")?
                .execute(params![destination, number])?;
            transaction
                .prepare_cached("DELETE FROM bodies WHERE number <= ?1")?
                .execute(params![number])?;
            Ok(())
        })
    }

    /// Removes the oldest bodies until at most `bytes` wait; returns how many samples were lost.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn bound(&mut self, bytes: u64) -> Result<u64, StoreError> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.database.transact(|transaction| {
            let mut lost = 0_u64;
            loop {
                let waiting: i64 = transaction
                    .query_row("SELECT coalesce(sum(length(body)), 0) FROM bodies", [], |row| row.get(0))?;
                if waiting <= bytes {
                    return Ok(lost);
                }
                let removed: Vec<i64> = transaction
                    .prepare_cached(
                        "DELETE FROM bodies WHERE number IN (SELECT number FROM bodies ORDER BY number LIMIT 64) RETURNING samples",
                    )?
                    .query_map([], |row| row.get(0))?
                    .collect::<rusqlite::Result<_>>()?;
                lost += removed.iter().map(|samples| u64::try_from(*samples).unwrap_or(0)).sum::<u64>();
                if removed.is_empty() {
                    return Ok(lost);
                }
            }
        })
    }
}

/// A reader of `outbox.db`, beside its writer.
pub struct OutboxReader {
    database: Database,
}

impl OutboxReader {
    /// The next bodies after `number`, at most `limit` of them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn after(&self, number: i64, limit: usize) -> Result<Vec<Body>, StoreError> {
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT number, samples, body FROM bodies WHERE number > ?1 ORDER BY number LIMIT ?2",
                )?
                .query_map(params![number, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                    Ok(Body {
                        number: row.get(0)?,
                        samples: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
                        bytes: row.get(2)?,
                    })
                })?
                .collect()
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

    /// What waits.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn pending(&self) -> Result<Pending, StoreError> {
        self.database.run(|connection| {
            connection.query_row(
                "SELECT count(*), coalesce(sum(length(body)), 0), coalesce(sum(samples), 0) FROM bodies",
                [],
                |row| {
                    let whole = |value: i64| u64::try_from(value).unwrap_or(0);
                    Ok(Pending {
                        bodies: whole(row.get(0)?),
                        bytes: whole(row.get(1)?),
                        samples: whole(row.get(2)?),
                    })
                },
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_waits_in_order_until_it_is_delivered() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = OutboxWriter::open(folder.path(), "influx").unwrap();
        let reader = writer.reader().unwrap();
        for text in ["one", "two", "three"] {
            writer.put(text.as_bytes(), 1, Timestamp::UNIX_EPOCH).unwrap();
        }
        let bodies = reader.after(0, 2).unwrap();
        assert_eq!(
            bodies
                .iter()
                .map(|body| body.bytes.as_slice())
                .collect::<Vec<_>>(),
            [&b"one"[..], b"two"]
        );
        writer.delivered("influx", 2).unwrap();
        assert_eq!(reader.after(0, 9).unwrap().len(), 1);
        assert_eq!(reader.delivered("influx").unwrap(), 2);
        assert_eq!(
            reader.pending().unwrap(),
            Pending {
                bodies: 1,
                bytes: 5,
                samples: 1
            }
        );
    }

    #[test]
    fn a_number_is_never_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = OutboxWriter::open(folder.path(), "influx").unwrap();
        assert_eq!(writer.put(b"one", 1, Timestamp::UNIX_EPOCH).unwrap(), 1);
        writer.delivered("influx", 1).unwrap();
        drop(writer);
        let mut again = OutboxWriter::open(folder.path(), "influx").unwrap();
        assert_eq!(again.put(b"two", 1, Timestamp::UNIX_EPOCH).unwrap(), 2);
    }

    #[test]
    fn at_its_bound_the_oldest_are_dropped_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = OutboxWriter::open(folder.path(), "influx").unwrap();
        for _ in 0..200 {
            writer.put(&[0; 100], 3, Timestamp::UNIX_EPOCH).unwrap();
        }
        assert_eq!(writer.bound(10_000).unwrap(), 128 * 3);
        assert_eq!(
            writer
                .reader()
                .unwrap()
                .after(0, 1)
                .unwrap()
                .first()
                .unwrap()
                .number,
            129
        );
    }
}
