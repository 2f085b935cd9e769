//! People who go on working at tickets while the gateway fails, and remember what was confirmed to them.
//!
//! Each works at one ticket after another, through its whole [`life`], and says something of their own with every step; so
//! [`judge`] can tell afterwards what is lost, doubled or out of order.

mod action;
mod judge;
mod life;
mod work;

pub use action::{Action, Outcome};
pub use judge::{Tally, judge};
pub use work::People;
