//! Telemetry: batches to the outbox on disk and on to InfluxDB, and to local history.
//!
//! The way of a batch: [`Outbox`] renders, compresses and commits it, and only then is it counted as taken; [`Delivery`] sends what
//! was committed; [`Recorder`] keeps it for trends.

mod counters;
mod deliver;
mod gzip;
mod line;
mod outbox;
mod queue;
mod recorder;
mod room;
mod shown;
mod trouble;

pub use counters::DeviceCounters;
pub use deliver::{ClientError, Delivery, DeliveryParts, DeliveryStand, Influx, RefusedLines};
pub use line::LineRenderer;
pub use outbox::{Bounds, Newest, Outbox, OutboxParts, report};
pub use queue::{NotTaken, Taken};
pub use recorder::{Keep, Recorder, StartError, Started};
pub use room::Room;
pub use shown::ShownHistory;
pub use trouble::Trouble;
