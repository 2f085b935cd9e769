//! `history.db`: every batch that was read, good or not, for trends with no server at all.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::{Batch, Dense, DeviceIndex, Doubt, Missing, PointId, Reading, Site, Value};
use rusqlite::{OptionalExtension, params};

use crate::store::StoreError;
use crate::store::database::{Database, Durability, nanoseconds, timestamp};

const STEPS: &[&str] = &[include_str!("../migrations/history_1.sql")];

/// The writer of `history.db`. On disk a series has a number of the file's own, so that a changed site keeps its history.
pub struct HistoryWriter {
    database: Database,
    path: PathBuf,
    devices: Dense<DeviceIndex, i64>,
    series: Dense<PointId, u32>,
}

impl HistoryWriter {
    /// Opens or creates the file in a data folder, for a site's devices and points.
    ///
    /// # Errors
    /// The file cannot be opened or written.
    pub fn open(data: &Path, site: &Site) -> Result<Self, StoreError> {
        let path = data.join("history.db");
        let mut database = Database::open(&path, Durability::Full, STEPS)?;
        let (devices, series) = database.transact(|transaction| {
            let mut devices = Dense::default();
            let mut series = Dense::default();
            for device in site.devices.values() {
                devices.push(id_of_device(transaction, &device.id)?);
                for (_, point) in device.points() {
                    series.push(id_of_series(transaction, &device.id, &point.name)?);
                }
            }
            Ok((devices, series))
        })?;
        Ok(Self {
            database,
            path,
            devices,
            series,
        })
    }

    /// A reader beside this writer.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn reader(&self) -> Result<HistoryReader, StoreError> {
        Ok(HistoryReader {
            database: Database::open_reader(&self.path)?,
        })
    }

    /// Writes batches; they are on the disk when this returns. The same device and time again replaces.
    ///
    /// # Errors
    /// They could not be written; none of them is.
    pub fn put<'batch>(
        &mut self,
        batches: impl IntoIterator<Item = &'batch Batch>,
    ) -> Result<(), StoreError> {
        let (devices, series) = (&self.devices, &self.series);
        let mut body = Vec::new();
        self.database.transact(|transaction| {
            let mut insert = transaction
                .prepare_cached("INSERT OR REPLACE INTO batches (device, at, body) VALUES (?1, ?2, ?3)")?;
            for batch in batches {
                body.clear();
                for sample in &batch.samples {
                    encode(&mut body, *series.at(sample.point), &sample.reading);
                }
                insert.execute(params![*devices.at(batch.device), nanoseconds(batch.at), body])?;
            }
            Ok(())
        })
    }

    /// Removes what is older than `before`, and the oldest while the file has more than `bytes` in use.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn prune(&mut self, before: Timestamp, bytes: u64) -> Result<(), StoreError> {
        self.database.transact(|transaction| {
            transaction.execute("DELETE FROM batches WHERE at < ?1", params![nanoseconds(before)])?;
            while bytes_in_use(transaction)? > bytes {
                let removed = transaction.execute(
                    "DELETE FROM batches WHERE at <= (SELECT max(at) FROM (SELECT at FROM batches ORDER BY at LIMIT 20000))",
                    [],
                )?;
                if removed == 0 {
                    break;
                }
            }
            Ok(())
        })
    }
}

fn bytes_in_use(transaction: &rusqlite::Transaction<'_>) -> rusqlite::Result<u64> {
    let pragma =
        |name: &str| transaction.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok(u64::try_from(pages.saturating_mul(pragma("page_size")?)).unwrap_or(0))
}

fn id_of_device(transaction: &rusqlite::Transaction<'_>, device: &str) -> rusqlite::Result<i64> {
    transaction
        .prepare_cached("INSERT INTO devices (device) VALUES (?1) ON CONFLICT (device) DO NOTHING")?
        .execute(params![device])?;
    transaction
        .prepare_cached("SELECT id FROM devices WHERE device = ?1")?
        .query_row(params![device], |row| row.get(0))
}

fn id_of_series(transaction: &rusqlite::Transaction<'_>, device: &str, point: &str) -> rusqlite::Result<u32> {
    transaction
        .prepare_cached(
            "INSERT INTO series (device, point) VALUES (?1, ?2) ON CONFLICT (device, point) DO NOTHING",
        )?
        .execute(params![device, point])?;
    transaction
        .prepare_cached("SELECT id FROM series WHERE device = ?1 AND point = ?2")?
        .query_row(params![device, point], |row| row.get(0))
}

/// A reader of `history.db`, beside its writer.
pub struct HistoryReader {
    database: Database,
}

/// One recorded reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// When it was read.
    pub at: Timestamp,
    /// What it said.
    pub reading: Reading,
}

/// What of a point's history is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Trend {
    /// From this moment on …
    pub from: Timestamp,
    /// … up to and without this one.
    pub to: Timestamp,
    /// At most so many readings.
    pub limit: usize,
}

