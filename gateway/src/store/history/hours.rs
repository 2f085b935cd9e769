//! What each hour says of a series, kept when the readings themselves are long gone.

use rusqlite::{Connection, Transaction, params};

use super::SLOT_NANOSECONDS;
use super::summary::Summary;

/// Slots of an hour.
pub(super) const SLOTS: i64 = 6;
/// An hour's length.
pub(super) const HOUR_NANOSECONDS: i64 = SLOTS * SLOT_NANOSECONDS;

/// Sums up the hour that a slot belongs to, as far as it is packed. An hour only ever gains readings: one whose readings are gone is
/// not replaced by what comes late.
pub(super) fn sum_up(transaction: &Transaction<'_>, slot: i64) -> rusqlite::Result<()> {
    let hour = slot.div_euclid(SLOTS);
    transaction
        .prepare_cached(
            "INSERT INTO hours (hour, series, count, sum, low, high, quality)
             SELECT ?1, series, sum(count), sum(sum), min(low), max(high), min(quality)
             FROM blocks WHERE slot >= ?2 AND slot < ?3 GROUP BY series
             ON CONFLICT (hour, series) DO UPDATE SET count = excluded.count, sum = excluded.sum,
             low = excluded.low, high = excluded.high, quality = excluded.quality
             WHERE excluded.count >= hours.count",
        )?
        .execute(params![hour, hour * SLOTS, (hour + 1) * SLOTS])?;
    Ok(())
}

/// Tells what a series' hours say, from one and before another; whether all of it was wanted.
pub(super) fn each(
    connection: &Connection,
    series: u32,
    from: i64,
    to: i64,
    mut tell: impl FnMut(i64, Summary) -> bool,
) -> rusqlite::Result<bool> {
    // By itself the index would be read whole: it has the hours of all series.
    let mut statement = connection
        .prepare_cached("SELECT count, sum, low, high, quality FROM hours WHERE hour = ?1 AND series = ?2")?;
    for hour in from.max(oldest(connection)?.unwrap_or(to))..to {
        let mut rows = statement.query(params![hour, series])?;
        if let Some(row) = rows.next()?
            && !tell(hour, Summary::of_row(row, 0)?)
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The oldest hour that is kept.
pub(super) fn oldest(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.query_row("SELECT min(hour) FROM hours", [], |row| row.get(0))
}

/// Removes hours before one, and the oldest while there are more rows than `most`.
pub(super) fn prune(transaction: &Transaction<'_>, before: i64, most: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM hours WHERE hour < ?1", params![before])?;
    let newest: Option<i64> = transaction.query_row("SELECT max(hour) FROM hours", [], |row| row.get(0))?;
    while let (Some(oldest), Some(newest)) = (oldest(transaction)?, newest) {
        // Counting them all would read them all; a site has about as many series every hour.
        let of_newest: i64 = transaction.query_row(
            "SELECT count(*) FROM hours WHERE hour = ?1",
            params![newest],
            |row| row.get(0),
        )?;
        if oldest >= newest || (newest - oldest + 1).saturating_mul(of_newest) <= most {
            break;
        }
        transaction.execute("DELETE FROM hours WHERE hour = ?1", params![oldest])?;
    }
    Ok(())
}
