//! Nothing is removed for its age before the clock had time to be set: after a power cut it may be years ahead.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How long a clock may take to be set after the start: where there is a network, a time server has done it long before.
const SETTLED_AFTER: Duration = Duration::from_secs(3600);

/// What is from before this may be removed, so long after the gateway's start; nothing may before its clock has settled.
pub fn oldest_kept(since_start: Duration, now: Timestamp, age: SignedDuration) -> Timestamp {
    if since_start < SETTLED_AFTER {
        return Timestamp::MIN;
    }
    now.saturating_sub(age).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_years_ahead_at_the_start_removes_nothing() {
        let wrong: Timestamp = "2038-01-01T00:00:00Z".parse().unwrap();
        let age = SignedDuration::from_hours(24 * 30);
        assert_eq!(oldest_kept(Duration::from_secs(60), wrong, age), Timestamp::MIN);
        let now: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
        assert_eq!(
            oldest_kept(SETTLED_AFTER, now, age).to_string(),
            "2026-10-25T00:00:00Z"
        );
    }
}
