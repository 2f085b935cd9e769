//! Reads what an unknown device has, gently, and guesses what it means: for the first day with a device without a manual.

mod ask;
mod guess;
mod profile;

pub use ask::{Asked, Found, ProbeError, TableFound, probe};
pub use guess::{Guess, guesses, meaning};
pub use profile::profile;
