//! A small site, served and read by a Modbus client that is not ours, by a subscriber at its broker, and over the control API.

// Clippy takes the helpers of an integration test for production code.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod clients;
mod control;
mod modbus;
mod moved;
mod stand;
