//! How alarms and tickets see each rule, the site's and the gateway's own.

use std::collections::HashMap;
use std::time::Duration;

use jiff::SignedDuration;
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
