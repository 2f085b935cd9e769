//! The whole of it against servers that are there: `poll`, `units` and `zoo` on a socket, `transport` on every way to a line.

mod harness;
mod poll;
pub(crate) mod raw_server;
mod transport;
mod units;
mod zoo;
