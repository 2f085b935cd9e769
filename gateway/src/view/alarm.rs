//! An alarm, as JSON.

use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::{TextView, rfc3339};
use crate::alarms::{Alarm, SetAside};

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
    /// Who shelved it or took it out of service; null while neither.
    set_aside: Option<AsideView>,
}

/// That a person set an alarm aside for a while.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AsideView {
    by: String,
    reason: String,
    at: String,
    /// When it comes back by itself.
    until: String,
}

impl AsideView {
    fn new(aside: &SetAside, timezone: &TimeZone) -> Self {
        Self {
            by: aside.by.clone(),
            reason: aside.reason.clone(),
            at: rfc3339(aside.at, timezone),
            until: rfc3339(aside.until, timezone),
        }
    }
}

impl AlarmView {
    /// An alarm as it is.
    pub fn new(alarm: &Alarm, timezone: &TimeZone) -> Self {
        // As for its state, out of service goes before shelved.
        let aside = alarm.out_of_service.as_ref().or(alarm.shelved.as_ref());
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
            set_aside: aside.map(|aside| AsideView::new(aside, timezone)),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use model::{Severity, Text};

    use super::*;
    use crate::alarms::{Delays, Level, Phase};

    #[test]
    fn an_alarm_says_who_set_it_aside_and_until_when_and_nothing_once_that_is_over() {
        let at = |second: i64| Timestamp::from_second(1_795_000_000 + second).unwrap();
        let aside = |by: &str| SetAside {
            by: by.into(),
            reason: "the tank is being cleaned".into(),
            at: at(0),
            until: at(100),
        };
        let mut alarm = Alarm {
            id: "fire-main-1.low".into(),
            rule: "low".into(),
            device: Some("fire-main-1".into()),
            class: None,
            severity: Severity::High,
            phase: Phase::Active,
            known: true,
            acknowledged: true,
            latched: false,
            since: at(0),
            summary: Text::default(),
            ticket: None,
            shelved: Some(aside("Zhang")),
            out_of_service: None,
        };
        let shown = |alarm: &Alarm| serde_json::to_value(AlarmView::new(alarm, &TimeZone::UTC)).unwrap();
        assert_eq!(shown(&alarm)["set_aside"]["by"], "Zhang");
        assert_eq!(
            shown(&alarm)["set_aside"]["until"],
            rfc3339(at(100), &TimeZone::UTC).as_str()
        );
        alarm.out_of_service = Some(aside("Li"));
        assert_eq!(shown(&alarm)["set_aside"]["by"], "Li");
        let delays = Delays {
            on: SignedDuration::ZERO,
            off: SignedDuration::ZERO,
            latch: false,
        };
        alarm.take(Level::Holds, at(100), delays);
        assert_eq!(shown(&alarm)["set_aside"], serde_json::Value::Null);
    }
}
