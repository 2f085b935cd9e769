//! `history.db`: every batch that was read, good or not, for trends with no server at all.
//!
//! The newest minutes are kept as each commit left them; what is older is packed by slots of ten minutes, a column a point; and hours
//! are summed up for years. `chain` is what a device says anew, `group` and `recent` are the rows of commits, `pack`, `device_slot` and
//! `column` what they become, `summary`, `minutes` and `hours` what stretches say without being unpacked, `trend` one point's
//! history.

mod chain;
mod column;
mod device_slot;
mod group;
mod hours;
mod minutes;
mod number;
mod pack;
mod reader;
mod recent;
mod summary;
#[cfg(test)]
mod tests;
mod trend;
mod varint;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::{Batch, Dense, DeviceIndex, Site};
use rusqlite::params;

use self::chain::ChainWriter;
use self::group::{Entry, Group};
use self::hours::HOUR_NANOSECONDS;
use self::pack::Packing;
use self::reader::oldest_slot;
use super::StoreError;
use super::database::{Database, Durability, is_spoiled, move_aside, nanoseconds};

pub use reader::{Again, Grain, HistoryReader, Piece, Recorded, Trend, Wanted};
pub use summary::Summary;

const STEPS: &[&str] = &[
    include_str!("../migrations/history_1.sql"),
    include_str!("../migrations/history_2.sql"),
    include_str!("../migrations/history_3.sql"),
];

/// A slot's length: so long a stretch is packed together.
/// The writer's own copy of pages, in KiB: it goes on where it ended, and a slot's rows are read back once.
const WRITER_CACHE_KIB: i64 = 512;
const SLOT_NANOSECONDS: i64 = 600 * 1_000_000_000;
/// A row of an hour and a series takes about so many bytes; hours may have a quarter of the file.
const HOUR_BYTES: u64 = 50;
const HOURS_PART: u64 = 4;

/// How long history is kept, and in how much room.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Readings before this are removed.
    pub readings_before: Timestamp,
    /// Hours before this are removed.
    pub hours_before: Timestamp,
    /// The oldest readings are removed while the file has more bytes in use.
    pub bytes: u64,
}

/// The writer of `history.db`. On disk a series has a number of the file's own, so that a changed site keeps its history.
pub struct HistoryWriter {
    database: Database,
    durable: bool,
    path: PathBuf,
    devices: Dense<DeviceIndex, i64>,
    chains: ChainWriter,
    /// What was put since the last commit, by slot.
    open: BTreeMap<i64, OpenGroup>,
    entry: Vec<u8>,
    /// The number of the newest row.
    last_number: i64,
    /// The slots that have rows.
    unpacked: BTreeSet<i64>,
    packing: Option<Packing>,
    /// Batches for which the slots that were packed had no room.
    left_out: u64,
}

