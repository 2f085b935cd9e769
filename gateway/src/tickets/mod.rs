//! Tickets: work for people, with the deadlines that were promised. All of it is pure: `now` is an argument.
//!
//! [`Ticket`] is the life of one, [`Action`] what people do to it; [`Clock`] keeps a deadline as its events; [`WorkCalendar`]
//! counts working days; [`TicketBook`] finds the ticket that a fault belongs to; [`due_runs`] opens planned work in time.

mod action;
mod attachment;
mod book;
mod calendar;
mod clock;
#[cfg(test)]
mod clock_tests;
mod dues;
mod fault;
#[cfg(test)]
mod life_tests;
mod planned;
#[cfg(test)]
mod reference_tests;
mod refusal;
mod run;
#[cfg(test)]
mod standard_tests;
mod ticket;

pub use action::Action;
pub use attachment::Attachment;
pub use book::{TicketBook, year_of};
pub use calendar::WorkCalendar;
pub use clock::{Clock, ClockEvent, ClockKind, ClockStand, ClockState, StoppedBy};
pub use fault::{ComesBack, NormalStretch, Witness};
pub use planned::{Item, PLANNED, Run, due_runs, next_due, row as planned_row};
pub use refusal::Refusal;
pub use ticket::{GATEWAY, Opening, Origin, Said, Step, Ticket, TicketState, Told};
