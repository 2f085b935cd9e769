//! `outbox.db`: request bodies for the time-series database, compressed as they will be sent, until they are delivered.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::params;

use super::StoreError;
use super::database::{Database, Durability, is_spoiled, move_aside, nanoseconds};

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

/// What became of a spoiled outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Where it is now.
    pub aside: PathBuf,
    /// How many bodies could be read, and are still delivered.
    pub bodies: u64,
}

/// The writer of `outbox.db`.
pub struct OutboxWriter {
    database: Database,
    path: PathBuf,
    destinations: Vec<String>,
}

impl OutboxWriter {
    /// Opens or creates the file in a data folder. A spoiled one is moved aside, and what can be read of it is taken over.
    ///
    /// # Errors
    /// The file cannot be opened, nor a new one made.
    pub fn open(
        data: &Path,
        destinations: &[String],
        now: Timestamp,
    ) -> Result<(Self, Option<Recovered>), StoreError> {
        let path = data.join("outbox.db");
        match Self::open_file(&path, destinations) {
            Err(error) if is_spoiled(&error) => {
                let (writer, recovered) = Self::begin_anew(&path, destinations, now)?;
                Ok((writer, Some(recovered)))
            }
            opened => opened.map(|writer| (writer, None)),
        }
    }

    /// Moves the spoiled file aside and goes on with a new one, with what can be read of the old.
    ///
    /// # Errors
    /// No new file can be made.
    pub fn recover(&mut self, now: Timestamp) -> Result<Recovered, StoreError> {
        let (writer, recovered) = Self::begin_anew(&self.path, &self.destinations, now)?;
        *self = writer;
        Ok(recovered)
    }

    fn open_file(path: &Path, destinations: &[String]) -> Result<Self, StoreError> {
        let mut database = Database::open(path, Durability::Full, STEPS)?;
        database.transact(|transaction| {
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
            Ok(())
        })?;
        Ok(Self {
            database,
            path: path.to_owned(),
            destinations: destinations.to_vec(),
        })
    }

    fn begin_anew(
        path: &Path,
        destinations: &[String],
        now: Timestamp,
    ) -> Result<(Self, Recovered), StoreError> {
        let aside = move_aside(path, now).map_err(|error| StoreError::Unreadable {
            path: path.to_owned(),
            what: "the spoiled outbox".to_owned(),
            reason: format!("and it cannot be moved aside: {error}"),
        })?;
        let mut writer = Self::open_file(path, destinations)?;
        let bodies = writer.take_over(&aside)?;
        Ok((writer, Recovered { aside, bodies }))
    }

    /// Takes over the bodies of a spoiled file one by one, so that one that cannot be read costs only itself.
    fn take_over(&mut self, aside: &Path) -> Result<u64, StoreError> {
        let Ok(spoiled) = Database::open_reader(aside) else {
            return Ok(0);
        };
        let end = |which: &str| {
            let sql = format!("SELECT number FROM bodies ORDER BY number {which} LIMIT 1");
            spoiled.run(|connection| connection.query_row(&sql, [], |row| row.get::<_, i64>(0)))
        };
        let Ok(first) = end("ASC") else { return Ok(0) };
        // Where the last number cannot be read, the one that was given last is in a table of SQLite's own.
        let given = || {
            let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'bodies'";
            spoiled.run(|connection| connection.query_row(sql, [], |row| row.get::<_, i64>(0)))
        };
        let Ok(last) = end("DESC").or_else(|_| given()) else {
            return Ok(0);
        };
        let mut taken = 0;
        for number in first..=last {
            let body = spoiled.run(|connection| {
                connection
                    .prepare_cached("SELECT at, samples, body FROM bodies WHERE number = ?1")?
                    .query_row(params![number], |row| {
                        Ok((
                            row.get::<_, i64>(0)?,
                            row.get::<_, i64>(1)?,
                            row.get::<_, Vec<u8>>(2)?,
                        ))
                    })
            });
            if let Ok((at, samples, body)) = body {
                self.database.run(|connection| {
                    connection
                        .prepare_cached(
                            "INSERT INTO bodies (number, at, samples, body) VALUES (?1, ?2, ?3, ?4)",
                        )?
                        .execute(params![number, at, samples, body])
                })?;
                taken += 1;
            }
        }
        Ok(taken)
    }