impl HistoryReader {
    /// The readings of a point in a window, oldest first; whether there are more than the limit is said by its being reached.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn readings(&self, device: &str, point: &str, trend: Trend) -> Result<Vec<Recorded>, StoreError> {
        let mut readings = Vec::new();
        self.each(device, point, trend, |recorded| {
            readings.push(recorded);
            readings.len() < trend.limit
        })?;
        Ok(readings)
    }

    /// Calls `take` for each reading of a point in a window, oldest first, until it says no.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn each(
        &self,
        device: &str,
        point: &str,
        trend: Trend,
        mut take: impl FnMut(Recorded) -> bool,
    ) -> Result<(), StoreError> {
        self.database.run(|connection| {
            let ids = connection
                .prepare_cached(
                    "SELECT d.id, s.id FROM devices AS d JOIN series AS s ON s.device = d.device WHERE d.device = ?1 AND s.point = ?2",
                )?
                .query_row(params![device, point], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?)))
                .optional()?;
            let Some((device, series)) = ids else { return Ok(()) };
            let mut statement = connection
                .prepare_cached("SELECT at, body FROM batches WHERE device = ?1 AND at >= ?2 AND at < ?3 ORDER BY at")?;
            let mut rows = statement.query(params![device, nanoseconds(trend.from), nanoseconds(trend.to)])?;
            while let Some(row) = rows.next()? {
                let body = row.get_ref(1)?.as_blob().unwrap_or_default();
                if let Some(reading) = find(body, series)
                    && !take(Recorded { at: timestamp(row.get(0)?), reading })
                {
                    break;
                }
            }
            Ok(())
        })
    }

    /// When the oldest batch was read.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn oldest(&self) -> Result<Option<Timestamp>, StoreError> {
        let oldest: Option<i64> = self
            .database
            .run(|connection| connection.query_row("SELECT min(at) FROM batches", [], |row| row.get(0)))?;
        Ok(oldest.map(timestamp))
    }
}

// A sample on disk: the series' number (4 bytes, little-endian), a tag, and what the tag is followed by.
const NUMBER: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const TEXT: u8 = 3;
const DOUBTFUL: u8 = 16;
const MISSING: u8 = 32;

fn encode(body: &mut Vec<u8>, series: u32, reading: &Reading) {
    body.extend_from_slice(&series.to_le_bytes());
    match reading {
        Reading::Good(value) => encode_value(body, 0, value),
        Reading::Uncertain(value, Doubt::OutOfRange) => encode_value(body, DOUBTFUL, value),
        Reading::Missing(missing) => {
            let (code, detail) = match missing {
                Missing::NotReadYet => (0, 0),
                Missing::NoAnswer => (1, 0),
                Missing::Refused(code) => (2, *code),
                Missing::NoValue => (3, 0),
                Missing::Malformed => (4, 0),
                Missing::Absent => (5, 0),
            };
            body.extend_from_slice(&[MISSING + code, detail]);
        }
    }
}

fn encode_value(body: &mut Vec<u8>, quality: u8, value: &Value) {
    match value {
        Value::Number(number) => {
            body.push(quality + NUMBER);
            body.extend_from_slice(&number.to_le_bytes());
        }
        Value::Bool(state) => body.push(quality + if *state { TRUE } else { FALSE }),
        Value::Text(text) => {
            let bytes = text.as_bytes();
            let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
            body.push(quality + TEXT);
            body.extend_from_slice(&length.to_le_bytes());
            body.extend_from_slice(bytes.get(..usize::from(length)).unwrap_or(bytes));
        }
    }
}

/// The reading of one series in a batch's body; `None` if it is not there, or the body is spoiled from there on.
fn find(mut body: &[u8], series: u32) -> Option<Reading> {
    loop {
        let (id, rest) = body.split_first_chunk::<4>()?;
        let (reading, rest) = decode(rest)?;
        if u32::from_le_bytes(*id) == series {
            return Some(reading);
        }
        body = rest;
    }
}

fn decode(body: &[u8]) -> Option<(Reading, &[u8])> {
    let (tag, rest) = body.split_first()?;
    if *tag >= MISSING {
        let (detail, rest) = rest.split_first()?;
        let missing = match tag - MISSING {
            0 => Missing::NotReadYet,
            1 => Missing::NoAnswer,
            2 => Missing::Refused(*detail),
            3 => Missing::NoValue,
            4 => Missing::Malformed,
            5 => Missing::Absent,
            _ => return None,
        };
        return Some((Reading::Missing(missing), rest));
    }
    let (value, rest) = match tag % DOUBTFUL {
        NUMBER => {
            let (bytes, rest) = rest.split_first_chunk::<8>()?;
            (Value::Number(f64::from_le_bytes(*bytes)), rest)
        }
        FALSE => (Value::Bool(false), rest),
        TRUE => (Value::Bool(true), rest),
        TEXT => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            let (bytes, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            (Value::Text(String::from_utf8_lossy(bytes).into()), rest)
        }
        _ => return None,
    };
    let reading = if *tag >= DOUBTFUL {
        Reading::Uncertain(value, Doubt::OutOfRange)
    } else {
        Reading::Good(value)
    };
    Some((reading, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_reading_is_read_back_as_it_was() {
        let readings = [
            Reading::Good(Value::Number(-0.153)),
            Reading::Good(Value::Bool(true)),
            Reading::Good(Value::Bool(false)),
            Reading::Good(Value::Text("检修".into())),
            Reading::Uncertain(Value::Number(9.9), Doubt::OutOfRange),
            Reading::Missing(Missing::NoAnswer),
            Reading::Missing(Missing::Refused(0x0B)),
            Reading::Missing(Missing::Absent),
        ];
        let mut body = Vec::new();
        for (series, reading) in (7..).zip(&readings) {
            encode(&mut body, series, reading);
        }
        for (series, reading) in (7..).zip(&readings) {
            assert_eq!(find(&body, series).as_ref(), Some(reading));
        }
        assert_eq!(find(&body, 99), None);
        for length in 0..body.len() {
            find(body.get(..length).unwrap(), 99);
        }
    }
}
