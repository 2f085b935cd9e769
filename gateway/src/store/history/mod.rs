//! `history.db`: every batch that was read, good or not, for trends with no server at all.
//!
//! The newest minutes are kept as each commit left them; what is older is packed by slots of ten minutes, a column a point; and hours
//! are summed up for years. `chain` is what a device says anew, `group` and `recent` are the rows of commits, `pack`, `device_slot` and
//! `column` what they become, one slot after another as `turns` says; `summary`, `minutes`, `hours` and `days` what stretches say without
//! being unpacked, `trend` one point's history; `bound` removes what is too old or too much.

mod bound;
mod chain;
mod column;
mod days;
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
mod turns;
mod varint;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::{Batch, Dense, DeviceIndex, Site};
use rusqlite::params;

use self::chain::ChainWriter;
use self::days::Due;
use self::group::{Entry, Group};
use self::pack::Packing;
use self::reader::oldest_slot;
use self::turns::Turns;
use super::StoreError;
use super::copies::{self, KEPT_FILES, SPOILED};
use super::database::{Database, Durability, is_spoiled, move_aside, nanoseconds, timestamp};

pub use bound::{Bound, Pruned};
pub use reader::{Again, Grain, HistoryReader, Piece, Recorded, Trend, Wanted};
pub use summary::Summary;

const STEPS: &[&str] = &[
    include_str!("../migrations/history_1.sql"),
    include_str!("../migrations/history_2.sql"),
    include_str!("../migrations/history_3.sql"),
    include_str!("../migrations/history_4.sql"),
];

/// The writer's own copy of pages, in KiB: it goes on where it ended, and a slot's rows are read back once.
const WRITER_CACHE_KIB: i64 = 512;
/// A slot's length: so long a stretch is packed together.
const SLOT_NANOSECONDS: i64 = 600 * 1_000_000_000;

/// The writer of `history.db`. On disk a series has a number of the file's own, so that a changed site keeps its history.
pub struct HistoryWriter {
    database: Database,
    durable: bool,
    path: PathBuf,
    /// The file was moved aside, and no new one could be made yet.
    is_lost: bool,
    devices: Dense<DeviceIndex, i64>,
    chains: ChainWriter,
    /// What was put since the last commit, by slot.
    open: BTreeMap<i64, OpenGroup>,
    entry: Vec<u8>,
    /// The number of the newest row.
    last_number: i64,
    /// The slots that have rows.
    turns: Turns,
    packing: Option<Packing>,
    days: Due,
    /// Batches for which the slots that were packed had no room.
    left_out: u64,
    /// When the slot began that was stepped over last.
    stepped_over: Option<Timestamp>,
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

    /// Moves the spoiled file aside, begins it anew, and returns where the old one is, if it was not moved before.
    ///
    /// # Errors
    /// No new file can be made.
    pub fn begin_anew(&mut self, site: &Site, now: Timestamp) -> Result<Option<PathBuf>, StoreError> {
        // What a try before has left of a new file is not moved aside: that would drive out the old one in the end.
        let aside = match !self.is_lost && self.path.exists() {
            true => Some(aside(&self.path, now)?),
            false => None,
        };
        self.is_lost = true;
        match Self::open_file(&self.path, site, self.durable) {
            Ok(new) => *self = new,
            Err(error) => {
                self.is_lost = !is_spoiled(&error);
                return Err(error);
            }
        }
        Ok(aside)
    }

    /// Whether the file was moved aside, and no new one could be made yet: what is written now would be lost.
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Removes spoiled files that were moved aside but for the newest two; returns which are gone.
    pub fn remove_old_copies(&self) -> Vec<PathBuf> {
        copies::remove_but(&self.path, SPOILED, KEPT_FILES)
    }

    /// Removes all spoiled files that were moved aside; returns which are gone.
    pub fn remove_copies(&self) -> Vec<PathBuf> {
        copies::remove_but(&self.path, SPOILED, 0)
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
        let (unpacked, last_number, days) = database.run(|connection| {
            let slots = recent::slots(connection)?;
            Ok((slots, recent::last_number(connection)?, Due::of(connection)?))
        })?;
        let mut turns = Turns::default();
        turns.add(unpacked);
        Ok(Self {
            database,
            durable,
            path: path.to_owned(),
            is_lost: false,
            devices,
            chains: ChainWriter::new(site, series),
            open: BTreeMap::new(),
            entry: Vec::new(),
            last_number,
            turns,
            packing: None,
            days,
            left_out: 0,
            stepped_over: None,
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
        self.turns.add(std::mem::take(&mut self.open).into_keys());
        Ok(())
    }

    /// Gives up what was put since the last commit.
    pub fn give_up(&mut self) {
        self.open.clear();
        self.chains.end_all();
    }

    /// When the slot of ten minutes began that the oldest batch was read in.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn oldest(&self) -> Result<Option<Timestamp>, StoreError> {
        let oldest = self.database.run(oldest_slot)?;
        Ok(oldest.map(|slot| timestamp(slot.saturating_mul(SLOT_NANOSECONDS))))
    }

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
