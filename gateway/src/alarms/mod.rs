//! Alarms: a rule's condition on one device, with a life of its own. All of it is pure: `now` is an argument.

mod alarm;
mod condition;

pub use alarm::{Alarm, AlarmState, Delays, Edge, Level, Phase, SetAside};
pub use condition::{ConditionOf, ConditionSpan, Conditions, ConditionsDraft, SpanKind};
