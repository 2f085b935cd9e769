//! How much of the past is kept: what is too old goes, and the oldest of what is too much.

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, params};

use super::hours::{self, HOUR_NANOSECONDS};
use super::reader::oldest_slot;
use super::{HistoryWriter, StoreError};
use crate::store::database::nanoseconds;

/// A row of an hour and a series takes about so many bytes, with its part of a day's; hours may have a quarter of the file.
pub(super) const HOUR_BYTES: u64 = 52;
pub(super) const HOURS_PART: u64 = 4;
/// So many hours are removed at once: the next call goes on.
const HOURS_AT_ONCE: usize = 1000;

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

/// What had to go for want of room, though it was not too old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// So many hours, …
    pub hours: u64,
    /// … each of them one row a series.
    pub hour_rows: u64,
}

impl HistoryWriter {
    /// Removes what is too old, and the oldest while there is too much; returns what went for want of room.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn prune(&mut self, bound: Bound) -> Result<Pruned, StoreError> {
        let pruned = self.prune_hours(bound)?;
        self.prune_readings(bound)?;
        Ok(pruned)
    }

    fn prune_hours(&mut self, bound: Bound) -> Result<Pruned, StoreError> {
        let most = i64::try_from(bound.bytes / HOURS_PART / HOUR_BYTES).unwrap_or(i64::MAX);
        let before = hour_of(bound.hours_before);
        let mut rows = self.database.run(hours::rows)?;
        let mut pruned = Pruned::default();
        for _ in 0..HOURS_AT_ONCE {
            let is_too_much = rows > most;
            let removed = self.database.transact(|transaction| {
                hours::remove_oldest(transaction, |hour, is_only| {
                    hour < before || is_too_much && !is_only
                })
            })?;
            let Some(removed) = removed else { break };
            rows -= removed.rows;
            if removed.hour >= before {
                pruned.hours += 1;
                pruned.hour_rows += u64::try_from(removed.rows).unwrap_or(0);
            }
        }
        Ok(pruned)
    }

    fn prune_readings(&mut self, bound: Bound) -> Result<(), StoreError> {
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
        for slot in self.turns.remove_before(kept_from) {
            self.chains.end(slot);
        }
        Ok(())
    }
}

fn hour_of(at: Timestamp) -> i64 {
    nanoseconds(at).div_euclid(HOUR_NANOSECONDS)
}

fn remove_before(transaction: &Transaction<'_>, slot: i64) -> rusqlite::Result<()> {
    for table in ["blocks", "times", "recent"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE slot < ?1"), params![slot])?;
    }
    Ok(())
}

fn bytes_in_use(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok(u64::try_from(pages.saturating_mul(pragma("page_size")?)).unwrap_or(0))
}
