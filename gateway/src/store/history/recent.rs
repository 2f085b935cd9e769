//! The newest minutes: the rows that commits have left, slot by slot, until they are packed.

use std::collections::{BTreeMap, HashMap};

use model::Reading;
use rusqlite::{Connection, Transaction, params};

use super::SLOT_NANOSECONDS;
use super::chain::Chain;
use super::group::{Entry, entries};

/// The slots that have rows.
pub(super) fn slots(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    // One step of the index a slot, instead of one a row.
    let mut after = connection.prepare_cached("SELECT min(slot) FROM recent WHERE slot > ?1")?;
    let mut slots = Vec::new();
    let mut last = i64::MIN;
    while let Some(slot) = after.query_row(params![last], |row| row.get::<_, Option<i64>>(0))? {
        slots.push(slot);
        last = slot;
    }
    Ok(slots)
}

/// The number of the newest row of all.
pub(super) fn last_number(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT ifnull(max(number), 0) FROM recent", [], |row| row.get(0))
}

/// Adds a commit's row to a slot.
pub(super) fn add(
    transaction: &Transaction<'_>,
    slot: i64,
    number: i64,
    newest: i64,
    body: &[u8],
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT INTO recent (slot, number, newest, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![slot, number, newest, body])?;
    Ok(())
}

/// Removes the rows of a slot up to a number; whether more came after it.
pub(super) fn remove(transaction: &Transaction<'_>, slot: i64, up_to: i64) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("DELETE FROM recent WHERE slot = ?1 AND number <= ?2")?
        .execute(params![slot, up_to])?;
    transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM recent WHERE slot = ?1)")?
        .query_row(params![slot], |row| row.get(0))
}

/// Tells the entries of a slot's rows, up to a number, in the order in which they were committed.
pub(super) fn each(
    connection: &Connection,
    slot: i64,
    up_to: i64,
    mut tell: impl FnMut(Entry<'_>),
) -> rusqlite::Result<()> {
    let mut statement = connection
        .prepare_cached("SELECT body FROM recent WHERE slot = ?1 AND number <= ?2 ORDER BY number")?;
    let mut rows = statement.query(params![slot, up_to])?;
    while let Some(row) = rows.next()? {
        let body = row.get_ref(0)?.as_blob().unwrap_or_default();
        entries(body, slot.saturating_mul(SLOT_NANOSECONDS)).for_each(&mut tell);
    }
    Ok(())
}

/// What a device's chain said: by time, its series with their readings.
pub(super) type Said = BTreeMap<i64, Vec<(u32, Reading)>>;

/// Adds what was said of a time: of the same time twice, the last that was said of each series stays.
pub(super) fn join(said: &mut Said, at: i64, readings: Vec<(u32, Reading)>) {
    let of_time = said.entry(at).or_default();
    if !of_time.is_empty() {
        of_time.retain(|(series, _)| readings.iter().all(|(newer, _)| newer != series));
    }
    of_time.extend(readings);
}

/// What the rows of a slot say of some devices: of each the series for which `wanted` says yes.
pub(super) fn of_devices(
    connection: &Connection,
    slot: i64,
    is_wanted: impl Fn(i64, u32) -> bool,
    devices: impl IntoIterator<Item = i64>,
) -> rusqlite::Result<HashMap<i64, Said>> {
    let mut chains: HashMap<i64, (Chain, Said)> = devices
        .into_iter()
        .map(|device| (device, Default::default()))
        .collect();
    each(connection, slot, i64::MAX, |entry| {
        let Some((chain, said)) = chains.get_mut(&entry.device) else {
            return;
        };
        let mut readings = Vec::new();
        chain.read(entry.said, |_, series, reading| {
            if is_wanted(entry.device, series) {
                readings.push((series, reading.clone()));
            }
        });
        if !readings.is_empty() {
            join(said, entry.at, readings);
        }
    })?;
    Ok(chains
        .into_iter()
        .map(|(device, (_, said))| (device, said))
        .collect())
}

/// What the rows of a slot say of one series of a device, in the order of times.
pub(super) fn of_series(
    connection: &Connection,
    slot: i64,
    device: i64,
    series: u32,
) -> rusqlite::Result<Vec<(i64, Reading)>> {
    let mut chain = Chain::default();
    let mut said = Vec::new();
    each(connection, slot, i64::MAX, |entry| {
        if entry.device == device {
            chain.read(entry.said, |_, of, reading| {
                if of == series {
                    said.push((entry.at, reading.clone()));
                }
            });
        }
    })?;
    sort_newest_last(&mut said);
    Ok(said)
}

/// Brings late times to their place; of the same time twice the later one stays.
pub(super) fn sort_newest_last<T>(said: &mut Vec<(i64, T)>) {
    if said.is_sorted_by(|one, next| one.0 < next.0) {
        return;
    }
    // Turned around, the later one comes first, and is what stays.
    said.reverse();
    said.sort_by_key(|(at, _)| *at);
    said.dedup_by_key(|(at, _)| *at);
}
