//! What a rule's condition on a device was, stretch by stretch: the evidence for availability, where unknown never counts as fine.
//!
//! An alarm begins with its first activation; a condition is there from the first moment of a run, and unknown until it is read.
//! Two things are kept apart, as an alarm keeps them: whether the condition is active, and whether anybody knows.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

/// What a stretch says of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpanKind {
    /// The condition holds, as alarms see it: after its on-delay, from its first reading on.
    Active,
    /// Nobody knows whether it holds; an activation that lasts meanwhile is kept beside it.
    Unknown,
}

impl SpanKind {
    /// The name that it is stored under.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Unknown => "unknown",
        }
    }
}

/// A stretch of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionSpan {
    /// The alarm's id, whether there ever was such an alarm or not.
    pub alarm: String,
    /// Which condition.
    pub about: ConditionOf,
    /// What it says.
    pub kind: SpanKind,
    /// From its first moment …
    pub since: Timestamp,
    /// … up to this one; none while it lasts.
    pub until: Option<Timestamp>,
}

/// Which condition: a rule's on a device, and the row of the service standard that it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionOf {
    /// The device.
    pub device: String,
    /// Its class.
    pub class: String,
    /// The rule.
    pub rule: String,
    /// The row of the standard.
    pub standard: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    about: ConditionOf,
    active_since: Option<Timestamp>,
    unknown_since: Option<Timestamp>,
}

impl Condition {
    fn since(&mut self, kind: SpanKind) -> &mut Option<Timestamp> {
        match kind {
            SpanKind::Active => &mut self.active_since,
            SpanKind::Unknown => &mut self.unknown_since,
        }
    }
}

/// How every condition that is kept stands, by its alarm's id.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    by_alarm: HashMap<String, Condition>,
}

impl Conditions {
    /// A condition is kept from now on; until something is said of it, it is neither active nor unknown.
    pub fn keep(&mut self, alarm: String, about: ConditionOf) {
        let condition = Condition {
            about,
            active_since: None,
            unknown_since: None,
        };
        self.by_alarm.insert(alarm, condition);
    }

    /// Whether a condition is kept.
    pub fn has(&self, alarm: &str) -> bool {
        self.by_alarm.contains_key(alarm)
    }

    /// The alarms' ids of all that are kept.
    pub fn alarms(&self) -> impl Iterator<Item = &str> {
        self.by_alarm.keys().map(String::as_str)
    }

    /// Takes in a stretch that has been written.
    pub fn apply(&mut self, span: &ConditionSpan) {
        if let Some(condition) = self.by_alarm.get_mut(&span.alarm) {
            *condition.since(span.kind) = span.until.is_none().then_some(span.since);
        }
    }
}

/// Stretches in the making, over the conditions as they stand.
#[derive(Debug)]
pub struct ConditionsDraft<'book> {
    book: &'book Conditions,
    touched: HashMap<String, Condition>,
    spans: BTreeMap<(String, SpanKind, Timestamp), ConditionSpan>,
}

impl<'book> ConditionsDraft<'book> {
    /// A draft in which nothing has changed.
    pub fn new(book: &'book Conditions) -> Self {
        Self {
            book,
            touched: HashMap::new(),
            spans: BTreeMap::new(),
        }
    }

    /// Whether the condition is known at `at`; the same again changes nothing.
    pub fn known(&mut self, alarm: &str, known: bool, at: Timestamp) {
        if known {
            self.end(alarm, SpanKind::Unknown, at);
        } else {
            self.begin(alarm, SpanKind::Unknown, at);
        }
    }

    /// The condition holds since its first reading.
    pub fn raised(&mut self, alarm: &str, since: Timestamp) {
        self.begin(alarm, SpanKind::Active, since);
    }

    /// It has been back to normal since the first good reading of that.
    pub fn returned(&mut self, alarm: &str, since: Timestamp) {
        self.end(alarm, SpanKind::Active, since);
    }

