//! Tickets for the report's unit tests.

use jiff::Timestamp;
use model::Site;

use super::places::Places;
use crate::tickets::{Action, Said, Ticket, Witness};

/// 2026-11-18 16:00:00 UTC and so many seconds.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_017_600 + seconds).unwrap()
}

/// A site with one fire main, in building 1.
pub fn site() -> Site {
    crate::test_site::one_fire_main()
}

/// Where its devices are.
pub fn places(site: &Site) -> Places<'_> {
    Places::new(site)
}

/// A fire-water ticket that a rule opened: half an hour to arrive, half an hour to resolve.
pub fn opened(number: u64, seconds: i64) -> Ticket {
    crate::test_ticket::opened_by_rule(number, at(seconds))
}

/// A person does something.
pub fn acts(ticket: &mut Ticket, action: Action, by: &str, witness: Witness, seconds: i64) {
    ticket.act(&action, &Said::by(by), witness, at(seconds)).unwrap();
}
