//! Where the gateway publishes what it knows: its own state, devices, alarms and tickets, as retained messages.

use crate::Connection;

/// A broker that the gateway publishes to, and how its topics are called.
#[derive(Clone, Debug, PartialEq)]
pub struct Publishing {
    /// The broker and who we are there. It has no devices: its intervals and pauses mean nothing.
    pub broker: Connection,
    /// What every topic begins with, without a slash at its end: `facility/SITE` unless said.
    pub prefix: String,
    /// What the topics of Home Assistant's discovery begin with; none: Home Assistant is not told.
    pub home_assistant: Option<String>,
}
