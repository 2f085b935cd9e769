//! How alarms and tickets see each rule, the site's and the gateway's own.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::Severity;
use rules::{RuleIndex, Rules, Verdict};

use crate::alarms::{Delays, Level};
use crate::desk::calendar;
use crate::desk::draft::Watch;
use crate::desk::own::OwnRule;

pub(super) const NO_DELAYS: Delays = Delays {
    on: SignedDuration::ZERO,
    off: SignedDuration::ZERO,
    latch: false,
};

pub(super) fn level(verdict: &Verdict) -> Level {
    match verdict {
        Verdict::Holds => Level::Holds,
        Verdict::Clear => Level::Clear,
        Verdict::Unknown | Verdict::Broken(_) => Level::Unknown,
    }
}

/// What is heard later than so long after its own time comes from a device whose clock is behind, or was kept there meanwhile.
const HEARD_LATE: SignedDuration = SignedDuration::from_secs(5);

/// The time that counts for a level which was so at `at` and is heard `now`. Where it has a delay, what is heard late counts from now
/// on: by the clock of a device that is behind, every delay would have run out before it began.
pub(super) fn counts_at(level: Level, at: Timestamp, now: Timestamp, delays: Delays) -> Timestamp {
    let delay = match level {
        Level::Holds => delays.on,
        Level::Clear => delays.off,
        Level::Unknown => delays.on.max(delays.off),
    };
    if delay.is_zero() || now.duration_since(at) <= HEARD_LATE {
        at
    } else {
        now
    }
}

/// The alarm that a rule itself fails: about the gateway, not about a device.
pub(super) fn rule_broken(rule: &str) -> Watch {
    Watch {
        rule: format!("rule-broken-{rule}"),
        severity: Severity::Medium,
        delays: NO_DELAYS,
        standard: Some("general-fault".to_owned()),
    }
}

pub(super) fn watches(rules: &Rules) -> HashMap<String, (Option<RuleIndex>, Watch)> {
    let mut watches = HashMap::new();
    let calendar = calendar::watch();
    watches.insert(calendar.rule.clone(), (None, calendar));
    for (index, rule) in rules.iter() {
        let delay = |delay: Duration| SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
        let watch = Watch {
            rule: rule.id.clone(),
            severity: rule.severity,
            delays: Delays {
                on: delay(rule.after),
                off: delay(rule.clear_after),
                latch: rule.latch,
            },
            standard: rule.ticket.clone(),
        };
        let broken = rule_broken(&rule.id);
        watches.insert(broken.rule.clone(), (None, broken));
        watches.insert(rule.id.clone(), (Some(index), watch));
    }
    watches.extend(
        OwnRule::ALL
            .into_iter()
            .map(|own| (own.id().to_owned(), (None, own.watch()))),
    );
    watches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_late_counts_from_now_on_where_it_has_a_delay() {
        let at = |second: i64| Timestamp::from_second(1_795_000_000 + second).unwrap();
        let delays = Delays {
            on: SignedDuration::from_secs(10),
            ..NO_DELAYS
        };
        let heard = |level, now| counts_at(level, at(0), at(now), delays);
        assert_eq!(heard(Level::Holds, 5), at(0));
        assert_eq!(heard(Level::Holds, 60), at(60));
        assert_eq!(heard(Level::Unknown, 60), at(60));
        assert_eq!(heard(Level::Clear, 60), at(0), "it clears at once");
        assert_eq!(heard(Level::Holds, -30), at(0), "its clock is ahead");
    }
}