    /// A reader beside this writer.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn reader(&self) -> Result<OutboxReader, StoreError> {
        Ok(OutboxReader {
            database: Database::open_reader(&self.path)?,
            path: self.path.clone(),
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

    /// Everything up to and including `number` was delivered to a destination: what all of them have is removed.
    ///
    /// # Errors
    /// It could not be written; it will be delivered again, which does no harm.
    pub fn delivered(&mut self, destination: &str, number: i64) -> Result<(), StoreError> {
        self.database.transact(|transaction| {
            transaction
                .prepare_cached("UPDATE destinations SET delivered = max(delivered, ?2) WHERE name = ?1")?
                .execute(params![destination, number])?;
            transaction
                .prepare_cached(
                    "DELETE FROM bodies WHERE number <= (SELECT min(delivered) FROM destinations)",
                )?
                .execute([])?;
            Ok(())
        })
    }

    /// Removes bodies from before `before`, and the oldest until at most `bytes` wait; returns how many samples were lost.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn bound(&mut self, bytes: u64, before: Timestamp) -> Result<u64, StoreError> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.database.transact(|transaction| {
            let mut lost = removed(transaction, "at < ?1", nanoseconds(before))?;
            loop {
                let waiting: i64 = transaction.query_row(
                    "SELECT coalesce(sum(length(body)), 0) FROM bodies",
                    [],
                    |row| row.get(0),
                )?;
                let count: i64 =
                    transaction.query_row("SELECT count(*) FROM bodies", [], |row| row.get(0))?;
                if waiting <= bytes || count == 0 {
                    return Ok(lost);
                }
                lost += removed(
                    transaction,
                    "number IN (SELECT number FROM bodies ORDER BY number LIMIT ?1)",
                    OLDEST_AT_ONCE,
                )?;
            }
        })
    }
}

/// At the bound, so many of the oldest bodies are removed at a time.
const OLDEST_AT_ONCE: i64 = 64;

