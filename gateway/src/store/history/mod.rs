//! `history.db`: every batch that was read, good or not, for trends with no server at all.
//!
//! The newest minutes are kept as they were read; what is older is packed by slots of ten minutes, a column a point. `row` is a batch as
//! it is first kept, `column` a packed one, `summary` what a slot says without being unpacked.

mod column;
mod pack;
mod reader;
mod row;
mod summary;
mod varint;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::{Batch, Dense, DeviceIndex, PointId, Site};
use rusqlite::params;

use super::StoreError;
use super::database::{Database, Durability, is_spoiled, move_aside, nanoseconds};

pub use reader::{HistoryReader, Piece, Recorded, Trend};
pub use summary::Summary;

const STEPS: &[&str] = &[include_str!("../migrations/history_1.sql")];

/// A slot's length: so long a stretch is packed together.
pub const SLOT_NANOSECONDS: i64 = 600 * 1_000_000_000;

/// The writer of `history.db`. On disk a series has a number of the file's own, so that a changed site keeps its history.
pub struct HistoryWriter {
    database: Database,
    durable: bool,
    path: PathBuf,
    devices: Dense<DeviceIndex, i64>,
    series: Dense<PointId, u32>,
    /// Which slots of which devices have rows that are not packed, by slot.
    unpacked: BTreeSet<(i64, i64)>,
}

impl HistoryWriter {
    /// Opens or creates the file in a data folder, for a site's devices and points. A spoiled one is moved aside and begun anew; then
    /// where it is now is given, too. `durable`: what is counted as taken is only here, so it must survive a power cut.
    ///
    /// # Errors
    /// The file cannot be opened or written.
    pub fn open(
        data: &Path,
        site: &Site,
        durable: bool,
        now: Timestamp,
    ) -> Result<(Self, Option<PathBuf>), StoreError> {
        let path = data.join("history.db");
        match Self::open_file(&path, site, durable) {
            Err(error) if is_spoiled(&error) => {
                let aside = aside(&path, now)?;
                Ok((Self::open_file(&path, site, durable)?, Some(aside)))
            }
            opened => opened.map(|writer| (writer, None)),
        }
    }

    /// Moves the spoiled file aside, begins it anew, and returns where the old one is.
    ///
    /// # Errors
    /// No new file can be made.
    pub fn begin_anew(&mut self, site: &Site, now: Timestamp) -> Result<PathBuf, StoreError> {
        let aside = aside(&self.path, now)?;
        *self = Self::open_file(&self.path, site, self.durable)?;
        Ok(aside)
    }

    fn open_file(path: &Path, site: &Site, durable: bool) -> Result<Self, StoreError> {
        let durability = if durable {
            Durability::Full
        } else {
            Durability::Normal
        };
        let mut database = Database::open(path, durability, STEPS)?;
        let (devices, series, unpacked) = database.transact(|transaction| {
            let mut devices = Dense::default();
            let mut series = Dense::default();
            for device in site.devices.values() {
                devices.push(id_of_device(transaction, &device.id)?);
                for (_, point) in device.points() {
                    series.push(id_of_series(transaction, &device.id, &point.name)?);
                }
            }
            let unpacked = transaction
                .prepare("SELECT DISTINCT at / ?1, device FROM batches")?
                .query_map(params![SLOT_NANOSECONDS], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            Ok((devices, series, unpacked))
        })?;
        Ok(Self {
            database,
            durable,
            path: path.to_owned(),
            devices,
            series,
            unpacked,
        })
    }

    /// A reader beside this writer.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn reader(&self) -> Result<HistoryReader, StoreError> {
        HistoryReader::open(&self.path)
    }

