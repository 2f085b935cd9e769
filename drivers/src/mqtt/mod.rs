//! MQTT: listens to the topics of a broker. `payload` says what a message means, `silence` who has said nothing for too long,
//! `acks` when a message may be acknowledged. `publish` is the other way: what the gateway itself has to say.

pub(crate) mod acks;
pub(crate) mod broker;
mod freshness;
pub(crate) mod listen;
pub(crate) mod payload;
pub mod publish;
#[cfg(test)]
mod publish_tests;
pub(crate) mod silence;
pub(crate) mod sparkplug;
pub(crate) mod subscribe;
#[cfg(test)]
mod subscribe_tests;
