//! Packs the rows of a slot, device by device: they become one column a point, and what the slot had already is joined with them.

use std::collections::{BTreeMap, HashMap};

use model::Reading;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::chain::Chain;
use super::group::{Group, entries};
use super::recent::{self, sort_newest_last};
use super::summary::Summary;
use super::varint::{Bytes, put_signed, put_unsigned};
use super::{SLOT_NANOSECONDS, column};

/// So many bytes of a slot's entries are held at once at least, and packed at once at least …
const HELD_BYTES: usize = 1 << 20;
const STEP_BYTES: usize = 64 << 10;
/// … and at least such a part of them: a slot is packed in a few minutes however much it has.
const HELD_PART: usize = 32;
const STEP_PART: usize = 128;
/// The most times that a slot's column may have; what says more is spoiled.
const MOST_TIMES: u64 = 100_000;

/// A slot that is being packed, a few devices at a time. What is packed twice, because the gateway stopped in between, is there once.
pub(super) struct Packing {
    /// Which.
    pub(super) slot: i64,
    /// Rows that came after it was begun wait for the next time.
    up_to: i64,
    /// The devices up to this one are packed.
    after: i64,
    /// Entries that were read and are not packed yet, by device.
    held: BTreeMap<i64, Group>,
    /// Whether there are devices beyond those that are held.
    more: bool,
    /// How many bytes the slot's entries have.
    bytes: usize,
}

impl Packing {
    /// Begins with a slot; nothing is read yet.
    pub(super) fn new(slot: i64, up_to: i64) -> Self {
        Self {
            slot,
            up_to,
            after: i64::MIN,
            held: BTreeMap::new(),
            more: true,
            bytes: 0,
        }
    }

    /// Packs some more devices; whether it was the last of them.
    pub(super) fn step(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
        if self.held.is_empty() && self.more {
            self.read(transaction)?;
        }
        let at_once = STEP_BYTES.max(self.bytes / STEP_PART);
        let mut packed = 0;
        while packed < at_once
            && let Some((device, group)) = self.held.pop_first()
        {
            packed += group.bytes.len();
            self.after = device;
            pack_device(transaction, device, self.slot, &group.bytes)?;
        }
        Ok(self.held.is_empty() && !self.more)
    }

    /// Removes the rows that were packed; whether more came after them.
    pub(super) fn remove(&self, transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
        recent::remove(transaction, self.slot, self.up_to)
    }

    /// Reads the entries of as many devices as may be held, those with the lowest numbers.
    fn read(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let most = HELD_BYTES.max(self.bytes / HELD_PART);
        let (mut bytes, mut held_bytes, mut beyond) = (0, 0, i64::MAX);
        let (after, slot, held) = (self.after, self.slot, &mut self.held);
        recent::each(connection, slot, self.up_to, |entry| {
            bytes += entry.said.len();
            if entry.device <= after || entry.device >= beyond {
                return;
            }
            recent::set_aside(held, slot, entry);
            held_bytes += entry.said.len();
            while held_bytes > most
                && held.len() > 1
                && let Some((device, group)) = held.pop_last()
            {
                beyond = device;
                held_bytes = held_bytes.saturating_sub(group.bytes.len());
            }
        })?;
        self.bytes = bytes;
        self.more = beyond < i64::MAX;
        Ok(())
    }
}

/// A slot of a device in the making: its times, and for each series as many readings; `None` where the series was not read.
#[derive(Default)]
struct Columns {
    times: Vec<i64>,
    columns: Vec<(u32, Vec<Option<Reading>>)>,
    places: HashMap<u32, usize>,
}

impl Columns {
    /// The place of a series' column.
    fn place(&mut self, series: u32) -> usize {
        *self.places.entry(series).or_insert_with(|| {
            self.columns.push((series, Vec::new()));
            self.columns.len() - 1
        })
    }

    fn put(&mut self, place: usize, position: usize, reading: &Reading) {
        if let Some((_, column)) = self.columns.get_mut(place) {
            column.resize(position, None);
            column.push(Some(reading.clone()));
        }
    }

    /// Adds the entries of the device's chains, after what is there.
    fn add(&mut self, bytes: &[u8], from: i64) {
        let mut chain = Chain::default();
        // By place in the chain: the column of its series, as found last.
        let mut found: Vec<usize> = Vec::new();
        for entry in entries(bytes, from) {
            let position = self.times.len();
            self.times.push(entry.at);
            let read = chain.read(entry.said, |place, series, reading| {
                if found.len() <= place {
                    found.resize(place + 1, usize::MAX);
                }
                let Some(column) = found.get_mut(place) else {
                    return;
                };
                if self.columns.get(*column).is_none_or(|(of, _)| *of != series) {
                    *column = self.place(series);
                }
                let column = *column;
                self.put(column, position, reading);
            });
            if read.is_none() {
                self.times.pop();
                self.columns
                    .iter_mut()
                    .for_each(|(_, column)| column.truncate(position));
            }
        }
    }