    /// The stretches that began or ended.
    pub fn finish(self) -> Vec<ConditionSpan> {
        self.spans.into_values().collect()
    }

    fn begin(&mut self, alarm: &str, kind: SpanKind, since: Timestamp) {
        let Some(condition) = self.touch(alarm) else {
            return;
        };
        if condition.since(kind).is_none() {
            *condition.since(kind) = Some(since);
            let about = condition.about.clone();
            self.say(alarm, about, kind, since, None);
        }
    }

    fn end(&mut self, alarm: &str, kind: SpanKind, until: Timestamp) {
        let Some(condition) = self.touch(alarm) else {
            return;
        };
        if let Some(since) = condition.since(kind).take() {
            let about = condition.about.clone();
            self.say(alarm, about, kind, since, Some(until.max(since)));
        }
    }

    fn say(
        &mut self,
        alarm: &str,
        about: ConditionOf,
        kind: SpanKind,
        since: Timestamp,
        until: Option<Timestamp>,
    ) {
        let span = ConditionSpan {
            alarm: alarm.to_owned(),
            about,
            kind,
            since,
            until,
        };
        self.spans.insert((alarm.to_owned(), kind, since), span);
    }

    /// The condition to change; only a clone of those that are asked for is made. One that is asked for in vain costs a look-up.
    fn touch(&mut self, alarm: &str) -> Option<&mut Condition> {
        let known = self.book.by_alarm.get(alarm)?;
        if !self.touched.contains_key(alarm) {
            self.touched.insert(alarm.to_owned(), known.clone());
        }
        self.touched.get_mut(alarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    fn book() -> Conditions {
        let mut book = Conditions::default();
        let about = ConditionOf {
            device: "fire-main-1".into(),
            class: "fire_water".into(),
            rule: "low".into(),
            standard: "fire-water".into(),
        };
        book.keep("fire-main-1.low".into(), about);
        book
    }

    /// Does something with the one condition and gives what was written, as `kind since..until` in seconds.
    fn does(book: &mut Conditions, work: impl FnOnce(&mut ConditionsDraft<'_>)) -> Vec<String> {
        let mut draft = ConditionsDraft::new(book);
        work(&mut draft);
        let spans = draft.finish();
        spans.iter().for_each(|span| book.apply(span));
        let seconds = |moment: Timestamp| moment.as_second() - 1_795_000_000;
        let shown = spans.iter().map(|span| {
            let until = span
                .until
                .map_or("…".to_owned(), |until| seconds(until).to_string());
            format!("{} {}..{until}", span.kind.name(), seconds(span.since))
        });
        shown.collect()
    }

    #[test]
    fn a_condition_is_told_when_it_changes_and_not_again() {
        let mut book = book();
        assert_eq!(
            does(&mut book, |draft| draft.raised("fire-main-1.low", at(5))),
            ["active 5..…"]
        );
        assert!(does(&mut book, |draft| draft.raised("fire-main-1.low", at(6))).is_empty());
        assert_eq!(
            does(&mut book, |draft| draft.returned("fire-main-1.low", at(9))),
            ["active 5..9"]
        );
        assert!(does(&mut book, |draft| draft.known("fire-main-1.low", true, at(10))).is_empty());
    }

    #[test]
    fn an_activation_lasts_while_nobody_knows() {
        let mut book = book();
        does(&mut book, |draft| draft.raised("fire-main-1.low", at(0)));
        assert_eq!(
            does(&mut book, |draft| draft.known("fire-main-1.low", false, at(10))),
            ["unknown 10..…"]
        );
        let back = does(&mut book, |draft| {
            draft.known("fire-main-1.low", true, at(20));
            draft.returned("fire-main-1.low", at(20));
        });
        assert_eq!(back, ["active 0..20", "unknown 10..20"]);
    }

    #[test]
    fn a_condition_that_is_not_kept_is_passed_over() {
        let mut book = book();
        assert!(does(&mut book, |draft| draft.raised("gateway.rule-broken-low", at(0))).is_empty());
    }
}
