//! Why the desk did not do what it was asked, in both languages.

use std::sync::Arc;

use model::Text;

use crate::alarms::Alarm;
use crate::handover::Handover;
use crate::tickets::{Refusal, Ticket};

/// Why the desk did not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Denied {
    /// There is no such alarm or ticket.
    #[error("there is no {what} {id}")]
    Unknown {
        /// `alarm`, `ticket` or `handover`.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// The standard has no such row.
    #[error("the service standard has no row {0}")]
    UnknownRow(String),
    /// The ticket does not allow it.
    #[error("{refusal}")]
    Ticket {
        /// Why.
        refusal: Refusal,
        /// The ticket as it is.
        ticket: Arc<Ticket>,
    },
    /// The alarm does not allow it.
    #[error("{}", reason.en)]
    Alarm {
        /// Why.
        reason: Text,
        /// The alarm as it is.
        alarm: Arc<Alarm>,
    },
    /// The handover does not allow it.
    #[error("{}", reason.en)]
    Handover {
        /// Why.
        reason: Text,
        /// The handover as it is.
        handover: Box<Handover>,
    },
    /// It could not be written; nothing has changed.
    #[error("it could not be stored, nothing has changed: {0}")]
    NotStored(String),
    /// The desk has too much to do, or is stopping.
    #[error("the gateway is too busy to take it: try again")]
    Busy,
}

impl Denied {
    /// The same in both languages.
    pub fn text(&self) -> Text {
        let zh = match self {
            Self::Unknown { what, id } => {
                let what = match *what {
                    "alarm" => "报警",
                    "ticket" => "工单",
                    "handover" => "交接班记录",
                    other => other,
                };
                format!("没有{what} {id}")
            }
            Self::UnknownRow(row) => format!("服务标准中没有 {row} 这一条"),
            Self::Ticket { refusal, .. } => return refusal.text(),
            Self::Alarm { reason, .. } | Self::Handover { reason, .. } => return reason.clone(),
            Self::NotStored(reason) => format!("无法存盘，未作任何改动：{reason}"),
            Self::Busy => "网关正忙，请稍后再试".to_owned(),
        };
        Text::new(zh, self.to_string())
    }
}
