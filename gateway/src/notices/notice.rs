//! A notice: what people are to be told about a ticket, under a key that makes a repeat recognisable.

use jiff::Timestamp;

use super::duty::Called;
use super::escalate::Rung;
use crate::tickets::{ClockKind, Ticket};

/// What people are to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Unique for what happened, and the same at every try: `T-2026-000318.overdue.arrive.1`.
    pub key: String,
    /// `ticket.opened`, `ticket.reopened`, `ticket.due_soon`, `ticket.overdue`, `ticket.escalated`.
    pub event: String,
    /// When it happened.
    pub at: Timestamp,
    /// Which clock ran out, or soon will.
    pub clock: Option<ClockKind>,
    /// Whom it is for; nobody where the site has no roster.
    pub people: Vec<Called>,
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
        let mut notice = Self::of(ticket, "overdue", at);
        notice.key = format!("{}.{}.{}", notice.key, clock.name(), run(ticket, clock));
        notice.clock = Some(clock);
        notice
    }

    /// A step of the ladder was taken on a clock of a ticket.
    pub fn escalation(
        ticket: &Ticket,
        clock: ClockKind,
        rung: &Rung,
        people: Vec<Called>,
        at: Timestamp,
    ) -> Self {
        let mut notice = Self::of(ticket, rung.event, at);
        let (share, run) = (rung.share_percent, run(ticket, clock));
        notice.key = format!("{}.{}.{share}.{run}", notice.key, clock.name());
        notice.clock = Some(clock);
        notice.people = people;
        notice
    }

    fn of(ticket: &Ticket, what: &str, at: Timestamp) -> Self {
        Self {
            key: format!("{}.{what}", ticket.id),
            event: format!("ticket.{what}"),
            at,
            clock: None,
            people: Vec::new(),
            ticket: ticket.clone(),
        }
    }
}

/// Which run of a clock a notice is about, so that a clock that starts anew has keys of its own.
fn run(ticket: &Ticket, clock: ClockKind) -> usize {
    let found = ticket.clocks.iter().find(|one| one.kind == clock);
    found.map_or(0, |clock| clock.runs())
}
