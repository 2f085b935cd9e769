//! Packs a device's slot: what it said becomes one column a point, and what the slot had already is joined with it.

use std::collections::{HashMap, HashSet};

use model::Reading;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::chain::Chain;
use super::column::Deflater;
use super::group::entries;
use super::minutes::Minutes;
use super::varint::{Bytes, put_signed, put_unsigned};
use super::{SLOT_NANOSECONDS, column};

/// How much of a device's slot is packed.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// So many readings are held at once; a slot that has more of them is gone through several times, some of its series each time.
    pub(super) held_readings: usize,
    /// So many times a slot has at most; batches beyond are left out.
    pub(super) times: usize,
}

/// Some 25 MB at once, and as many batches as a device sends that speaks 1,667 times a second for the whole of the slot.
pub(super) const LIMITS: Limits = Limits {
    held_readings: 1 << 20,
    times: 1_000_000,
};

/// Some series of a device's slot in the making: its times, and for each series as many readings; `None` where the series was not read.
struct Columns<'passes> {
    times: Vec<i64>,
    /// The series of each column, by its place.
    series: Vec<u32>,
    places: HashMap<u32, usize>,
    /// All columns one after another, in one piece that the allocator keeps apart from its heap and gives back as a whole: a vector a
    /// column leaves the heap full of holes.
    cells: Vec<Option<Reading>>,
    /// So many cells a column has: as many as there can be times.
    count: usize,
    /// So many columns, …
    most: usize,
    /// … and none of those that were packed in earlier passes.
    done: &'passes HashSet<u32>,
    /// Whether there were series for another pass.
    more: bool,
    most_times: usize,
    left_out: u64,
}

impl Columns<'_> {
    /// The place of a series' column; none where it is not one of this pass.
    fn place(&mut self, series: u32) -> Option<usize> {
        if let Some(place) = self.places.get(&series) {
            return Some(*place);
        }
        if self.done.contains(&series) {
            return None;
        }
        if self.series.len() >= self.most {
            self.more = true;
            return None;
        }
        let place = self.series.len();
        self.series.push(series);
        self.cells.resize((place + 1) * self.count, None);
        self.places.insert(series, place);
        Some(place)
    }

    fn put(&mut self, place: usize, position: usize, reading: Option<Reading>) {
        if let Some(cell) = self.cells.get_mut(place * self.count + position) {
            *cell = reading;
        }
    }

    /// A series with its readings, as many as there are times.
    fn columns(&self) -> impl Iterator<Item = (u32, &[Option<Reading>])> {
        let columns = self.cells.chunks_exact(self.count.max(1));
        let of_times = columns.filter_map(|column| column.get(..self.times.len()));
        self.series.iter().copied().zip(of_times)
    }

    /// Adds the entries of the device's chains, after what is there.
    fn add(&mut self, bytes: &[u8], from: i64) {
        let mut chain = Chain::default();
        // By place in the chain: its series, and the column that was found for it last.
        let mut found: Vec<Option<(u32, Option<usize>)>> = Vec::new();
        for entry in entries(bytes, from) {
            let position = self.times.len();
            if position >= self.most_times {
                self.left_out += 1;
                continue;
            }
            self.times.push(entry.at);
            let read = chain.read(entry.said, |place, series, reading| {
                if found.len() <= place {
                    found.resize(place + 1, None);
                }
                let Some(found) = found.get_mut(place) else {
                    return;
                };
                let column = match *found {
                    Some((of, column)) if of == series => column,
                    _ => {
                        let column = self.place(series);
                        *found = Some((series, column));
                        column
                    }
                };
                if let Some(column) = column {
                    self.put(column, position, Some(reading.clone()));
                }
            });
            if read.is_none() {
                self.times.pop();
                (0..self.series.len()).for_each(|place| self.put(place, position, None));
            }
        }
    }

    /// Adds what the slot had been packed with before.
    fn add_packed(&mut self, transaction: &Transaction<'_>, device: i64, slot: i64) -> rusqlite::Result<()> {
        let count = self.times.len();
        let mut statement = transaction.prepare_cached(
            "SELECT b.series, b.body FROM devices AS d JOIN series AS s ON s.device = d.device
             JOIN blocks AS b ON b.slot = ?2 AND b.series = s.id WHERE d.id = ?1",
        )?;
        let mut rows = statement.query(params![device, slot])?;
        while let Some(row) = rows.next()? {
            let Some(place) = self.place(row.get(0)?) else {
                continue;
            };
            let column = column::unpack(row.get_ref(1)?.as_blob().unwrap_or_default(), count);
            for (position, reading) in column.unwrap_or_default().into_iter().enumerate() {
                self.put(place, position, reading);
            }
        }
        Ok(())
    }

    /// Brings late times to their place; where a time is there several times, the last that was said of each series stays.
    fn settle(&mut self) {
        if self.times.is_sorted_by(|one, next| one < next) {
            return;
        }
        let mut order: Vec<(i64, usize)> = self.times.iter().copied().zip(0..).collect();
        order.sort();
        let moments = || order.chunk_by(|(one, _), (next, _)| one == next);
        self.times = moments()
            .flat_map(|moment| moment.first())
            .map(|(at, _)| *at)
            .collect();
        for column in self.cells.chunks_exact_mut(self.count.max(1)) {
            let mut take = |position: usize| column.get_mut(position).and_then(Option::take);
            let mut last =
                |moment: &[(i64, usize)]| moment.iter().rev().find_map(|(_, position)| take(*position));
            let settled: Vec<_> = moments().map(&mut last).collect();
            for (cell, reading) in column.iter_mut().zip(settled) {
                *cell = reading;
            }
        }
    }
}

