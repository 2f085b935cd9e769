//! The gateway's own rules: what it says of itself, as alarms without a device.

use jiff::SignedDuration;
use model::{Severity, Text};

use super::draft::Watch;
use crate::alarms::{Delays, Level};

/// A rule of the gateway's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OwnRule {
    /// A database does not know us: a token has expired, a bucket is gone.
    TelemetryDenied,
    /// A database has not taken anything for ten minutes.
    TelemetryLate,
    /// The broker that is published to has been away for ten minutes.
    PublishingLate,
    /// The disk does not take telemetry.
    StorageRefused,
    /// The system's clock is behind what was recorded before.
    ClockBehind,
    /// The system's clock was set while the gateway ran.
    ClockSet,
}

impl OwnRule {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::TelemetryDenied,
        Self::TelemetryLate,
        Self::PublishingLate,
        Self::StorageRefused,
        Self::ClockBehind,
        Self::ClockSet,
    ];

    /// The rule's id.
    pub fn id(self) -> &'static str {
        match self {
            Self::TelemetryDenied => "telemetry-denied",
            Self::TelemetryLate => "telemetry-late",
            Self::PublishingLate => "publishing-late",
            Self::StorageRefused => "storage-refused",
            Self::ClockBehind => "clock-behind",
            Self::ClockSet => "clock-set",
        }
    }

    /// How alarms and tickets see it. The gateway's own sight is a row of the standard's `general-fault`.
    pub(super) fn watch(self) -> Watch {
        let (severity, on, ticket) = match self {
            Self::TelemetryDenied | Self::TelemetryLate | Self::PublishingLate => (Severity::Medium, 0, true),
            Self::StorageRefused => (Severity::High, 10, true),
            Self::ClockBehind => (Severity::Medium, 0, true),
            Self::ClockSet => (Severity::Low, 0, false),
        };
        Watch {
            rule: self.id().to_owned(),
            severity,
            delays: Delays {
                on: SignedDuration::from_secs(on),
                off: SignedDuration::ZERO,
                latch: false,
            },
            standard: ticket.then(|| "general-fault".to_owned()),
        }
    }
}

/// What the gateway says of itself by one of its own rules.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnLevel {
    /// The rule.
    pub rule: OwnRule,
    /// Whether it holds.
    pub level: Level,
    /// What people are told when it does.
    pub summary: Text,
}
