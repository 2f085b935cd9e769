//! Modbus: asks each device behind a connection in turn. `schedule` says who is due, `plan` what to ask, `decode` what it means.

pub(crate) mod decode;
pub(crate) mod learnt;
pub(crate) mod link;
pub(crate) mod plan;
pub(crate) mod poll;
pub mod probe;
pub(crate) mod schedule;
#[cfg(test)]
mod tests;
pub(crate) mod transport;
pub(crate) mod wire;
