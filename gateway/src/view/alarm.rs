//! An alarm, as JSON.

use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::{TextView, rfc3339};
use crate::alarms::Alarm;

/// An alarm.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AlarmView {
    id: String,
    rule: String,
    device: Option<String>,
    class: Option<String>,
    /// `critical`, `high`, `medium` or `low`.
    severity: &'static str,
    /// `clear`, `active` or `unknown`.
    condition: &'static str,
    /// `normal`, `active_unacked`, `active_acked`, `returned_unacked`, `latched`, `shelved`, `suppressed` or `out_of_service`.
    state: &'static str,
    /// The first reading of the condition.
    since: String,
    ticket: Option<String>,
    summary: TextView,
}

impl AlarmView {
    /// An alarm as it is.
    pub fn new(alarm: &Alarm, timezone: &TimeZone) -> Self {
        Self {
            id: alarm.id.clone(),
            rule: alarm.rule.clone(),
            device: alarm.device.clone(),
            class: alarm.class.clone(),
            severity: alarm.severity.name(),
            condition: alarm.condition(),
            state: alarm.state().name(),
            since: rfc3339(alarm.since, timezone),
            ticket: alarm.ticket.clone(),
            summary: (&alarm.summary).into(),
        }
    }
}
