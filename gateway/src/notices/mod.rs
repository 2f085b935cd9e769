//! Notices: what people are told about tickets, at least once each, and how it goes.

mod courier;
mod notice;

pub use courier::Courier;
pub use notice::Notice;
