//! Packs a slot of one device: its rows become one column a point, and what a slot had already is joined with them.

use std::collections::BTreeMap;

use model::Reading;
use rusqlite::{OptionalExtension, Transaction, params};

use super::summary::Summary;
use super::varint::{Bytes, put_signed, put_unsigned};
use super::{SLOT_NANOSECONDS, column, row};

/// A slot in the making: its times, and for each series as many readings; `None` where the series was not read.
#[derive(Default)]
struct Slot {
    times: Vec<i64>,
    columns: BTreeMap<u32, Vec<Option<Reading>>>,
}

impl Slot {
    /// Adds what was read at a time, after what is there.
    fn add(&mut self, at: i64, samples: impl Iterator<Item = (u32, Reading)>) {
        let position = self.times.len();
        self.times.push(at);
        for (series, reading) in samples {
            let column = self.columns.entry(series).or_default();
            column.resize(position, None);
            column.push(Some(reading));
        }
    }

    /// Brings late times to their place, and fills up the columns that ended early.
    fn settle(&mut self) {
        let count = self.times.len();
        self.columns
            .values_mut()
            .for_each(|column| column.resize(count, None));
        if self.times.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|position| self.times.get(*position).copied());
        self.times.sort_unstable();
        for column in self.columns.values_mut() {
            *column = order
                .iter()
                .map(|position| column.get_mut(*position).and_then(Option::take))
                .collect();
        }
    }
}

/// Packs the rows of a device's slot.
pub(super) fn pack_slot(transaction: &Transaction<'_>, device: i64, number: i64) -> rusqlite::Result<()> {
    let from = number.saturating_mul(SLOT_NANOSECONDS);
    let to = number.saturating_add(1).saturating_mul(SLOT_NANOSECONDS);
    let mut slot = packed_before(transaction, device, number)?;
    {
        let mut statement = transaction.prepare_cached(
            "SELECT at, body FROM batches WHERE device = ?1 AND at >= ?2 AND at < ?3 ORDER BY at",
        )?;
        let mut rows = statement.query(params![device, from, to])?;
        while let Some(read) = rows.next()? {
            slot.add(
                read.get(0)?,
                row::samples(read.get_ref(1)?.as_blob().unwrap_or_default()),
            );
        }
    }
    slot.settle();
    transaction
        .prepare_cached("INSERT OR REPLACE INTO times (device, slot, body) VALUES (?1, ?2, ?3)")?
        .execute(params![
            device,
            number,
            pack_times(slot.times.iter().copied(), from)
        ])?;
    for (series, readings) in &slot.columns {
        write_block(transaction, number, *series, readings)?;
    }
    transaction
        .prepare_cached("DELETE FROM batches WHERE device = ?1 AND at >= ?2 AND at < ?3")?
        .execute(params![device, from, to])?;
    Ok(())
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
fn packed_before(transaction: &Transaction<'_>, device: i64, number: i64) -> rusqlite::Result<Slot> {
    let body: Option<Vec<u8>> = transaction
        .prepare_cached("SELECT body FROM times WHERE device = ?1 AND slot = ?2")?
        .query_row(params![device, number], |row| row.get(0))
        .optional()?;
    let times = body.and_then(|body| unpack_times(&body, number.saturating_mul(SLOT_NANOSECONDS)));
    let Some(times) = times else {
        return Ok(Slot::default());
    };
    let mut statement = transaction.prepare_cached(
        "SELECT b.series, b.body FROM devices AS d JOIN series AS s ON s.device = d.device
         JOIN blocks AS b ON b.slot = ?2 AND b.series = s.id WHERE d.id = ?1",
    )?;
    let columns = statement
        .query_map(params![device, number], |read| {
            let column = column::unpack(read.get_ref(1)?.as_blob().unwrap_or_default());
            Ok((read.get(0)?, column.unwrap_or_default()))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Slot { times, columns })
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
pub(super) fn unpack_times(bytes: &[u8], from: i64) -> Option<Vec<i64>> {
    let mut bytes = Bytes(bytes);
    let count = bytes.unsigned()?;
    let (mut at, mut step) = (from, 0_i64);
    let mut times = Vec::new();
    for _ in 0..count {
        step = step.checked_add(bytes.signed()?)?;
        at = at.checked_add(step)?;
        times.push(at);
    }
    Some(times)
}
