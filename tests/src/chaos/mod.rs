//! Chaos: the whole facility while its parts are killed, frozen, cut off and left without room, at moments that a seed decides.
//!
//! [`plan`] says what happens when, [`World`] lets it happen, and [`judge`] says afterwards whether a promise was broken. What it
//! judges by comes from outside the gateway: a [`Session`] overhears what the gateway acknowledges, [`counting`] devices give
//! each answer a number, a [`Publisher`] each message, [`scrapes`] keep what the gateway said that it had taken, and [`People`]
//! what it confirmed to them.
//!
//! [`People`]: crate::people::People

mod counting;
mod judge;
mod link;
mod plan;
mod publisher;
mod scrapes;
mod session;
mod wire;
mod world;

pub use judge::Figures;
pub use plan::{Event, Target, What, plan};
pub use world::World;
