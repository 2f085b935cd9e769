//! The shapes that people outside rely on, as JSON: one file a resource.
//!
//! Only these are ever shown; what the gateway keeps inside may change.

mod alarm;
mod device;
mod plan;
mod ticket;
mod webhook;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use alarm::AlarmView;
pub use device::{DeviceView, PointView, quality, value};
pub use plan::PlanView;
pub use ticket::{AttachmentView, ClockView, ItemView, PlannedView, StepView, TicketView, ToldView};
pub use webhook::{EscalationView, WebhookView};

/// A moment as RFC 3339 with the site's offset.
pub fn rfc3339(at: Timestamp, timezone: &TimeZone) -> String {
    at.to_zoned_datetime(timezone.clone())
        .strftime("%Y-%m-%dT%H:%M:%S%.f%:z")
        .to_string()
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextView {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

impl From<&Text> for TextView {
    fn from(text: &Text) -> Self {
        Self {
            zh: text.zh.clone(),
            en: text.en.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_sites_offset() {
        let at: Timestamp = "2026-11-24T06:32:07.25Z".parse().unwrap();
        assert_eq!(
            rfc3339(at, &TimeZone::get("Asia/Shanghai").unwrap()),
            "2026-11-24T14:32:07.25+08:00"
        );
        assert_eq!(
            rfc3339(Timestamp::UNIX_EPOCH, &TimeZone::UTC),
            "1970-01-01T00:00:00+00:00"
        );
    }
}
