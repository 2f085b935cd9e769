//! A notice: what people are to be told about a ticket, under a key that makes a repeat recognisable.

use jiff::Timestamp;

use crate::tickets::{ClockKind, Ticket};

/// What people are to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Unique for what happened, and the same at every try: `T-2026-000318.overdue.arrive.1`.
    pub key: String,
    /// `ticket.opened`, `ticket.reopened`, `ticket.overdue`.
    pub event: String,
    /// When it happened.
    pub at: Timestamp,
    /// Which clock ran out.
    pub clock: Option<ClockKind>,
    /// The ticket as it was then.
    pub ticket: Ticket,
}

impl Notice {
    /// A ticket was opened.
    pub fn opened(ticket: &Ticket) -> Self {
        Self::of(ticket, "opened", ticket.opened_at)
    }

    /// A ticket's fault came back, or a person took it up again.
    pub fn reopened(ticket: &Ticket, at: Timestamp) -> Self {
        let mut notice = Self::of(ticket, "reopened", at);
        notice.key = format!("{}.{}", notice.key, ticket.steps.len());
        notice
    }

    /// A ticket was raised to a row that promises more.
    pub fn raised(ticket: &Ticket, at: Timestamp) -> Self {
        let mut notice = Self::of(ticket, "raised", at);
        notice.key = format!("{}.{}", notice.key, ticket.steps.len());
        notice
    }

    /// A clock of a ticket ran out.
    pub fn overdue(ticket: &Ticket, clock: ClockKind, at: Timestamp) -> Self {
        let run = ticket
            .clocks
            .iter()
            .find(|one| one.kind == clock)
            .map_or(0, |clock| clock.runs());
        let mut notice = Self::of(ticket, "overdue", at);
        notice.key = format!("{}.{}.{run}", notice.key, clock.name());
        notice.clock = Some(clock);
        notice
    }

    fn of(ticket: &Ticket, what: &str, at: Timestamp) -> Self {
        Self {
            key: format!("{}.{what}", ticket.id),
            event: format!("ticket.{what}"),
            at,
            clock: None,
            ticket: ticket.clone(),
        }
    }
}
