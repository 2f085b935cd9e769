//! Notices: what people are told about tickets, whom of them, at least once each, and how it goes.

mod courier;
mod duty;
mod escalate;
mod notice;

pub use courier::Courier;
pub use duty::{Called, TECHNICIAN, called, coming_gaps, on_duty};
pub use escalate::{LADDER, Rung, due_rungs};
pub use notice::Notice;
