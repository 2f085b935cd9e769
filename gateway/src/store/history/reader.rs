//! Reads what was recorded: a point's trend, or devices' batches again as they came.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use jiff::Timestamp;
use model::Reading;
use rusqlite::{Connection, OptionalExtension, params};

use super::device_slot::times_of;
use super::recent;
use super::summary::Summary;
use super::trend::PointHistory;
use super::{SLOT_NANOSECONDS, column};
use crate::store::StoreError;
use crate::store::database::{Database, nanoseconds, timestamp};

/// A reader of `history.db`, beside its writer.
pub struct HistoryReader {
    pub(super) database: Database,
}

/// One recorded reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// When it was read.
    pub at: Timestamp,
    /// What it said.
    pub reading: Reading,
}

/// A piece of a point's history.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// One reading.
    Reading(Recorded),
    /// What a stretch that began then says together: a slot of ten minutes, an hour, or an interval as far as a slot has it.
    Stretch(Timestamp, Summary),
}

/// How coarse the pieces of a history may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// Every reading.
    Readings,
    /// What lies within one of the intervals of this length, in nanoseconds, that are counted from 1970, may be told by summaries:
    /// slots of ten minutes and hours by those that are kept, parts of slots by those of their readings.
    Within(i64),
}

impl Grain {
    /// Whether a stretch may be told by its summary.
    pub(super) fn takes(self, begins: i64, length: i64) -> bool {
        match self {
            Self::Readings => false,
            Self::Within(every) => {
                let every = every.max(1);
                begins.div_euclid(every) == begins.saturating_add(length - 1).div_euclid(every)
            }
        }
    }
}

/// What of a point's history is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Trend {
    /// From this moment on …
    pub from: Timestamp,
    /// … up to and without this one.
    pub to: Timestamp,
    /// How coarse it may be.
    pub grain: Grain,
}

/// A device of which batches are read again.
#[derive(Clone, Debug)]
pub struct Wanted<'site> {
    /// Its id.
    pub device: &'site str,
    /// The names of the points that are wanted.
    pub points: Vec<&'site str>,
}

/// What a device said at a time: points, by their place among those that were wanted.
pub type Again = Vec<(usize, Reading)>;

impl HistoryReader {
    /// Opens the history of a file.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            database: Database::open_reader(path)?,
        })
    }

    /// Calls `take` for each piece of a point's history, oldest first, until it says no.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn each(
        &self,
        device: &str,
        point: &str,
        trend: Trend,
        take: impl FnMut(Piece) -> bool,
    ) -> Result<(), StoreError> {
        let look = || {
            self.database.run(|connection| {
                let (from, to) = (nanoseconds(trend.from), nanoseconds(trend.to));
                match ids(connection, device, point)? {
                    Some((device, series)) if from < to => PointHistory {
                        connection,
                        device,
                        series,
                        from,
                        to,
                    }
                    .each(trend.grain, take),
                    _ => Ok(()),
                }
            })
        };
        match trend.grain {
            // Whoever takes every reading of a year takes them at leisure: the writer's log would grow all the while.
            Grain::Readings => look(),
            Grain::Within(_) => self.database.at_one_moment(look),
        }
    }

    /// Tells again what devices said from a moment on and before another: the place of the device, when, and what. Each device's
    /// batches come in the order of their times; those of several are mixed by slots of ten minutes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn again(
        &self,
        wanted: &[Wanted<'_>],
        from: Timestamp,
        to: Timestamp,
        mut take: impl FnMut(usize, Timestamp, Again),
    ) -> Result<(), StoreError> {
        let (from, to) = (nanoseconds(from), nanoseconds(to));
        self.database.run(|connection| {
            let known = known(connection, wanted)?;
            let ids: HashMap<i64, &Known> = known.iter().map(|known| (known.id, known)).collect();
            let recent_slots: BTreeSet<i64> = recent::slots(connection)?.into_iter().collect();
            let (first, last) = slots_of(from, to);
            for slot in slots_between(connection, first, last, &recent_slots)? {
                let mut newest = HashMap::new();
                if recent_slots.contains(&slot) {
                    let is_wanted = |device: i64, series: u32| {
                        ids.get(&device)
                            .is_some_and(|known| known.series.contains_key(&series))
                    };
                    newest = recent::of_devices(connection, slot, is_wanted, ids.keys().copied())?;
                }
                for known in &known {
                    let mut said = packed_of_device(connection, slot, known)?;
                    for (at, readings) in newest.remove(&known.id).unwrap_or_default() {
                        recent::join(&mut said, at, readings);
                    }
                    for (at, readings) in said.range(from.min(to)..to) {
                        let place = |(series, reading): &(u32, Reading)| {
                            Some((*known.series.get(series)?, reading.clone()))
                        };
                        take(
                            known.place,
                            timestamp(*at),
                            readings.iter().filter_map(place).collect(),
                        );
                    }
                }
            }
            Ok(())
        })
    }
}

