//! The alarm that deadlines reach past the loaded calendar years: they count weekends only, and people should know.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use model::{Severity, Text};

use super::draft::{Draft, Subject, Watch};
use crate::alarms::{Delays, Level};

/// The alarm's rule; it is about the gateway itself, and opens no ticket (the service standard, "Deadlines").
pub(super) fn watch() -> Watch {
    Watch {
        rule: "calendar-past-its-years".to_owned(),
        severity: Severity::Low,
        delays: Delays {
            on: SignedDuration::ZERO,
            off: SignedDuration::ZERO,
            latch: false,
        },
        standard: None,
    }
}

/// What people are told when the calendar runs out on `last`, or has.
pub fn warning(last: Date) -> Text {
    let next = i32::from(last.year()) + 1;
    Text::new(
        format!(
            "工作日历只到 {last}：请在 standard.toml 的 [calendar] 中加入 {next} 年的放假与调休安排，此后的期限暂按周末推算"
        ),
        format!(
            "The working-day calendar ends on {last}: add {next}'s holidays and make-up days to [calendar] in standard.toml; deadlines past it count weekends only"
        ),
    )
}

impl Draft<'_> {
    /// Whether a running deadline is provisional: the first raises the alarm, and with the last it returns.
    pub fn calendar(&mut self, now: Timestamp) {
        let subject = Subject {
            device: None,
            class: None,
        };
        let level = if self.is_provisional(now) {
            Level::Holds
        } else {
            Level::Clear
        };
        let last = self.calendar.runs_out(self.calendar.day_of(now));
        self.level(&watch(), &subject, level, now, || {
            // A deadline may reach past the years although the warning's days have not begun.
            last.map_or_else(
                || {
                    Text::new(
                        "有期限超出已载入的工作日历",
                        "A deadline lies past the loaded calendar years",
                    )
                },
                warning,
            )
        });
    }

    fn is_provisional(&self, now: Timestamp) -> bool {
        let drafted = self.tickets.values();
        let mut drafted = drafted.filter(|ticket| ticket.is_provisional(now, self.calendar));
        let known = &self.state.tickets;
        drafted.next().is_some()
            || known.is_provisional(now, self.calendar, |id| self.tickets.contains_key(id))
    }
}
