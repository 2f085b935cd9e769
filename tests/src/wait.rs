//! Waiting for a condition, with a deadline and a reason.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Soon at first, so that a wait ends soon after its condition; then more and more seldom, so that a long one
/// leaves the processors to those tested.
const LOOK_FIRST_AFTER: Duration = Duration::from_millis(10);
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(250);

/// Looks until the condition yields something, and panics with `what` once `limit` has passed.
#[track_caller]
pub fn until<Found>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<Found>) -> Found {
    until_ok(what, limit, || look().ok_or("not so yet"))
}

/// Looks until the condition is `Ok`, and panics with `what` and the last error once `limit` has passed.
#[track_caller]
pub fn until_ok<Found, Why: std::fmt::Display>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Found, Why>,
) -> Found {
    let begun = Instant::now();
    let mut pause = LOOK_FIRST_AFTER;
    loop {
        match look() {
            Ok(found) => return found,
            Err(why) if begun.elapsed() >= limit => panic!("waited {limit:?} for {what}: {why}"),
            Err(_) => sleep(pause),
        }
        pause = (pause * 5 / 4).min(LOOK_AT_LEAST_EVERY);
    }
}

/// For [`until_ok`]: fine if it is so, and otherwise what was seen instead.
pub fn so(is_so: bool, seen: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(seen()) }
}
