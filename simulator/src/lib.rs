//! Any site's devices, simulated: they answer Modbus and publish over MQTT as the site's profiles say, behave as equipment
//! does, and fail when the control API tells them to.
//!
//! Read in this order: [`start`] (`running`) opens a door for each connection (`modbus`, `mqtt`) and one for the control API to
//! the site's devices (`field`); a `device` has a model of its class (`plant`) and faults (`fault`), and what it shows is put
//! on the wire by `encode` (into `registers` or a `payload`) and logged as `served`.

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
mod unplugged;

pub use error::Error;
pub use running::{Address, Options, Running, start};
pub use unplugged::Unplugged;