    /// Writes batches; they are on the disk when this returns. The same device and time again replaces.
    ///
    /// # Errors
    /// They could not be written; none of them is.
    pub fn put<'batch>(
        &mut self,
        batches: impl IntoIterator<Item = &'batch Batch> + Clone,
    ) -> Result<(), StoreError> {
        let (devices, series) = (&self.devices, &self.series);
        let mut body = Vec::new();
        let rows = batches.clone().into_iter();
        self.database.transact(|transaction| {
            let mut insert = transaction
                .prepare_cached("INSERT OR REPLACE INTO batches (device, at, body) VALUES (?1, ?2, ?3)")?;
            for batch in rows {
                body.clear();
                for sample in &batch.samples {
                    row::encode(&mut body, *series.at(sample.point), &sample.reading);
                }
                insert.execute(params![devices.at(batch.device), nanoseconds(batch.at), body])?;
            }
            Ok(())
        })?;
        for batch in batches {
            self.unpacked.insert((
                nanoseconds(batch.at).div_euclid(SLOT_NANOSECONDS),
                *self.devices.at(batch.device),
            ));
        }
        Ok(())
    }

    /// Packs slots that ended before `before`, at most so many of them; returns how many.
    ///
    /// # Errors
    /// The file cannot be written; what was not packed stays as it was.
    pub fn pack(&mut self, before: Timestamp, at_most: usize) -> Result<usize, StoreError> {
        let current = nanoseconds(before).div_euclid(SLOT_NANOSECONDS);
        let due: Vec<_> = self
            .unpacked
            .range(..(current, i64::MIN))
            .take(at_most)
            .copied()
            .collect();
        self.database.transact(|transaction| {
            due.iter()
                .try_for_each(|(slot, device)| pack::pack_slot(transaction, *device, *slot))
        })?;
        for slot in &due {
            self.unpacked.remove(slot);
        }
        Ok(due.len())
    }

    /// Removes what is older than `before`, and the oldest while the file has more than `bytes` in use.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn prune(&mut self, before: Timestamp, bytes: u64) -> Result<(), StoreError> {
        self.database.transact(|transaction| {
            remove_before(transaction, nanoseconds(before).div_euclid(SLOT_NANOSECONDS))?;
            while bytes_in_use(transaction)? > bytes {
                let Some(oldest) = oldest_slot(transaction)? else {
                    break;
                };
                remove_before(transaction, oldest + 1)?;
            }
            Ok(())
        })
    }
}

fn aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    move_aside(path, now).map_err(|error| StoreError::Unreadable {
        path: path.to_owned(),
        what: "the spoiled history".to_owned(),
        reason: format!("and it cannot be moved aside: {error}"),
    })
}

fn remove_before(transaction: &rusqlite::Transaction<'_>, slot: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM blocks WHERE slot < ?1", params![slot])?;
    transaction.execute("DELETE FROM times WHERE slot < ?1", params![slot])?;
    transaction.execute(
        "DELETE FROM batches WHERE at < ?1",
        params![slot.saturating_mul(SLOT_NANOSECONDS)],
    )?;
    Ok(())
}

