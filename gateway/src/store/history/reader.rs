//! Reads a point's history: what is packed and what is not, in one order of time.

use std::path::Path;

use jiff::Timestamp;
use model::Reading;
use rusqlite::{Connection, OptionalExtension, Row, Rows, params};

use super::pack::unpack_times;
use super::summary::Summary;
use super::{SLOT_NANOSECONDS, column, row};
use crate::store::StoreError;
use crate::store::database::{Database, nanoseconds, timestamp};

/// A reader of `history.db`, beside its writer.
pub struct HistoryReader {
    database: Database,
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
    /// What a whole slot of ten minutes that began then says together.
    Slot(Timestamp, Summary),
}

/// What of a point's history is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Trend {
    /// From this moment on …
    pub from: Timestamp,
    /// … up to and without this one.
    pub to: Timestamp,
    /// Whether whole slots may be told by their summaries.
    pub coarse: bool,
}

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
        self.database
            .run(|connection| match ids(connection, device, point)? {
                Some((device, series)) => each(connection, device, series, trend, take),
                None => Ok(()),
            })
    }

    /// When the newest batch was read, or its slot of ten minutes began.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn newest(&self) -> Result<Option<Timestamp>, StoreError> {
        let newest: Option<i64> = self.database.run(|connection| {
            let read: Option<i64> =
                connection.query_row("SELECT max(at) FROM batches", [], |row| row.get(0))?;
            match read {
                Some(at) => Ok(Some(at)),
                None => connection.query_row(
                    "SELECT max(slot) * ?1 FROM blocks",
                    params![SLOT_NANOSECONDS],
                    |row| row.get(0),
                ),
            }
        })?;
        Ok(newest.map(timestamp))
    }

    /// When the oldest batch was read, or its slot of ten minutes began.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn oldest(&self) -> Result<Option<Timestamp>, StoreError> {
        let oldest: Option<i64> = self.database.run(|connection| {
            let packed: Option<i64> =
                connection.query_row("SELECT min(slot) FROM blocks", [], |row| row.get(0))?;
            match packed {
                Some(slot) => Ok(Some(slot.saturating_mul(SLOT_NANOSECONDS))),
                None => connection.query_row("SELECT min(at) FROM batches", [], |row| row.get(0)),
            }
        })?;
        Ok(oldest.map(timestamp))
    }
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

fn each(
    connection: &Connection,
    device: i64,
    series: u32,
    trend: Trend,
    mut take: impl FnMut(Piece) -> bool,
) -> rusqlite::Result<()> {
    let (from, to) = (nanoseconds(trend.from), nanoseconds(trend.to));
    if from >= to {
        return Ok(());
    }
    let mut unpacked_statement = connection.prepare_cached(
        "SELECT at, body FROM batches WHERE device = ?1 AND at >= ?2 AND at < ?3 ORDER BY at",
    )?;
    let mut unpacked = Unpacked {
        rows: unpacked_statement.query(params![device, from, to])?,
        series,
        next: None,
    };
    unpacked.advance()?;
    let mut packed_statement = connection.prepare_cached(
        "SELECT t.slot, t.body, b.body, b.count, b.sum, b.low, b.high, b.quality FROM times AS t
         JOIN blocks AS b ON b.slot = t.slot AND b.series = ?2
         WHERE t.device = ?1 AND t.slot >= ?3 AND t.slot <= ?4 ORDER BY t.slot",
    )?;
    let (first, last) = (
        from.div_euclid(SLOT_NANOSECONDS),
        (to - 1).div_euclid(SLOT_NANOSECONDS),
    );
    let mut packed = packed_statement.query(params![device, series, first, last])?;
    while let Some(slot) = packed.next()? {
        let begins = slot.get::<_, i64>(0)?.saturating_mul(SLOT_NANOSECONDS);
        let is_whole = from <= begins && begins.saturating_add(SLOT_NANOSECONDS) <= to;
        if !unpacked.tell_before(begins, &mut take)? {
            return Ok(());
        }
        if trend.coarse && is_whole {
            if !take(Piece::Slot(timestamp(begins), summary(slot)?)) {
                return Ok(());
            }
            continue;
        }
        for (at, reading) in readings(slot, begins)? {
            if at < from || at >= to {
                continue;
            }
            if !unpacked.tell_before(at, &mut take)? || !take(piece(at, reading)) {
                return Ok(());
            }
        }
    }
    unpacked.tell_before(to, &mut take)?;
    Ok(())
}

/// The rows that are not packed, with the next reading held ready.
struct Unpacked<'statement> {
    rows: Rows<'statement>,
    series: u32,
    next: Option<(i64, Reading)>,
}

impl Unpacked<'_> {
    fn advance(&mut self) -> rusqlite::Result<()> {
        self.next = None;
        while let Some(read) = self.rows.next()? {
            let body = read.get_ref(1)?.as_blob().unwrap_or_default();
            if let Some((_, reading)) = row::samples(body).find(|(series, _)| *series == self.series) {
                self.next = Some((read.get(0)?, reading));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Tells the readings before a moment; whether more is wanted.
    fn tell_before(&mut self, before: i64, take: &mut impl FnMut(Piece) -> bool) -> rusqlite::Result<bool> {
        while let Some((at, reading)) = self.next.take_if(|(at, _)| *at < before) {
            if !take(piece(at, reading)) {
                return Ok(false);
            }
            self.advance()?;
        }
        Ok(true)
    }
}

fn piece(at: i64, reading: Reading) -> Piece {
    Piece::Reading(Recorded {
        at: timestamp(at),
        reading,
    })
}

/// The readings of a packed slot with their times; none where it is spoiled.
fn readings(slot: &Row<'_>, begins: i64) -> rusqlite::Result<Vec<(i64, Reading)>> {
    let times = unpack_times(slot.get_ref(1)?.as_blob().unwrap_or_default(), begins).unwrap_or_default();
    let column = column::unpack(slot.get_ref(2)?.as_blob().unwrap_or_default()).unwrap_or_default();
    Ok(times
        .into_iter()
        .zip(column)
        .filter_map(|(at, reading)| Some((at, reading?)))
        .collect())
}

fn summary(slot: &Row<'_>) -> rusqlite::Result<Summary> {
    Ok(Summary {
        count: u64::try_from(slot.get::<_, i64>(3)?).unwrap_or(0),
        sum: slot.get(4)?,
        low: slot.get(5)?,
        high: slot.get(6)?,
        quality: slot.get(7)?,
    })
}
