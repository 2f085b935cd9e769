//! The one place that speaks SQL: three SQLite files, each with one writer.
//!
//! `records.db` has what people did (alarms, tickets, notices; full durability), `outbox.db` what is still to be delivered,
//! `history.db` what was read. Telemetry can neither lock nor spoil what people did.

mod database;
mod history;
mod log;
mod outbox;
mod records;
mod sight;

pub use database::{StoreError, is_full};
pub use history::{HistoryReader, HistoryWriter, Recorded, Trend};
pub use log::DeviceEntry;
pub use outbox::{Body, OutboxReader, OutboxWriter, Pending};
pub use records::{Kept, PendingNotice, Records, RecordsReader};
