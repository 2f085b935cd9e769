//! What the readings of a stretch of time say together: how many good numbers, their sum and ends, and the best quality.

use model::Reading;
use rusqlite::Row;

/// A sum that no number can hold: what it is made of cannot be told from it any more, so there is no mean.
const BEYOND: f64 = f64::INFINITY;

/// The readings of a stretch, put together; a state counts as 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many good readings have a number.
    pub count: u64,
    /// Their sum; infinite where no number can hold it.
    pub sum: f64,
    /// The lowest of them.
    pub low: Option<f64>,
    /// The highest of them.
    pub high: Option<f64>,
    /// The best quality of all readings: 0 good, 1 uncertain, 2 missing.
    pub quality: u8,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            count: 0,
            sum: 0.0,
            low: None,
            high: None,
            quality: 2,
        }
    }
}

impl Summary {
    /// What readings say together.
    pub fn of<'reading>(readings: impl IntoIterator<Item = &'reading Reading>) -> Self {
        let mut summary = Self::default();
        readings.into_iter().for_each(|reading| summary.add(reading));
        summary
    }

    /// Adds a reading.
    pub fn add(&mut self, reading: &Reading) {
        let quality = match reading {
            Reading::Good(_) => 0,
            Reading::Uncertain(..) => 1,
            Reading::Missing(_) => 2,
        };
        let number = reading.good().and_then(model::Value::as_number);
        let one = Self {
            count: u64::from(number.is_some()),
            sum: number.unwrap_or(0.0),
            low: number,
            high: number,
            quality,
        };
        self.join(&one);
    }

    /// Adds what another stretch says.
    pub fn join(&mut self, other: &Self) {
        self.count += other.count;
        self.sum = held(self.sum + other.sum);
        self.low = ends(self.low, other.low, f64::min);
        self.high = ends(self.high, other.high, f64::max);
        self.quality = self.quality.min(other.quality);
    }

    /// A stored one: its five columns from a place on.
    pub(super) fn of_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            count: u64::try_from(row.get::<_, i64>(first)?).unwrap_or(0),
            sum: held(row.get(first + 1)?),
            low: row.get(first + 2)?,
            high: row.get(first + 3)?,
            quality: row.get(first + 4)?,
        })
    }

    /// The mean of the good numbers; none where no number can hold their sum.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0 && self.sum.is_finite()).then(|| self.sum / self.count as f64)
    }
}

/// A sum as it is kept: SQLite takes what is not a number for nothing at all, and refuses it.
pub(super) fn held(sum: f64) -> f64 {
    if sum.is_finite() { sum } else { BEYOND }
}

fn ends(one: Option<f64>, other: Option<f64>, choose: fn(f64, f64) -> f64) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(choose(one, other)),
        (one, other) => one.or(other),
    }
}
