//! Everything is killed, frozen, cut off and left without room at seeded moments, and afterwards nothing that was taken is missing
//! or doubled: not a sample, not a message, not what was confirmed to a person.

use std::time::Duration;

use tests::{Build, Dice, World, plan};

/// Seconds of chaos where `CHAOS_SECONDS` does not say; a soak says more.
const SECONDS: u64 = 15;
const SEED: u64 = 20_261_124;

#[test]
fn after_any_chaos_all_that_was_taken_is_in_the_database_exactly_once() {
    let seconds = std::env::var("CHAOS_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(SECONDS);
    let events = plan(&mut Dice::seeded(SEED), Duration::from_secs(seconds));
    let mut world = World::set_up(Build::under_test());
    let outcome = world.live_through(&events).and_then(|()| world.settle());
    let figures = outcome.unwrap_or_else(|why| panic!("after {} events: {why}", events.len()));
    assert!(
        figures.taken > 0 && figures.acknowledged > 0 && figures.confirmed > 0,
        "{figures:?}"
    );
}
