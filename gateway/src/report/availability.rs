//! How much of a period each device and each subsystem worked, was down, or nobody knows (the service standard, "Availability").

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::stretches::Stretches;
use crate::alarms::{ConditionSpan, SpanKind};

/// The three parts of a period: together they are all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// It worked, and that was seen.
    pub available: SignedDuration,
    /// An alarm that counts was active.
    pub unavailable: SignedDuration,
    /// Nobody knows.
    pub unknown: SignedDuration,
}

/// Whether a target was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds even if all that is unknown was down.
    Kept,
    /// It holds only as far as is known.
    NotProven,
    /// It does not.
    Missed,
}

impl Verdict {
    /// The word that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::NotProven => "not_proven",
            Self::Missed => "missed",
        }
    }
}

impl Durations {
    /// The share of the known time in which it worked, in percent; `None` where nothing is known.
    pub fn percent(&self) -> Option<f64> {
        let known = self.available + self.unavailable;
        (!known.is_zero()).then(|| 100.0 * self.available.as_secs_f64() / known.as_secs_f64())
    }

    /// Whether a target in percent was kept; `None` for a period without any time.
    pub fn verdict(&self, target_percent: f64) -> Option<Verdict> {
        let (available, unavailable) = (self.available.as_secs_f64(), self.unavailable.as_secs_f64());
        let all = available + unavailable + self.unknown.as_secs_f64();
        if all <= 0.0 {
            return None;
        }
        // Compared as products, so that 100 % is exact and nothing known divides nothing by nothing.
        let holds = |whole: f64| available * 100.0 >= target_percent * whole;
        Some(if holds(all) {
            Verdict::Kept
        } else if holds(available + unavailable) {
            Verdict::NotProven
        } else {
            Verdict::Missed
        })
    }

    /// The mean of several.
    pub fn mean(all: &[Self]) -> Self {
        let count = i32::try_from(all.len()).unwrap_or(i32::MAX);
        if count == 0 {
            return Self::default();
        }
        let mean = |part: fn(&Self) -> SignedDuration| {
            all.iter()
                .fold(SignedDuration::ZERO, |sum, one| sum.saturating_add(part(one)))
                / count
        };
        Self {
            available: mean(|one| one.available),
            unavailable: mean(|one| one.unavailable),
            unknown: mean(|one| one.unknown),
        }
    }
}

/// When something was down and when nobody knew; the rest of a period it worked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outages {
    /// Down.
    pub unavailable: Stretches,
    /// Unknown; nothing of it is down.
    pub unknown: Stretches,
}

impl Outages {
    /// A device's, from what its conditions were and when the gateway was looking. A device that no rule watches (`watched` is
    /// false) was never seen to work, so that all of it is unknown.
    pub fn of_device(
        spans: &[&ConditionSpan],
        looking: &Stretches,
        period: &Stretches,
        watched: bool,
    ) -> Self {
        if !watched {
            return Self {
                unavailable: Stretches::default(),
                unknown: period.clone(),
            };
        }
        let mut conditions: BTreeMap<&str, [Vec<(Timestamp, Timestamp)>; 2]> = BTreeMap::new();
        for span in spans {
            let [active, unknown] = conditions.entry(&span.alarm).or_default();
            let stretch = (span.since, span.until.unwrap_or(Timestamp::MAX));
            match span.kind {
                SpanKind::Active => active.push(stretch),
                SpanKind::Unknown => unknown.push(stretch),
            }
        }
        let mut unavailable = Vec::new();
        let mut unknown = Vec::new();
        for [active, unseen] in conditions.into_values() {
            let unseen = Stretches::of(unseen);
            unavailable.extend(Stretches::of(active).minus(&unseen).iter());
            unknown.extend(unseen.iter());
        }
        let seen = period.intersect(looking);
        let unavailable = Stretches::of(unavailable).intersect(&seen);
        let unknown = Stretches::of(unknown)
            .intersect(period)
            .union(&period.minus(looking))
            .minus(&unavailable);
        Self { unavailable, unknown }
    }

    /// Of a subsystem that is down while any of its devices is, and unknown while any is and none is known to be down.
    pub fn of_any(devices: &[&Self]) -> Self {
        let unavailable = Stretches::of(devices.iter().flat_map(|device| device.unavailable.iter()));
        let unknown =
            Stretches::of(devices.iter().flat_map(|device| device.unknown.iter())).minus(&unavailable);
        Self { unavailable, unknown }
    }

