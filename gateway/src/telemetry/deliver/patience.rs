//! How long to wait after a write that did not succeed, before the next try.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// After a first failure; each further one doubles it.
const FIRST: Duration = Duration::from_millis(500);
/// The same where a server says that it is too busy, and not for how long: what InfluxDB's own clients wait then.
const BUSY_FIRST: Duration = Duration::from_secs(5);
const MOST: Duration = Duration::from_secs(30);
/// A server that asks for more is tried after this all the same: it may have been a mistake, and one try an hour is no burden.
const ASKED_MOST: Duration = Duration::from_secs(3600);

/// What a failed write says about when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Nothing: it failed on the way, or the server was in trouble.
    Soon,
    /// The server is too busy (429, 503).
    Busy,
    /// Not before so much time has passed (`Retry-After`).
    After(Duration),
}

/// Counts failures in a row.
#[derive(Debug, Default)]
pub struct Patience {
    last: Option<Duration>,
}

impl Patience {
    /// How long to wait after one more failure.
    pub fn after(&mut self, again: Again) -> Duration {
        let first = match again {
            Again::After(asked) if asked >= FIRST => return asked.min(ASKED_MOST),
            // A server that asks for no wait, or one that is over, is not asked without a pause.
            Again::After(_) | Again::Soon => FIRST,
            Again::Busy => BUSY_FIRST,
        };
        let wait = self.last.map_or(first, |last| (last * 2).clamp(first, MOST));
        self.last = Some(wait);
        wait
    }

    /// A write has succeeded.
    pub fn renew(&mut self) {
        self.last = None;
    }
}

/// What `Retry-After` asks for: seconds, or the moment until which to wait (RFC 9110, 10.2.3). That is a moment of the server's clock, which
/// the answer's `Date` tells: by ours, which may be days behind, it would be any wait. None where there is no `Date`, as if nothing was asked.
pub fn asked(header: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = header.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let (until, now) = (moment(header)?, moment(date?)?);
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

fn moment(header: &str) -> Option<Timestamp> {
    Some(rfc2822::parse(header.trim()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_are_waited_out_longer_and_longer_until_one_write_succeeds() {
        let mut patience = Patience::default();
        let waits: Vec<_> = (0..8).map(|_| patience.after(Again::Soon).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        patience.renew();
        assert_eq!(patience.after(Again::Soon), FIRST);
        assert_eq!(patience.after(Again::Busy), BUSY_FIRST);
        assert_eq!(patience.after(Again::Busy), BUSY_FIRST * 2);
    }

    #[test]
    fn what_a_server_asks_for_is_waited_neither_more_nor_less_but_for_an_hour_at_most() {
        let mut patience = Patience::default();
        for seconds in [1, 7, 600] {
            let asked = Duration::from_secs(seconds);
            assert_eq!(patience.after(Again::After(asked)), asked);
        }
        assert_eq!(
            patience.after(Again::After(Duration::from_secs(86_400))),
            ASKED_MOST
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_moment() {
        // Years before or after our clock, which has nothing to do with it.
        let date = Some("Sat, 07 Nov 2099 23:59:00 GMT");
        assert_eq!(asked(" 120 ", date), Some(Duration::from_secs(120)));
        assert_eq!(asked(" 120 ", None), Some(Duration::from_secs(120)));
        let until = "Sat, 07 Nov 2099 23:59:59 GMT";
        assert_eq!(asked(until, date), Some(Duration::from_secs(59)));
        assert_eq!(
            asked("Sat, 07 Nov 2099 23:58:00 GMT", date),
            Some(Duration::ZERO),
            "it is over"
        );
        assert_eq!(asked(until, None), None, "nobody knows how long that is");
        assert_eq!(asked(until, Some("now")), None);
        assert_eq!(asked("later", date), None);
    }

    #[test]
    fn a_server_that_asks_for_no_wait_is_waited_for_as_one_that_says_nothing() {
        let mut patience = Patience::default();
        let no_wait = || Again::After(Duration::ZERO);
        let waits: Vec<_> = (0..8).map(|_| patience.after(no_wait()).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    }
}