/// Removes bodies and returns how many samples were in them.
fn removed(transaction: &rusqlite::Transaction<'_>, which: &str, value: i64) -> rusqlite::Result<u64> {
    let removed: Vec<i64> = transaction
        .prepare_cached(&format!("DELETE FROM bodies WHERE {which} RETURNING samples"))?
        .query_map(params![value], |row| row.get(0))?
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
    /// Opens the file anew, after it was moved aside and begun again.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        self.database = Database::open_reader(&self.path)?;
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
        self.database.run(|connection| {
            connection.query_row(
                "SELECT count(*), coalesce(sum(length(body)), 0), coalesce(sum(samples), 0) FROM bodies
                 WHERE number > (SELECT delivered FROM destinations WHERE name = ?1)",
                params![destination],
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

    fn open(folder: &Path, destinations: &[&str]) -> (OutboxWriter, Option<Recovered>) {
        let destinations: Vec<String> = destinations.iter().map(|name| (*name).to_owned()).collect();
        OutboxWriter::open(folder, &destinations, Timestamp::UNIX_EPOCH).unwrap()
    }

    fn put(writer: &mut OutboxWriter, body: &[u8]) -> i64 {
        writer
            .put(body, 3, Timestamp::from_second(1000).unwrap())
            .unwrap()
    }

    #[test]
    fn what_is_put_waits_in_order_until_it_is_delivered() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = open(folder.path(), &["influx"]);
        let reader = writer.reader().unwrap();
        for text in ["one", "two", "three"] {
            put(&mut writer, text.as_bytes());
        }
        let bodies = reader.after(0, 2, usize::MAX).unwrap();
        assert_eq!(
            bodies
                .iter()
                .map(|body| body.bytes.as_slice())
                .collect::<Vec<_>>(),
            [&b"one"[..], b"two"]
        );
        writer.delivered("influx", 2).unwrap();
        assert_eq!(reader.after(0, 9, usize::MAX).unwrap().len(), 1);
        assert_eq!(reader.delivered("influx").unwrap(), 2);
        assert_eq!(
            reader.pending("influx").unwrap(),
            Pending {
                bodies: 1,
                bytes: 5,
                samples: 3
            }
        );
    }

    #[test]
    fn no_more_is_read_than_one_request_can_have() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = open(folder.path(), &["influx"]);
        for _ in 0..5 {
            put(&mut writer, &[7; 100]);
        }
        let reader = writer.reader().unwrap();
        assert_eq!(reader.after(0, 9, 200).unwrap().len(), 2);
        assert_eq!(reader.after(0, 9, 1).unwrap().len(), 1, "one is always read");
    }

    #[test]
    fn a_body_is_kept_until_every_destination_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = open(folder.path(), &["near", "far"]);
        put(&mut writer, b"one");
        put(&mut writer, b"two");
        writer.delivered("near", 2).unwrap();
        assert_eq!(writer.reader().unwrap().after(0, 9, usize::MAX).unwrap().len(), 2);
        writer.delivered("far", 1).unwrap();
        assert_eq!(writer.reader().unwrap().after(0, 9, usize::MAX).unwrap().len(), 1);
        assert_eq!(writer.reader().unwrap().pending("near").unwrap().bodies, 0);
        drop(writer);
        let (mut writer, _) = open(folder.path(), &["near"]);
        writer.delivered("near", 2).unwrap();
        assert_eq!(
            writer.reader().unwrap().after(0, 9, usize::MAX).unwrap().len(),
            0,
            "one that is gone holds nothing back"
        );
    }

    #[test]
    fn a_number_is_never_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = open(folder.path(), &["influx"]);
        assert_eq!(put(&mut writer, b"one"), 1);
        writer.delivered("influx", 1).unwrap();
        drop(writer);
        let (mut again, _) = open(folder.path(), &["influx"]);
        assert_eq!(put(&mut again, b"two"), 2);
    }

    #[test]
    fn at_its_bounds_the_oldest_are_dropped_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = open(folder.path(), &["influx"]);
        for _ in 0..200 {
            put(&mut writer, &[0; 100]);
        }
        assert_eq!(writer.bound(10_000, Timestamp::UNIX_EPOCH).unwrap(), 128 * 3);
        assert_eq!(
            writer
                .reader()
                .unwrap()
                .after(0, 1, usize::MAX)
                .unwrap()
                .first()
                .unwrap()
                .number,
            129
        );
        assert_eq!(
            writer
                .bound(u64::MAX, Timestamp::from_second(1001).unwrap())
                .unwrap(),
            72 * 3
        );
    }

    #[test]
    fn a_spoiled_file_is_moved_aside_and_what_can_be_read_is_still_delivered() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = open(folder.path(), &["influx"]);
        for number in 0..200_u8 {
            put(&mut writer, &[number; 2000]);
        }
        drop(writer);
        let path = folder.path().join("outbox.db");
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 8192].fill(0xA5);
        std::fs::write(&path, bytes).unwrap();

        let (mut writer, at_the_start) = open(folder.path(), &["influx"]);
        let reader = writer.reader().unwrap();
        let recovered = match at_the_start {
            Some(recovered) => recovered,
            None => {
                assert!(is_spoiled(&reader.after(0, 1000, usize::MAX).unwrap_err()));
                writer.recover(Timestamp::UNIX_EPOCH).unwrap()
            }
        };
        assert!(recovered.aside.exists());
        assert!((150..200).contains(&recovered.bodies), "{}", recovered.bodies);
        let bodies = writer.reader().unwrap().after(0, 1000, usize::MAX).unwrap();
        assert_eq!(bodies.len() as u64, recovered.bodies);
        assert!(
            bodies
                .iter()
                .all(|body| body.bytes == [u8::try_from(body.number - 1).unwrap(); 2000])
        );
        assert_eq!(put(&mut writer, b"on"), 201);
    }

    #[test]
    fn what_is_no_database_at_all_is_moved_aside_too() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("outbox.db"), [0xA5; 5000]).unwrap();
        let (mut writer, recovered) = open(folder.path(), &["influx"]);
        assert_eq!(recovered.unwrap().bodies, 0);
        put(&mut writer, b"one");
    }
}
