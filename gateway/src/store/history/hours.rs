//! What each hour says of a series, kept when the readings themselves are long gone.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::summary::Summary;
use super::{SLOT_NANOSECONDS, days};

/// Slots of an hour.
pub(super) const SLOTS: i64 = 6;
/// An hour's length.
pub(super) const HOUR_NANOSECONDS: i64 = SLOTS * SLOT_NANOSECONDS;

/// Sums up the hour that a slot belongs to, as far as it is packed. An hour only ever gains readings: one whose readings are gone is
/// not replaced by what comes late.
pub(super) fn sum_up(transaction: &Transaction<'_>, slot: i64) -> rusqlite::Result<()> {
    let hour = slot.div_euclid(SLOTS);
    // Sums that no number can hold add up to none at all, which SQLite would not put here.
    transaction
        .prepare_cached(
            "INSERT INTO hours (hour, series, count, sum, low, high, quality)
             SELECT ?1, series, sum(count), ifnull(sum(sum), 9e999), min(low), max(high), min(quality)
             FROM blocks WHERE slot >= ?2 AND slot < ?3 GROUP BY series
             ON CONFLICT (hour, series) DO UPDATE SET count = excluded.count, sum = excluded.sum,
             low = excluded.low, high = excluded.high, quality = excluded.quality
             WHERE excluded.count >= hours.count",
        )?
        .execute(params![hour, hour * SLOTS, (hour + 1) * SLOTS])?;
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO hour_rows (hour, count) SELECT ?1, count(*) FROM hours WHERE hour = ?1",
        )?
        .execute(params![hour])?;
    days::unsettle(transaction, hour)
}

/// One hour of a series: by itself SQLite would read an index of all series' hours whole.
pub(super) const ONE: &str =
    "SELECT count, sum, low, high, quality FROM hours WHERE hour = ?1 AND series = ?2";

/// A stretch of hours that is told together: its first, how many, and what it says.
pub(super) type Told = (i64, i64, Summary);

/// Tells what a series' hours of a stretch say, and whole days together where `takes_day` says so of their first hour;
/// whether all of it was wanted.
pub(super) fn each(
    connection: &Connection,
    series: u32,
    stretch: Range<i64>,
    takes_day: impl Fn(i64) -> bool,
    mut tell: impl FnMut(Told) -> bool,
) -> rusqlite::Result<bool> {
    let mut one = connection.prepare_cached(ONE)?;
    let mut told_until = i64::MIN;
    // Only hours that there are: a stretch may reach to the end of time.
    each_hour(connection, stretch.start, stretch.end, |hour| {
        if hour < told_until {
            return Ok(true);
        }
        let day = hour.div_euclid(days::HOURS);
        let begins = day * days::HOURS;
        if stretch.start <= begins
            && begins + days::HOURS <= stretch.end
            && takes_day(begins)
            && let Some(said) = days::said(connection, day, series)?
        {
            told_until = begins + days::HOURS;
            return Ok(said.is_none_or(|summary| tell((begins, days::HOURS, summary))));
        }
        let summary = one
            .query_row(params![hour, series], |row| Summary::of_row(row, 0))
            .optional()?;
        Ok(summary.is_none_or(|summary| tell((hour, 1, summary))))
    })
}

/// Takes each hour that there is from one and before another, oldest first, until no more is wanted; whether all were.
pub(super) fn each_hour(
    connection: &Connection,
    from: i64,
    to: i64,
    mut take: impl FnMut(i64) -> rusqlite::Result<bool>,
) -> rusqlite::Result<bool> {
    let mut there = connection
        .prepare_cached("SELECT hour FROM hour_rows WHERE hour >= ?1 AND hour < ?2 ORDER BY hour")?;
    let mut rows = there.query(params![from, to])?;
    while let Some(row) = rows.next()? {
        if !take(row.get(0)?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How many rows all hours have.
pub(super) fn rows(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT ifnull(sum(count), 0) FROM hour_rows", [], |row| {
        row.get(0)
    })
}

/// An hour that was removed.
pub(super) struct Removed {
    pub(super) hour: i64,
    pub(super) rows: i64,
}

/// Removes the oldest hour if `is_unwanted` says so, which is told whether it is the only one
pub(super) fn remove_oldest(
    transaction: &Transaction<'_>,
    is_unwanted: impl Fn(i64, bool) -> bool,
) -> rusqlite::Result<Option<Removed>> {
    let mut oldest = transaction.prepare_cached("SELECT hour, count FROM hour_rows ORDER BY hour LIMIT 2")?;
    let oldest: Vec<(i64, i64)> = oldest
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let [(hour, rows), rest @ ..] = oldest.as_slice() else {
        return Ok(None);
    };
    if !is_unwanted(*hour, rest.is_empty()) {
        return Ok(None);
    }
    transaction.execute("DELETE FROM hours WHERE hour = ?1", params![hour])?;
    transaction.execute("DELETE FROM hour_rows WHERE hour = ?1", params![hour])?;
    let day = hour.div_euclid(days::HOURS);
    if rest.iter().all(|(next, _)| next.div_euclid(days::HOURS) != day) {
        days::remove(transaction, day)?;
    }
    Ok(Some(Removed {
        hour: *hour,
        rows: *rows,
    }))
}