struct OpenGroup {
    group: Group,
    newest: i64,
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
        database.limit_cache(WRITER_CACHE_KIB)?;
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
        let (unpacked, last_number) =
            database.run(|connection| Ok((recent::slots(connection)?, recent::last_number(connection)?)))?;
        Ok(Self {
            database,
            durable,
            path: path.to_owned(),
            devices,
            chains: ChainWriter::new(site, series),
            open: BTreeMap::new(),
            entry: Vec::new(),
            last_number,
            unpacked: unpacked.into_iter().collect(),
            packing: None,
            left_out: 0,
        })
    }

    /// A reader beside this writer.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn reader(&self) -> Result<HistoryReader, StoreError> {
        HistoryReader::open(&self.path)
    }

    /// Puts a batch with those that the next commit writes. The same device and time again replaces.
    pub fn put(&mut self, batch: &Batch) {
        let at = nanoseconds(batch.at);
        let slot = at.div_euclid(SLOT_NANOSECONDS);
        self.entry.clear();
        self.chains.put(&mut self.entry, batch, slot);
        let open = self.open.entry(slot).or_insert_with(|| OpenGroup {
            group: Group::new(slot.saturating_mul(SLOT_NANOSECONDS)),
            newest: at,
        });
        open.newest = open.newest.max(at);
        open.group.put(Entry {
            device: *self.devices.at(batch.device),
            at,
            said: &self.entry,
        });
    }

    /// How many bytes wait for the next commit.
    pub fn waiting_bytes(&self) -> usize {
        self.open.values().map(|open| open.group.bytes.len()).sum()
    }

    /// Writes what was put; it is on the disk when this returns.
    ///
    /// # Errors
    /// It could not be written; none of it is, and it is given up.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        let mut number = self.last_number;
        let open = &self.open;
        let written = self.database.transact(|transaction| {
            open.iter().try_for_each(|(slot, open)| {
                number += 1;
                recent::add(transaction, *slot, number, open.newest, &open.group.bytes)
            })
        });
        if written.is_err() {
            self.give_up();
            return written;
        }
        self.last_number = number;
        self.unpacked.extend(std::mem::take(&mut self.open).into_keys());
        Ok(())
    }

    /// Gives up what was put since the last commit.
    pub fn give_up(&mut self) {
        self.open.clear();
        self.chains.end_all();
    }

    /// Packs a part of the oldest slot that ended before `before`; whether there was one.
    ///
    /// # Errors
    /// The file cannot be written; what was not packed stays as it was.
    pub fn pack(&mut self, before: Timestamp) -> Result<bool, StoreError> {
        if self.packing.is_none() {
            let current = nanoseconds(before).div_euclid(SLOT_NANOSECONDS);
            let Some(slot) = self.unpacked.range(..current).next().copied() else {
                return Ok(false);
            };
            // What comes late belongs to rows that outlive these.
            self.chains.end(slot);
            self.packing = Some(Packing::new(slot, self.last_number));
        }
        let Some(packing) = &mut self.packing else {
            return Ok(false);
        };
        let slot = packing.slot;
        let stepped = self.database.transact(|transaction| {
            if !packing.step(transaction)? {
                return Ok(None);
            }
            hours::sum_up(transaction, slot)?;
            packing.remove(transaction).map(Some)
        });
        match stepped {
            Ok(None) => {}
            Ok(Some(has_more)) => {
                self.left_out += packing.left_out;
                self.packing = None;
                if !has_more {
                    self.unpacked.remove(&slot);
                }
            }
            // What the failed step held is gone: the slot is begun again.
            Err(_) => self.packing = None,
        }
        stepped.map(|_| true)
    }

    /// For how many batches the slots that were packed since the last call had no room: a device had sent more than a million of them
    /// for ten minutes.
    pub fn left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }

    /// Removes what is too old, and the oldest while there is too much.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn prune(&mut self, bound: Bound) -> Result<(), StoreError> {
        let hour_of = |at: Timestamp| nanoseconds(at).div_euclid(HOUR_NANOSECONDS);
        let most_hours = i64::try_from(bound.bytes / HOURS_PART / HOUR_BYTES).unwrap_or(i64::MAX);
        self.database
            .transact(|transaction| hours::prune(transaction, hour_of(bound.hours_before), most_hours))?;
        let too_old = hour_of(bound.readings_before).saturating_mul(hours::SLOTS);
        let mut kept_from = i64::MIN;
        // Whole hours: an hour that was summed up is never summed up anew from a part of it. And each by itself: what one transaction
        // removes is held in memory, and after a week's standstill everything is too old.
        loop {
            let removed = self.database.transact(|transaction| {
                let Some(oldest) = oldest_slot(transaction)? else {
                    return Ok(None);
                };
                let next_hour = (oldest.div_euclid(hours::SLOTS) + 1) * hours::SLOTS;
                if next_hour > too_old && bytes_in_use(transaction)? <= bound.bytes {
                    return Ok(None);
                }
                remove_before(transaction, next_hour)?;
                Ok(Some(next_hour))
            })?;
            match removed {
                Some(next_hour) => kept_from = next_hour,
                None => break,
            }
        }
        self.packing = self.packing.take().filter(|packing| packing.slot >= kept_from);
        self.unpacked
            .range(..kept_from)
            .for_each(|slot| self.chains.end(*slot));
        self.unpacked = self.unpacked.split_off(&kept_from);
        Ok(())
    }
}

impl HistoryWriter {
    /// How much of the file is free, in bytes.
    pub fn free_bytes(&self) -> u64 {
        self.database.free_bytes()
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
    for table in ["blocks", "times", "recent"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE slot < ?1"), params![slot])?;
    }
    Ok(())
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
