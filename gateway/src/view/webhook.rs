//! What the webhook is told, as JSON.

use serde::Serialize;
use utoipa::ToSchema;

use super::{TicketView, rfc3339};
use crate::notices::{Called, Notice};
use crate::tickets::{ClockKind, WorkCalendar};

/// What the webhook is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WebhookView {
    /// `ticket.opened`, `ticket.reopened`, `ticket.due_soon`, `ticket.overdue` or `ticket.escalated`.
    event: String,
    /// The same at every try: a receiver that has it already drops a repeat.
    key: String,
    at: String,
    /// Which clock ran out: of `ticket.overdue` alone.
    clock: Option<&'static str>,
    /// Of `ticket.due_soon` and `ticket.escalated`: which clock, and when it runs out.
    escalation: Option<EscalationView>,
    /// Whom it is for; empty where the site has no roster.
    #[serde(rename = "for")]
    people: Vec<Called>,
    ticket: TicketView,
}

/// A step of the escalation along the duty roster.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EscalationView {
    /// `respond`, `arrive` or `resolve`.
    clock: &'static str,
    /// When the clock runs out, or ran out.
    due: Option<String>,
    /// Whether it has run out.
    overdue: bool,
}

impl EscalationView {
    fn new(notice: &Notice, kind: ClockKind, calendar: &WorkCalendar) -> Self {
        let clock = notice.ticket.clocks.iter().find(|clock| clock.kind == kind);
        let stand = clock.and_then(|clock| clock.stand(notice.at, calendar));
        Self {
            clock: kind.name(),
            overdue: stand.as_ref().is_some_and(|stand| stand.overdue),
            due: stand.map(|stand| rfc3339(stand.due, calendar.timezone())),
        }
    }
}

impl WebhookView {
    /// A notice as it is sent: the ticket as it stood when it happened.
    pub fn new(notice: &Notice, calendar: &WorkCalendar) -> Self {
        // `clock` says of a notice that the clock ran out; those who were promised so must not meet it on a warning.
        let ran_out = notice.event == "ticket.overdue";
        Self {
            event: notice.event.clone(),
            key: notice.key.clone(),
            at: rfc3339(notice.at, calendar.timezone()),
            clock: notice.clock.filter(|_| ran_out).map(ClockKind::name),
            escalation: notice
                .clock
                .filter(|_| !ran_out)
                .map(|kind| EscalationView::new(notice, kind, calendar)),
            people: notice.people.clone(),
            ticket: TicketView::new(&notice.ticket, calendar, notice.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_ticket::{REPORTER, reported, told};
    use crate::tickets::{Action, Witness};
    use jiff::Timestamp;

    #[test]
    fn an_alert_says_nothing_of_who_reported_it_or_was_told() {
        let at: Timestamp = "2026-11-24T06:32:07Z".parse().unwrap();
        let mut ticket = reported(at);
        ticket
            .act(&Action::Accept, &told(REPORTER, at), Witness::None, at)
            .unwrap();
        let calendar = WorkCalendar::utc_weekends();
        let alert = WebhookView::new(&Notice::opened(&ticket), &calendar);
        let alert = serde_json::to_string(&alert).unwrap();
        assert!(
            !alert.contains("1380000") && !alert.contains("reporter"),
            "{alert}"
        );
        let own = serde_json::to_string(&TicketView::whole(&ticket, &calendar, at)).unwrap();
        assert_eq!(own.matches("1380000").count(), 2);
    }
}
