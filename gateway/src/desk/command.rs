//! What people and the courier ask of the desk, and what it answers.

use std::sync::Arc;

use jiff::Timestamp;

use super::draft::Report;
use crate::alarms::Alarm;
use crate::handover::Handover;
use crate::journal::Entry;
use crate::meters::MeterReading;
use crate::store::{DeviceEntry, TakenTopic};
use crate::tickets::{Action, Said, Ticket};

/// What is asked of the desk.
#[derive(Clone, Debug)]
pub enum Command {
    /// A person does something to an alarm.
    Alarm {
        /// Its id.
        id: String,
        /// What.
        act: AlarmAct,
        /// Who.
        by: String,
    },
    /// A person does something to a ticket.
    Ticket {
        /// Its id.
        id: String,
        /// What.
        action: Action,
        /// Who, and what they say with it.
        said: Said,
    },
    /// Something happened that is no part of an alarm or a ticket, and is for the journal: a setting, a log-in.
    Record(Entry),
    /// A person reports something.
    Report(Report),
    /// A shift that leaves hands over.
    HandOver {
        /// Who leaves.
        by: String,
        /// What they say.
        note: String,
    },
    /// The shift that comes confirms a handover.
    ConfirmHandover {
        /// Which.
        id: String,
        /// Who comes.
        by: String,
    },
    /// A person writes something down about a device.
    NoteDevice(DeviceEntry),
    /// Meters were read.
    ReadMeters(Vec<MeterReading>),
    /// The courier sent a notice.
    NoticeSent {
        /// Which.
        key: String,
        /// When.
        at: Timestamp,
    },
    /// The courier could not.
    NoticeFailed {
        /// Which.
        key: String,
        /// Why.
        reason: String,
        /// When to try again.
        next_at: Timestamp,
    },
    /// The broker that is published to has acknowledged topics.
    TopicsTaken(Vec<TakenTopic>),
}

/// What a person does to an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlarmAct {
    /// Has seen it.
    Acknowledge,
    /// Sets it aside for a while.
    Shelve {
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// Takes it back.
    Unshelve,
    /// Resets a latched one.
    Reset,
    /// Takes it out of service for a while.
    OutOfService {
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// Puts it back into service.
    InService,
}

impl AlarmAct {
    /// The record of it.
    pub(super) fn entry(&self, alarm: &str, by: &str, now: Timestamp) -> Entry {
        let (word, aside) = match self {
            Self::Acknowledge => ("acknowledge", None),
            Self::Shelve { until, reason } => ("shelve", Some((until, reason))),
            Self::Unshelve => ("unshelve", None),
            Self::Reset => ("reset", None),
            Self::OutOfService { until, reason } => ("out-of-service", Some((until, reason))),
            Self::InService => ("in-service", None),
        };
        let body = match aside {
            None => serde_json::json!({ "by": by }),
            Some((until, reason)) => {
                serde_json::json!({ "by": by, "until": until.to_string(), "reason": reason })
            }
        };
        Entry::new(now, format!("alarm.{word}"), alarm, body)
    }
}

/// What the desk answers once it is written.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The alarm as it is now.
    Alarm(Arc<Alarm>),
    /// The ticket as it is now.
    Ticket(Arc<Ticket>),
    /// The handover as it is now.
    Handover(Box<Handover>),
    /// What was written down about a device.
    DeviceEntry(Box<DeviceEntry>),
    /// It is noted.
    Noted,
}