    /// Brings late times to their place, of the same time twice the later one, and fills up the columns that ended early.
    fn settle(&mut self) {
        let count = self.times.len();
        self.columns
            .iter_mut()
            .for_each(|(_, column)| column.resize(count, None));
        if self.times.is_sorted_by(|one, next| one < next) {
            return;
        }
        let mut order: Vec<(i64, usize)> = self.times.iter().copied().zip(0..).collect();
        sort_newest_last(&mut order);
        self.times = order.iter().map(|(at, _)| *at).collect();
        for (_, column) in &mut self.columns {
            *column = order
                .iter()
                .map(|(_, position)| column.get_mut(*position).and_then(Option::take))
                .collect();
        }
    }
}

fn pack_device(
    transaction: &Transaction<'_>,
    device: i64,
    slot: i64,
    entries: &[u8],
) -> rusqlite::Result<()> {
    let from = slot.saturating_mul(SLOT_NANOSECONDS);
    let mut columns = packed_before(transaction, device, slot)?;
    columns.add(entries, from);
    columns.settle();
    transaction
        .prepare_cached("INSERT OR REPLACE INTO times (device, slot, body) VALUES (?1, ?2, ?3)")?
        .execute(params![
            device,
            slot,
            pack_times(columns.times.iter().copied(), from)
        ])?;
    columns
        .columns
        .iter()
        .try_for_each(|(series, readings)| write_block(transaction, slot, *series, readings))
}

fn write_block(
    transaction: &Transaction<'_>,
    slot: i64,
    series: u32,
    readings: &[Option<Reading>],
) -> rusqlite::Result<()> {
    let mut summary = Summary::default();
    readings.iter().flatten().for_each(|reading| summary.add(reading));
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO blocks (slot, series, count, sum, low, high, quality, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            slot,
            series,
            i64::try_from(summary.count).unwrap_or(i64::MAX),
            summary.sum,
            summary.low,
            summary.high,
            summary.quality,
            column::pack(readings)
        ])?;
    Ok(())
}

/// What the slot had been packed with before: batches that come late join it.
fn packed_before(transaction: &Transaction<'_>, device: i64, slot: i64) -> rusqlite::Result<Columns> {
    let Some(times) = times_of(transaction, device, slot)? else {
        return Ok(Columns::default());
    };
    let mut columns = Columns {
        times,
        ..Columns::default()
    };
    let mut statement = transaction.prepare_cached(
        "SELECT b.series, b.body FROM devices AS d JOIN series AS s ON s.device = d.device
         JOIN blocks AS b ON b.slot = ?2 AND b.series = s.id WHERE d.id = ?1",
    )?;
    let mut rows = statement.query(params![device, slot])?;
    while let Some(row) = rows.next()? {
        let place = columns.place(row.get(0)?);
        let column = column::unpack(row.get_ref(1)?.as_blob().unwrap_or_default());
        if let (Some((_, empty)), Some(column)) = (columns.columns.get_mut(place), column) {
            *empty = column;
        }
    }
    Ok(columns)
}

/// The times of a packed slot; none where it is not there or spoiled.
pub(super) fn times_of(
    connection: &Connection,
    device: i64,
    slot: i64,
) -> rusqlite::Result<Option<Vec<i64>>> {
    let from = slot.saturating_mul(SLOT_NANOSECONDS);
    let times = connection
        .prepare_cached("SELECT body FROM times WHERE device = ?1 AND slot = ?2")?
        .query_row(params![device, slot], |row| {
            Ok(unpack_times(row.get_ref(0)?.as_blob().unwrap_or_default(), from))
        })
        .optional()?;
    Ok(times.flatten())
}

/// Times as differences of differences: regular polls take hardly any room.
fn pack_times(times: impl ExactSizeIterator<Item = i64>, from: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_unsigned(&mut bytes, times.len() as u64);
    let (mut before, mut step) = (from, 0);
    for at in times {
        put_signed(&mut bytes, (at - before) - step);
        step = at - before;
        before = at;
    }
    bytes
}

/// And back; `None` if they are spoiled.
fn unpack_times(bytes: &[u8], from: i64) -> Option<Vec<i64>> {
    let mut bytes = Bytes(bytes);
    let count = bytes.unsigned().filter(|count| *count <= MOST_TIMES)?;
    let (mut at, mut step) = (from, 0_i64);
    let mut times = Vec::new();
    for _ in 0..count {
        step = step.checked_add(bytes.signed()?)?;
        at = at.checked_add(step)?;
        times.push(at);
    }
    Some(times)
}