fn oldest_slot(transaction: &rusqlite::Transaction<'_>) -> rusqlite::Result<Option<i64>> {
    let packed: Option<i64> = transaction.query_row("SELECT min(slot) FROM blocks", [], |row| row.get(0))?;
    if packed.is_some() {
        return Ok(packed);
    }
    transaction.query_row(
        "SELECT min(at) / ?1 FROM batches",
        params![SLOT_NANOSECONDS],
        |row| row.get(0),
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_site::one_fire_main;
    use model::{Missing, Reading, Sample, Value};

    fn at(seconds: i64) -> Timestamp {
        // The beginning of a slot, so that the tests can count from it.
        Timestamp::from_second(2_991_667 * 600 + seconds).unwrap()
    }

    fn batch(seconds: i64, pressure: Reading) -> Batch {
        let samples = vec![
            Sample {
                point: PointId(0),
                reading: pressure,
            },
            Sample {
                point: PointId(1),
                reading: Reading::Good(Value::Bool(seconds % 2 == 0)),
            },
        ];
        Batch {
            device: DeviceIndex(0),
            at: at(seconds),
            samples,
        }
    }

    fn pressure(second: i64) -> Reading {
        match second % 50 {
            49 => Reading::Missing(Missing::NoAnswer),
            part => Reading::Good(Value::Number((400 + part) as f64 / 1000.0)),
        }
    }

    fn open(folder: &Path) -> HistoryWriter {
        HistoryWriter::open(folder, &one_fire_main(), true, at(0))
            .unwrap()
            .0
    }

    #[test]
    fn a_spoiled_history_is_moved_aside_and_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("history.db"), [0xA5; 9000]).unwrap();
        let (mut writer, aside) = HistoryWriter::open(folder.path(), &one_fire_main(), true, at(0)).unwrap();
        assert!(aside.unwrap().exists());
        writer.put([&batch(0, pressure(0))]).unwrap();
    }

    fn trend(from: i64, to: i64) -> Trend {
        Trend {
            from: at(from),
            to: at(to),
            coarse: false,
        }
    }

    fn seconds_and_readings(reader: &HistoryReader, trend: Trend) -> Vec<(i64, Reading)> {
        let mut read = Vec::new();
        reader
            .each("fire-main-1", "main_pressure", trend, |piece| {
                if let Piece::Reading(recorded) = piece {
                    read.push((recorded.at.duration_since(at(0)).as_secs(), recorded.reading));
                }
                true
            })
            .unwrap();
        read
    }

    #[test]
    fn packing_changes_nothing_that_a_reader_sees() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path());
        let reader = writer.reader().unwrap();
        let written: Vec<_> = (0..1500).map(|second| (second, pressure(second))).collect();
        for (second, reading) in &written {
            writer.put([&batch(*second, reading.clone())]).unwrap();
        }
        assert_eq!(seconds_and_readings(&reader, trend(0, 9999)), written);
        assert_eq!(
            writer.pack(at(1500), 10).unwrap(),
            2,
            "the third slot is not over"
        );
        assert_eq!(seconds_and_readings(&reader, trend(0, 9999)), written);
        assert_eq!(
            seconds_and_readings(&reader, trend(550, 1250)),
            written[550..1250]
        );
    }

    #[test]
    fn a_late_batch_joins_the_slot_that_was_packed() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path());
        let reader = writer.reader().unwrap();
        for second in (0..600).filter(|second| *second != 300) {
            writer.put([&batch(second, pressure(second))]).unwrap();
        }
        writer.pack(at(700), 10).unwrap();
        writer.put([&batch(300, pressure(300))]).unwrap();
        let written: Vec<_> = (0..600).map(|second| (second, pressure(second))).collect();
        assert_eq!(seconds_and_readings(&reader, trend(0, 9999)), written);
        assert_eq!(writer.pack(at(700), 10).unwrap(), 1);
        assert_eq!(seconds_and_readings(&reader, trend(0, 9999)), written);
    }

    #[test]
    fn a_slot_says_its_mean_and_ends_without_being_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path());
        for second in 0..600 {
            writer.put([&batch(second, pressure(second))]).unwrap();
        }
        writer.pack(at(700), 10).unwrap();
        let mut pieces = Vec::new();
        let coarse = Trend {
            coarse: true,
            ..trend(0, 600)
        };
        let reader = writer.reader().unwrap();
        reader
            .each("fire-main-1", "main_pressure", coarse, |piece| {
                pieces.push(piece);
                true
            })
            .unwrap();
        let [Piece::Slot(slot_at, summary)] = pieces.as_slice() else {
            panic!("{pieces:?}")
        };
        assert_eq!(
            (*slot_at, summary.count, summary.low, summary.high),
            (at(0), 588, Some(0.4), Some(0.448))
        );
    }

    #[test]
    fn what_is_too_old_or_too_much_is_removed_oldest_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path());
        for second in 0..1800 {
            writer.put([&batch(second, pressure(second))]).unwrap();
        }
        writer.pack(at(1800), 10).unwrap();
        writer.prune(at(600), u64::MAX).unwrap();
        let reader = writer.reader().unwrap();
        assert_eq!(
            seconds_and_readings(&reader, trend(0, 9999)).first().unwrap().0,
            600
        );
        writer.prune(at(0), 0).unwrap();
        assert_eq!(seconds_and_readings(&reader, trend(0, 9999)), []);
    }
}
