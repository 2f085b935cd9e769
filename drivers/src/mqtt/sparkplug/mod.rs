//! Sparkplug B: births say what a device has, data says what has changed, deaths say at once that it is gone.

pub(crate) mod node;
pub(crate) mod nodes;
pub(crate) mod payload;
mod wire;

#[cfg(test)]
pub(crate) mod foreign_tests;