/// The oldest slot that has readings.
pub(super) fn oldest_slot(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let least = |table: &str| {
        connection.query_row(&format!("SELECT min(slot) FROM {table}"), [], |row| {
            row.get::<_, Option<i64>>(0)
        })
    };
    let both = [least("blocks")?, least("recent")?];
    Ok(both.into_iter().flatten().min())
}

/// The first and the last slot of a stretch.
pub(super) fn slots_of(from: i64, to: i64) -> (i64, i64) {
    (
        from.div_euclid(SLOT_NANOSECONDS),
        to.saturating_sub(1).div_euclid(SLOT_NANOSECONDS),
    )
}

/// The slots from one to another that have anything, in order.
fn slots_between(
    connection: &Connection,
    first: i64,
    last: i64,
    recent: &BTreeSet<i64>,
) -> rusqlite::Result<BTreeSet<i64>> {
    if first > last {
        return Ok(BTreeSet::new());
    }
    let mut slots: BTreeSet<i64> = recent.range(first..=last).copied().collect();
    let mut next = connection.prepare_cached("SELECT min(slot) FROM blocks WHERE slot >= ?1")?;
    let mut from = first;
    while let Some(slot) = next.query_row(params![from], |row| row.get::<_, Option<i64>>(0))?
        && slot <= last
    {
        slots.insert(slot);
        from = slot + 1;
    }
    Ok(slots)
}

/// The file's own numbers for a device and a point of it.
fn ids(connection: &Connection, device: &str, point: &str) -> rusqlite::Result<Option<(i64, u32)>> {
    connection
        .prepare_cached(
            "SELECT d.id, s.id FROM devices AS d JOIN series AS s ON s.device = d.device
             WHERE d.device = ?1 AND s.point = ?2",
        )?
        .query_row(params![device, point], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// A wanted device with the file's own numbers.
struct Known {
    /// Its place among those that are wanted.
    place: usize,
    id: i64,
    /// By the file's number of the series: the place of the point.
    series: HashMap<u32, usize>,
}

fn known(connection: &Connection, wanted: &[Wanted<'_>]) -> rusqlite::Result<Vec<Known>> {
    let mut all = Vec::new();
    for (place, wanted) in wanted.iter().enumerate() {
        let mut known: Option<Known> = None;
        for (point, name) in wanted.points.iter().enumerate() {
            if let Some((id, series)) = ids(connection, wanted.device, name)? {
                let known = known.get_or_insert_with(|| Known {
                    place,
                    id,
                    series: HashMap::new(),
                });
                known.series.insert(series, point);
            }
        }
        all.extend(known);
    }
    Ok(all)
}

/// What a packed slot says of a device's wanted series, by time.
fn packed_of_device(connection: &Connection, slot: i64, known: &Known) -> rusqlite::Result<recent::Said> {
    let mut said = BTreeMap::new();
    let Some(times) = times_of(connection, known.id, slot)? else {
        return Ok(said);
    };
    for series in known.series.keys() {
        for (at, reading) in times
            .iter()
            .zip(column_of(connection, slot, *series, times.len(), usize::MAX)?)
        {
            if let Some(reading) = reading {
                let readings: &mut Vec<(u32, Reading)> = said.entry(*at).or_default();
                readings.push((*series, reading));
            }
        }
    }
    Ok(said)
}

/// A series' readings in a packed slot that has so many times, the first `most` of them; none where it is not there or spoiled.
pub(super) fn column_of(
    connection: &Connection,
    slot: i64,
    series: u32,
    times: usize,
    most: usize,
) -> rusqlite::Result<Vec<Option<Reading>>> {
    let column = connection
        .prepare_cached("SELECT body FROM blocks WHERE slot = ?1 AND series = ?2")?
        .query_row(params![slot, series], |row| {
            let body = row.get_ref(0)?.as_blob().unwrap_or_default();
            Ok(column::unpack_first(body, times, most))
        })
        .optional()?;
    Ok(column.flatten().unwrap_or_default())
}
