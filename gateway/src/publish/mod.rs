//! What the gateway publishes over MQTT: that it is there, its devices, alarms and tickets, and what Home Assistant is told.
//!
//! `queue` decides what goes next and holds each message until the broker has acknowledged it, `content` says what a topic says,
//! `discovery` what Home Assistant is told, and `deliver` does it. What waits is on disk, written with the change itself.

mod content;
mod deliver;
mod discovery;
mod names;
mod queue;
mod stand;

pub use content::Pages;
pub use deliver::Publisher;
pub use names::{Names, Subject};
pub use stand::PublishStand;

/// What the topic `status` says while the gateway is there.
pub(crate) const ONLINE: &str = "online";
/// What it says when the gateway is not: our last will.
pub(crate) const OFFLINE: &str = "offline";
