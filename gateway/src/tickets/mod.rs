//! Tickets: work for people, with the deadlines that were promised. All of it is pure: `now` is an argument.
//!
//! [`Ticket`] is the life of one; [`Clock`] keeps a deadline as its events; [`WorkCalendar`] counts working days; [`TicketBook`]
//! finds the ticket that a fault belongs to.

mod book;
mod calendar;
mod clock;
mod ticket;

pub use book::{TicketBook, year_of};
pub use calendar::WorkCalendar;
pub use clock::{Clock, ClockEvent, ClockKind, ClockStand, ClockState, StoppedBy};
pub use ticket::{
    Action, ComesBack, GATEWAY, NormalStretch, Opening, Origin, Refusal, Step, Ticket, TicketState, Witness,
};
