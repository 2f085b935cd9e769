//! The desk: one owner for alarms, tickets and notices, on a thread of its own.
//!
//! [`Draft`] works out what should change and is pure; `keeper` hears batches, time and people, writes each change in one
//! transaction, and only then lets it be seen. [`DeskHandle`] is the way in.

mod calendar;
mod command;
mod commanded;
mod denied;
mod draft;
mod entries;
mod handle;
mod keeper;
#[cfg(test)]
mod life_tests;
mod own;
mod state;

pub use calendar::warning as calendar_warning;
pub use command::{AlarmAct, Answer, Command};
pub use commanded::{COMMANDED_OFF, LIGHTING};
pub use denied::Denied;
pub use draft::{Change, Draft, Report, Subject, Watch};
pub use entries::ticket_digest;
pub use handle::{Changed, DeskHandle, Heard};
pub use keeper::{Board, Desk, Keeper, LONGEST_BEAT, counted_conditions};
pub use own::{OwnLevel, OwnRule};
pub use state::State;