    /// How long each part of a period is.
    pub fn durations(&self, period: &Stretches) -> Durations {
        let unavailable = self.unavailable.intersect(period).duration();
        let unknown = self.unknown.intersect(period).duration();
        Durations {
            available: period.duration() - unavailable - unknown,
            unavailable,
            unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::ConditionOf;
    use proptest::prelude::*;

    const END: i64 = 90;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    fn span(rule: u8, kind: SpanKind, since: i64, until: Option<i64>) -> ConditionSpan {
        ConditionSpan {
            alarm: format!("fire-main-1.{rule}"),
            about: ConditionOf {
                device: "fire-main-1".into(),
                class: "fire_water".into(),
                rule: rule.to_string(),
                standard: "fire-water".into(),
            },
            kind,
            since: at(since),
            until: until.map(at),
        }
    }

    fn seconds(available: i64, unavailable: i64, unknown: i64) -> Durations {
        Durations {
            available: SignedDuration::from_secs(available),
            unavailable: SignedDuration::from_secs(unavailable),
            unknown: SignedDuration::from_secs(unknown),
        }
    }

    fn period() -> Stretches {
        Stretches::one(at(0), at(END))
    }

    fn device(spans: &[ConditionSpan], looking: &[(i64, i64)]) -> Durations {
        let looking = Stretches::of(looking.iter().map(|(from, to)| (at(*from), at(*to))));
        let spans: Vec<_> = spans.iter().collect();
        Outages::of_device(&spans, &looking, &period(), true).durations(&period())
    }

    #[test]
    fn a_device_is_down_while_an_alarm_is_active_and_unknown_while_nobody_looks() {
        let spans = [
            span(1, SpanKind::Active, 10, Some(20)),
            span(2, SpanKind::Unknown, 15, Some(30)),
        ];
        assert_eq!(device(&spans, &[(0, END)]), seconds(70, 10, 10));
        assert_eq!(device(&spans, &[(0, 50), (60, END)]), seconds(60, 10, 20));
    }

    #[test]
    fn an_alarm_that_nobody_could_see_any_more_is_unknown_and_not_down() {
        let spans = [
            span(1, SpanKind::Active, 10, Some(40)),
            span(1, SpanKind::Unknown, 20, Some(30)),
        ];
        assert_eq!(device(&spans, &[(0, END)]), seconds(60, 20, 10));
    }

    #[test]
    fn a_device_that_no_rule_watches_is_unknown() {
        let outages = Outages::of_device(&[], &period(), &period(), false);
        assert_eq!(outages.durations(&period()), seconds(0, 0, END));
    }

    #[test]
    fn fire_water_is_kept_only_if_it_was_seen_to_work_all_of_the_time() {
        assert_eq!(seconds(100, 0, 0).verdict(100.0), Some(Verdict::Kept));
        assert_eq!(seconds(99, 0, 1).verdict(100.0), Some(Verdict::NotProven));
        assert_eq!(seconds(99, 1, 0).verdict(100.0), Some(Verdict::Missed));
        assert_eq!(seconds(0, 0, 9).verdict(100.0), Some(Verdict::NotProven));
        assert_eq!(seconds(0, 0, 0).verdict(100.0), None);
    }

    #[test]
    fn lighting_is_kept_at_ninety_nine_percent_and_not_a_second_below() {
        assert_eq!(seconds(9_900, 100, 0).verdict(99.0), Some(Verdict::Kept));
        assert_eq!(seconds(9_899, 101, 0).verdict(99.0), Some(Verdict::Missed));
        assert_eq!(seconds(9_900, 50, 100).verdict(99.0), Some(Verdict::NotProven));
    }

    #[test]
    fn fire_water_is_down_while_any_of_its_devices_is_and_others_are_the_mean() {
        let main = Outages {
            unavailable: Stretches::one(at(0), at(10)),
            unknown: Stretches::default(),
        };
        let tank = Outages {
            unavailable: Stretches::one(at(20), at(30)),
            unknown: Stretches::one(at(5), at(15)),
        };
        assert_eq!(
            Outages::of_any(&[&main, &tank]).durations(&period()),
            seconds(65, 20, 5)
        );
        let mean = Durations::mean(&[main.durations(&period()), tank.durations(&period())]);
        assert_eq!(mean, seconds(75, 10, 5));
    }

    fn kind() -> impl Strategy<Value = SpanKind> {
        prop_oneof![Just(SpanKind::Active), Just(SpanKind::Unknown)]
    }

    proptest! {
        /// The slow and obvious way: ask of each second what the standard says.
        #[test]
        fn availability_agrees_with_a_look_at_every_second(
            drawn in proptest::collection::vec((1_u8..4, kind(), -20_i64..110, 1_i64..60, any::<bool>()), 0..12),
            looking in proptest::collection::vec((-20_i64..110, 1_i64..80), 0..4),
        ) {
            let spans: Vec<_> = drawn.iter().map(|(rule, kind, since, length, ends)| {
                span(*rule, *kind, *since, ends.then_some(since + length))
            }).collect();
            let looking: Vec<_> = looking.iter().map(|(from, length)| (*from, from + length)).collect();
            let mut expected = [0_i64; 3];
            for second in 0..END {
                let holds = |rule: u8, kind: SpanKind| spans.iter().any(|span| {
                    span.about.rule == rule.to_string() && span.kind == kind
                        && span.since <= at(second) && span.until.is_none_or(|until| at(second) < until)
                });
                let sees = looking.iter().any(|(from, to)| (*from..*to).contains(&second));
                let down = (1..4).any(|rule| holds(rule, SpanKind::Active) && !holds(rule, SpanKind::Unknown));
                let unknown = (1..4).any(|rule| holds(rule, SpanKind::Unknown));
                let part = if sees && down { 1 } else if !sees || unknown { 2 } else { 0 };
                expected[part] += 1;
            }
            let found = device(&spans, &looking);
            prop_assert_eq!(found, seconds(expected[0], expected[1], expected[2]));
        }
    }
}
