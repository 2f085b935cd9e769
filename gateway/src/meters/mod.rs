//! Meters: what energy and water registers counted, day by day, kept longer than history and over replaced meters.
//!
//! [`Register`] is pure: it tells what a meter counted from one reading to the next. `watch` looks at the live image once a minute and
//! hands a reading of every meter to the desk every ten minutes and at each midnight; the store adds it to the day.

mod looks;
mod register;
mod watch;

pub use looks::Looks;
pub use register::{Counted, Register, wraps_at};
pub use watch::MeterWatch;

use jiff::Timestamp;
use jiff::civil::Date;

/// A meter's reading, to be added to its day.
#[derive(Clone, Debug, PartialEq)]
pub struct MeterReading {
    /// The device.
    pub device: String,
    /// Its point.
    pub point: String,
    /// The day in the site's zone that what it counted since the reading before belongs to.
    pub day: Date,
    /// When it was read.
    pub at: Timestamp,
    /// Where the register stood, in the point's unit.
    pub value: f64,
    /// Where the register begins anew from zero, if that is known.
    pub wraps_at: Vec<f64>,
}

/// What a meter counted on a day.
#[derive(Clone, Debug, PartialEq)]
pub struct MeterDay {
    /// The device.
    pub device: String,
    /// Its point.
    pub point: String,
    /// The day.
    pub day: Date,
    /// What it counted, in the point's unit: the sum of its increments.
    pub counted: f64,
    /// Where its register stood before, and when that was read.
    pub first: (f64, Timestamp),
    /// Where it stood at the day's last reading, and when that was.
    pub last: (f64, Timestamp),
    /// How often it fell for good: a meter that was replaced or set back. What it counted meanwhile is in no total.
    pub resets: u32,
}
