//! What each day says of a series, summed up from its hours once it is over: years by days are read from a row a day.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::hours::{self, HOUR_NANOSECONDS};
use super::summary::Summary;

/// Hours of a day; days are counted from 1970.
pub(super) const HOURS: i64 = 24;
/// A day's length.
pub(super) const DAY_NANOSECONDS: i64 = HOURS * HOUR_NANOSECONDS;
/// So many series are summed up at once: a hundred thousand rows, a tenth of a second in which nothing else is stored.
const SERIES_AT_ONCE: i64 = 4096;

/// The days that are to be summed up, now or once they are over.
pub(super) struct Due {
    days: BTreeSet<i64>,
    /// The one that is being summed up, and from which series on.
    begun: Option<(i64, i64)>,
}

impl Due {
    /// What a file has not summed up yet.
    pub(super) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let mut days = BTreeSet::new();
        hours::each_hour(connection, i64::MIN, i64::MAX, |hour| {
            days.insert(hour.div_euclid(HOURS));
            Ok(true)
        })?;
        let mut whole = connection.prepare("SELECT day FROM whole_days")?;
        let mut rows = whole.query([])?;
        while let Some(row) = rows.next()? {
            days.remove(&row.get(0)?);
        }
        Ok(Self { days, begun: None })
    }

    /// An hour has changed: its day is summed up, from its first series on.
    pub(super) fn add(&mut self, hour: i64) {
        let day = hour.div_euclid(HOURS);
        self.days.insert(day);
        self.begun = self.begun.filter(|(begun, _)| *begun != day);
    }

    /// The oldest day before one, or the one that was begun, and from which series on.
    pub(super) fn next(&self, before: i64) -> Option<(i64, i64)> {
        let oldest = self.days.first().filter(|day| **day < before);
        self.begun.or_else(|| Some((*oldest?, 0)))
    }

    /// A day was summed up to before a series, or to its end.
    pub(super) fn came_to(&mut self, day: i64, next_series: Option<i64>) {
        self.begun = next_series.map(|series| (day, series));
        if next_series.is_none() {
            self.days.remove(&day);
        }
    }
}

/// Sums up some series of a day, from one on; returns with which one it goes on.
pub(super) fn sum_up_some(
    transaction: &Transaction<'_>,
    day: i64,
    from: i64,
) -> rusqlite::Result<Option<i64>> {
    let next = from.saturating_add(SERIES_AT_ONCE);
    sum_up(transaction, day, from, next)?;
    let newest: Option<i64> = transaction.query_row("SELECT max(id) FROM series", [], |row| row.get(0))?;
    if newest >= Some(next) {
        return Ok(Some(next));
    }
    transaction.execute(
        "INSERT OR REPLACE INTO whole_days (day) VALUES (?1)",
        params![day],
    )?;
    Ok(None)
}

/// Sums up a day's hours, of series from one to before another. A day only ever gains readings: one whose hours are gone in part is not
/// replaced by the others.
fn sum_up(transaction: &Transaction<'_>, day: i64, from: i64, to: i64) -> rusqlite::Result<()> {
    // Hour by hour: by itself SQLite would read all series of the day for some of them.
    transaction
        .prepare_cached(
            "INSERT INTO days (day, series, count, sum, low, high, quality)
             SELECT ?1, h.series, sum(h.count), ifnull(sum(h.sum), 9e999), min(h.low), max(h.high), min(h.quality)
             FROM hour_rows AS r CROSS JOIN hours AS h ON h.hour = r.hour AND h.series >= ?4 AND h.series < ?5
             WHERE r.hour >= ?2 AND r.hour < ?3 GROUP BY h.series
             ON CONFLICT (day, series) DO UPDATE SET count = excluded.count, sum = excluded.sum,
             low = excluded.low, high = excluded.high, quality = excluded.quality
             WHERE excluded.count >= days.count",
        )?
        .execute(params![day, day * HOURS, (day + 1) * HOURS, from, to])?;
    Ok(())
}

/// An hour of a day has changed: the day does not say all of it any more.
pub(super) fn unsettle(transaction: &Transaction<'_>, hour: i64) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM whole_days WHERE day = ?1")?
        .execute(params![hour.div_euclid(HOURS)])?;
    Ok(())
}

/// What a whole day says of a series; the outer `None` where the day was not summed up, the inner where the series said nothing.
pub(super) fn said(
    connection: &Connection,
    day: i64,
    series: u32,
) -> rusqlite::Result<Option<Option<Summary>>> {
    let mut is_whole = connection.prepare_cached("SELECT 1 FROM whole_days WHERE day = ?1")?;
    if !is_whole.exists(params![day])? {
        return Ok(None);
    }
    connection
        .prepare_cached("SELECT count, sum, low, high, quality FROM days WHERE day = ?1 AND series = ?2")?
        .query_row(params![day, series], |row| Summary::of_row(row, 0))
        .optional()
        .map(Some)
}

/// Removes a day.
pub(super) fn remove(transaction: &Transaction<'_>, day: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM days WHERE day = ?1", params![day])?;
    transaction.execute("DELETE FROM whole_days WHERE day = ?1", params![day])?;
    Ok(())
}
