//! Any site's devices, simulated: they answer Modbus and publish over MQTT as the site's profiles say, behave as equipment
//! does, and fail when the control API tells them to.
//!
//! Read in this order: [`start`] opens the doors of a [`field`](crate) of devices; a device has a model of its class
//! (`plant`) and faults (`fault`), and shows values that `encode` puts on the wire.

mod broker;
mod control;
mod device;
#[cfg(test)]
mod device_tests;
mod encode;
mod error;
mod fault;
mod field;
mod frame;
mod local;
mod modbus;
mod mqtt;
mod noise;
mod payload;
mod plant;
mod problem;
mod quantity;
mod registers;
mod running;
mod served;

pub use error::Error;
pub use running::{Address, Options, Running, start};