/// Packs a device's entries into a slot, with what it had been packed with before: batches that come late join it. Returns for how many
/// batches it had no room.
pub(super) fn pack_device(
    transaction: &Transaction<'_>,
    device: i64,
    slot: i64,
    bytes: &[u8],
    limits: Limits,
    deflater: &mut Deflater,
) -> rusqlite::Result<u64> {
    let from = slot.saturating_mul(SLOT_NANOSECONDS);
    let before = times_of(transaction, device, slot)?.unwrap_or_default();
    let count = before.len() + entries(bytes, from).count();
    let mut done = HashSet::new();
    loop {
        let mut columns = Columns {
            times: before.clone(),
            series: Vec::new(),
            places: HashMap::new(),
            cells: Vec::new(),
            count: count.min(limits.times.max(before.len())),
            most: (limits.held_readings / count.max(1)).max(1),
            done: &done,
            more: false,
            most_times: limits.times,
            left_out: 0,
        };
        if !before.is_empty() {
            columns.add_packed(transaction, device, slot)?;
        }
        columns.add(bytes, from);
        columns.settle();
        if done.is_empty() {
            write_times(transaction, device, slot, &columns.times)?;
        }
        for (series, readings) in columns.columns() {
            let minutes = Minutes::of(&columns.times, readings, from);
            write_block(transaction, slot, series, readings, &minutes, deflater)?;
        }
        if !columns.more {
            return Ok(columns.left_out);
        }
        let packed = columns.series;
        done.extend(packed);
    }
}

fn write_times(transaction: &Transaction<'_>, device: i64, slot: i64, times: &[i64]) -> rusqlite::Result<()> {
    let body = pack_times(times, slot.saturating_mul(SLOT_NANOSECONDS));
    transaction
        .prepare_cached("INSERT OR REPLACE INTO times (device, slot, body) VALUES (?1, ?2, ?3)")?
        .execute(params![device, slot, body])?;
    Ok(())
}

fn write_block(
    transaction: &Transaction<'_>,
    slot: i64,
    series: u32,
    readings: &[Option<Reading>],
    minutes: &Minutes,
    deflater: &mut Deflater,
) -> rusqlite::Result<()> {
    let summary = minutes.together();
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO blocks (slot, series, count, sum, low, high, quality, body, minutes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            slot,
            series,
            i64::try_from(summary.count).unwrap_or(i64::MAX),
            summary.sum,
            summary.low,
            summary.high,
            summary.quality,
            column::pack(readings, deflater),
            minutes.pack()
        ])?;
    Ok(())
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
fn pack_times(times: &[i64], from: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_unsigned(&mut bytes, times.len() as u64);
    let (mut before, mut step) = (from, 0);
    for at in times {
        put_signed(&mut bytes, (at - before) - step);
        step = at - before;
        before = *at;
    }
    bytes
}

