//! The one place that speaks SQL: three SQLite files, each with one writer.
//!
//! `records.db` has what people did (alarms, tickets, notices; full durability), `outbox.db` what is still to be delivered,
//! `history.db` what was read. Telemetry can neither lock nor spoil what people did.

mod clock_steps;
mod copies;
mod database;
mod forget;
mod history;
mod journal;
mod journal_rows;
#[cfg(test)]
mod journal_tests;
mod log;
mod meters;
mod outbox;
mod publications;
mod records;
mod sight;
#[cfg(test)]
pub mod spoil;

pub use clock_steps::ClockStep;
pub use database::{StoreError, is_spoiled};
pub use history::{
    Again, Bound, Grain, HistoryReader, HistoryWriter, Piece, Pruned, Recorded, Summary, Trend, Wanted,
};
pub use journal::{KeptFile, Verified, VerifyError};
pub use log::DeviceEntry;
pub use outbox::{Body, OutboxReader, OutboxWriter, Pending, Recovered, TakenOver, TooOld};
pub use publications::{TakenTopic, TopicRow};
pub use records::{Kept, PendingNotice, Records, RecordsReader};
