//! MQTT: listens to the topics of a broker. `payload` says what a message means, `silence` who has said nothing for too long,
//! `acks` when a message may be acknowledged, `packets` has both versions' bytes, and `line` is one connection. `publish` is the other
//! way, over rumqttc's client: what the gateway itself has to say.

pub(crate) mod acks;
pub(crate) mod broker;
mod freshness;
mod line;
pub(crate) mod listen;
#[cfg(test)]
mod odd_broker_tests;
#[cfg(test)]
mod own_time_tests;
mod packets;
pub(crate) mod payload;
pub mod publish;
#[cfg(test)]
mod publish_tests;
pub(crate) mod silence;
pub(crate) mod sparkplug;
pub(crate) mod subscribe;
#[cfg(test)]
mod subscribe_tests;
#[cfg(test)]
mod waiting_tests;