/// And back; `None` if they are spoiled.
fn unpack_times(bytes: &[u8], from: i64) -> Option<Vec<i64>> {
    let mut bytes = Bytes(bytes);
    // Each has a byte at least, so that a spoiled count ends with the bytes.
    let count = bytes.unsigned()?;
    let (mut at, mut step) = (from, 0_i64);
    let most = usize::try_from(count).unwrap_or(usize::MAX).min(bytes.0.len());
    let mut times = Vec::with_capacity(most);
    for _ in 0..count {
        step = step.checked_add(bytes.signed()?)?;
        at = at.checked_add(step)?;
        times.push(at);
    }
    Some(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::group::{Entry, Group};
    use crate::store::history::{Grain, HistoryWriter, Piece, Trend};
    use crate::test_site::one_fire_main;
    use jiff::{SignedDuration, Timestamp};
    use model::{Batch, DeviceIndex, PointId, Sample, Value};
    use std::path::Path;

    fn begin() -> Timestamp {
        Timestamp::from_second(2_991_667 * 600).unwrap()
    }

    fn batch(milliseconds: i64, pressure: f64) -> Batch {
        let sample = |point, value| Sample {
            point: PointId(point),
            reading: Reading::Good(value),
        };
        Batch {
            device: DeviceIndex(0),
            at: begin() + SignedDuration::from_millis(milliseconds),
            order: 0,
            samples: vec![
                sample(0, Value::Number(pressure)),
                sample(1, Value::Bool(pressure > 0.5)),
            ],
        }
    }

    fn open(folder: &Path) -> HistoryWriter {
        HistoryWriter::open(folder, &one_fire_main(), true, begin())
            .unwrap()
            .0
    }

    /// What a point of the slot reads back as: milliseconds and what was said.
    fn said(writer: &HistoryWriter, point: &str) -> Vec<(i64, Value)> {
        let trend = Trend {
            from: begin(),
            to: begin() + SignedDuration::from_mins(10),
            grain: Grain::Readings,
        };
        let mut said = Vec::new();
        let take = |piece| {
            let Piece::Reading(recorded) = piece else {
                panic!("{piece:?}")
            };
            let at = recorded.at.duration_since(begin()).as_millis();
            said.push((
                i64::try_from(at).unwrap(),
                recorded.reading.good().unwrap().clone(),
            ));
            true
        };
        let reader = writer.reader().unwrap();
        reader.each("fire-main-1", point, trend, take).unwrap();
        said
    }

    fn pack(writer: &mut HistoryWriter, minutes: i64) {
        while writer.pack(begin() + SignedDuration::from_mins(minutes)).unwrap() {}
    }

    #[test]
    fn a_device_that_tells_again_all_that_it_had_stored_is_read_back_to_the_last_batch() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path());
        let batches: Vec<_> = (0..150_000)
            .map(|number| (number * 4, (number % 997) as f64 / 1000.0))
            .collect();
        for (at, pressure) in &batches {
            writer.put(&batch(*at, *pressure));
        }
        writer.commit().unwrap();
        pack(&mut writer, 20);
        let pressures = || {
            batches
                .iter()
                .map(|(at, pressure)| (*at, Value::Number(*pressure)))
        };
        let running = batches
            .iter()
            .map(|(at, pressure)| (*at, Value::Bool(*pressure > 0.5)));
        assert!(said(&writer, "main_pressure").into_iter().eq(pressures()));
        assert!(said(&writer, "pump_running").into_iter().eq(running));
        writer.put(&batch(599_999, 1.0));
        writer.commit().unwrap();
        pack(&mut writer, 21);
        let with_the_late_one = pressures().chain([(599_999, Value::Number(1.0))]);
        assert!(said(&writer, "main_pressure").into_iter().eq(with_the_late_one));
        assert_eq!(writer.left_out(), 0);
    }

    /// Packs what batches say within limits, beside what was packed; for how many there was no room.
    fn pack_within(writer: &mut HistoryWriter, batches: &[Batch], limits: Limits) -> u64 {
        let slot = begin().as_second() / 600;
        let mut group = Group::new(slot * SLOT_NANOSECONDS);
        writer.chains.end_all();
        for batch in batches {
            let mut said = Vec::new();
            writer.chains.put(&mut said, batch, slot);
            let at = i64::try_from(batch.at.as_nanosecond()).unwrap();
            group.put(Entry {
                device: 1,
                at,
                said: &said,
            });
        }
        writer
            .database
            .transact(|transaction| {
                pack_device(
                    transaction,
                    1,
                    slot,
                    &group.bytes,
                    limits,
                    &mut Deflater::default(),
                )
            })
            .unwrap()
    }

    #[test]
    fn a_slot_that_is_too_much_to_hold_is_packed_series_by_series() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path());
        let limits = Limits {
            held_readings: 4,
            times: 1000,
        };
        // Late ones and doubled ones among them: each pass must put them in the same places.
        let all: Vec<_> = [4, 2, 6, 2, 8].map(|at| batch(at, at as f64 / 10.0)).into();
        pack_within(&mut writer, &all[..3], limits);
        pack_within(&mut writer, &all[3..], limits);
        let at = |milliseconds: [i64; 4]| milliseconds.map(|at| (at, at as f64 / 10.0));
        let pressures = at([2, 4, 6, 8]).map(|(at, pressure)| (at, Value::Number(pressure)));
        let running = at([2, 4, 6, 8]).map(|(at, pressure)| (at, Value::Bool(pressure > 0.5)));
        assert_eq!(said(&writer, "main_pressure"), pressures);
        assert_eq!(said(&writer, "pump_running"), running);
    }

    #[test]
    fn batches_for_which_a_slot_has_no_room_are_counted_and_take_none_of_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = open(folder.path());
        let limits = Limits {
            held_readings: 100,
            times: 3,
        };
        let all: Vec<_> = (0..5).map(|at| batch(at, 0.5)).collect();
        assert_eq!(pack_within(&mut writer, &all, limits), 2);
        assert_eq!(pack_within(&mut writer, &all[3..], limits), 2);
        let times: Vec<i64> = said(&writer, "main_pressure")
            .into_iter()
            .map(|(at, _)| at)
            .collect();
        assert_eq!(times, [0, 1, 2]);
    }
}
