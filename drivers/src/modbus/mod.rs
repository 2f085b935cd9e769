//! Modbus: asks each device behind a connection in turn. `schedule` says who is due, `plan` what to ask, `decode` what it means.

pub(crate) mod decode;
mod healing;
pub(crate) mod learnt;
pub(crate) mod link;
pub(crate) mod plan;
pub(crate) mod poll;
#[cfg(test)]
mod poll_harness;
#[cfg(test)]
mod poll_tests;
pub mod probe;
#[cfg(test)]
mod raw_server;
pub(crate) mod schedule;
pub(crate) mod transport;
#[cfg(test)]
mod transport_tests;
pub(crate) mod wire;
#[cfg(test)]
mod zoo_tests;
