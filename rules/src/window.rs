//! What a point did over the last minutes, in at most 300 buckets however long the window is.
//!
//! A value holds from its sample until the next one. A window reaches from the start of a bucket to now and spans at least the
//! length that was asked for, at most one bucket more. A bucket is kept only where the value changed, so a quiet point costs
//! one bucket.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

/// Buckets before the running one, so that with it and the one that carries the value into the window there are 300.
const SPAN_BUCKETS: i64 = 298;
/// No device is polled more often than this makes a difference for.
const NARROWEST_MS: i64 = 1000;

/// The past of one point of one device, over one length.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    width_ms: i64,
    /// How many buckets before the running one belong to it.
    span: i64,
    /// Since when the value is known without a gap.
    since_ms: Option<i64>,
    buckets: VecDeque<Bucket>,
}

/// A stretch of time in which the value changed.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Its number since the epoch.
    number: i64,
    /// When the value first changed in it.
    from_ms: i64,
    /// When it last did.
    until_ms: i64,
    first: f64,
    last: f64,
    low: f64,
    high: f64,
    /// The integral of the value from `from_ms` to `until_ms`.
    area: f64,
    changes: u32,
}

/// What a full window says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct View {
    /// The mean over time.
    pub(crate) average: f64,
    /// The lowest value.
    pub(crate) low: f64,
    /// The highest value.
    pub(crate) high: f64,
    /// How much it rose, a minute; negative when it fell.
    pub(crate) rate_per_minute: f64,
    /// How often it changed.
    pub(crate) changes: u32,
}

impl Window {
    /// An empty window of a length above zero.
    pub(crate) fn new(length: Duration) -> Self {
        let length_ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(1);
        let width_ms = length_ms
            .div_euclid(SPAN_BUCKETS)
            .saturating_add(1)
            .max(NARROWEST_MS);
        let span = length_ms.saturating_add(width_ms - 1).div_euclid(width_ms);
        Self {
            width_ms,
            span,
            since_ms: None,
            buckets: VecDeque::new(),
        }
    }

    /// Takes a value, or its absence, which leaves a gap. A time before the newest one (a clock that was set back) does, too.
    pub(crate) fn put(&mut self, at: Timestamp, value: Option<f64>) {
        let Some(value) = value else { return self.gap() };
        let at_ms = at.as_millisecond();
        if self.buckets.back().is_some_and(|bucket| at_ms < bucket.until_ms) {
            self.gap();
        }
        self.since_ms.get_or_insert(at_ms);
        let number = at_ms.div_euclid(self.width_ms);
        let changed = match self.buckets.back_mut() {
            Some(newest) if newest.last == value => return,
            Some(newest) if newest.number == number => return newest.change(at_ms, value),
            newest => newest.is_some(),
        };
        self.buckets.push_back(Bucket::new(number, at_ms, value, changed));
        let first = number - self.span;
        while self.buckets.get(1).is_some_and(|second| second.number < first) {
            self.buckets.pop_front();
        }
    }

    /// Forgets everything: what came between is not known.
    pub(crate) fn gap(&mut self) {
        self.since_ms = None;
        self.buckets.clear();
    }

    /// Whether the value is known over the whole window that ends now.
    pub(crate) fn is_full(&self, now: Timestamp) -> bool {
        let start_ms = self.first(now) * self.width_ms;
        self.since_ms.is_some_and(|since_ms| since_ms <= start_ms)
    }

    /// What the window that ends now says; `None` until it is full. `now` is not before the newest value.
    pub(crate) fn view(&self, now: Timestamp) -> Option<View> {
        if !self.is_full(now) {
            return None;
        }
        let first = self.first(now);
        let start_ms = first * self.width_ms;
        let inside = self.buckets.partition_point(|bucket| bucket.number < first);
        let carried = inside
            .checked_sub(1)
            .and_then(|before| self.buckets.get(before))
            .map(|bucket| bucket.last);
        let opening = match (self.buckets.get(inside), carried) {
            (Some(bucket), _) if bucket.from_ms == start_ms => bucket.first,
            (_, Some(carried)) => carried,
            // A full window without a carried value begins exactly at its first one.
            (bucket, None) => bucket?.first,
        };
        let mut sum = Sum {
            at_ms: start_ms,
            value: opening,
            area: 0.0,
            low: opening,
            high: opening,
            changes: 0,
        };
        self.buckets.range(inside..).for_each(|bucket| sum.add(bucket));
        if carried.is_some()
            && self
                .buckets
                .get(inside)
                .is_some_and(|bucket| bucket.from_ms == start_ms)
        {
            // The value that came at the very start is the opening one; its coming is no change within the window.
            sum.changes = sum.changes.saturating_sub(1);
        }
        let now_ms = now.as_millisecond().max(sum.at_ms);
        let length_ms = (now_ms - start_ms).max(1) as f64;
        Some(View {
            average: (sum.area + sum.value * (now_ms - sum.at_ms) as f64) / length_ms,
            low: sum.low,
            high: sum.high,
            rate_per_minute: (sum.value - opening) / (length_ms / 60_000.0),
            changes: sum.changes,
        })
    }

    /// When the view may next differ though no value arrives; `None` when it will not.
    pub(crate) fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let since_ms = self.since_ms?;
        let now_ms = now.as_millisecond();
        let running = now_ms.div_euclid(self.width_ms);
        let quiet = match self.buckets.back() {
            Some(newest) if self.buckets.len() == 1 && newest.changes == 0 => true,
            newest => newest.is_none_or(|newest| newest.number < running - self.span),
        };
        let full_ms = (since_ms
            .saturating_add(self.width_ms - 1)
            .div_euclid(self.width_ms)
            + self.span)
            * self.width_ms;
        let next_ms = if now_ms < full_ms {
            full_ms
        } else if quiet {
            return None;
        } else {
            (running + 1) * self.width_ms
        };
        Timestamp::from_millisecond(next_ms).ok()
    }

    /// The number of the first bucket of the window that ends now.
    fn first(&self, now: Timestamp) -> i64 {
        now.as_millisecond().div_euclid(self.width_ms) - self.span
    }
}

impl Bucket {
    fn new(number: i64, at_ms: i64, value: f64, changed: bool) -> Self {
        Self {
            number,
            from_ms: at_ms,
            until_ms: at_ms,
            first: value,
            last: value,
            low: value,
            high: value,
            area: 0.0,
            changes: u32::from(changed),
        }
    }

    fn change(&mut self, at_ms: i64, value: f64) {
        self.area += self.last * (at_ms - self.until_ms) as f64;
        self.until_ms = at_ms;
        self.last = value;
        self.low = self.low.min(value);
        self.high = self.high.max(value);
        self.changes = self.changes.saturating_add(1);
    }
}

/// What has been added up from the window's start on.
struct Sum {
    at_ms: i64,
    value: f64,
    area: f64,
    low: f64,
    high: f64,
    changes: u32,
}

impl Sum {
    fn add(&mut self, bucket: &Bucket) {
        self.area += self.value * (bucket.from_ms - self.at_ms) as f64 + bucket.area;
        self.at_ms = bucket.until_ms;
        self.value = bucket.last;
        self.low = self.low.min(bucket.low);
        self.high = self.high.max(bucket.high);
        self.changes = self.changes.saturating_add(bucket.changes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    /// The same in the slow and obvious way: every value is kept, and every millisecond of the window is looked at.
    fn slowly(window: &Window, values: &[(i64, Option<f64>)], now_ms: i64) -> Option<View> {
        let epoch_ms = 1_800_000_000_000;
        let running = (now_ms + epoch_ms).div_euclid(window.width_ms);
        let start_ms = (running - window.span) * window.width_ms - epoch_ms;
        let value_at = |at_ms: i64| {
            values
                .iter()
                .rev()
                .find(|(from_ms, _)| *from_ms <= at_ms)
                .and_then(|(_, value)| *value)
        };
        let every_ms: Option<Vec<f64>> = (start_ms..=now_ms).map(value_at).collect();
        let every_ms = every_ms?;
        // The last millisecond is the instant `now`, which lasts no time.
        let lasting = &every_ms[..every_ms.len() - 1];
        let (opening, closing) = (*every_ms.first()?, *every_ms.last()?);
        Some(View {
            average: lasting.iter().sum::<f64>() / lasting.len() as f64,
            low: every_ms.iter().copied().fold(f64::INFINITY, f64::min),
            high: every_ms.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            rate_per_minute: (closing - opening) / (lasting.len() as f64 / 60_000.0),
            changes: u32::try_from(every_ms.windows(2).filter(|pair| pair[0] != pair[1]).count()).unwrap(),
        })
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-6
    }

    proptest! {
        #[test]
        fn a_window_says_what_looking_at_every_millisecond_says(
            length_s in 1_u64..12,
            steps in prop::collection::vec((1_i64..2500, prop::option::weighted(0.97, 0_i8..3)), 1..60),
            wait_ms in 0_i64..15_000,
        ) {
            let mut window = Window::new(Duration::from_secs(length_s));
            let mut values = Vec::new();
            let mut now_ms = 0;
            for (after_ms, value) in steps {
                now_ms += after_ms;
                let value = value.map(f64::from);
                window.put(ms(now_ms), value);
                values.push((now_ms, value));
                prop_assert!(window.buckets.len() <= 300);
            }
            for now_ms in [now_ms, now_ms + wait_ms] {
                let (said, expected) = (window.view(ms(now_ms)), slowly(&window, &values, now_ms));
                prop_assert_eq!(said.is_some(), expected.is_some());
                prop_assert_eq!(said.is_some(), window.is_full(ms(now_ms)));
                if let (Some(said), Some(expected)) = (said, expected) {
                    prop_assert!(close(said.average, expected.average), "{said:?} {expected:?}");
                    prop_assert!(close(said.rate_per_minute, expected.rate_per_minute), "{said:?} {expected:?}");
                    prop_assert_eq!((said.low, said.high, said.changes), (expected.low, expected.high, expected.changes));
                }
            }
        }

        #[test]
        fn nothing_changes_before_it_is_due(
            length_s in 1_u64..8,
            steps in prop::collection::vec((1_i64..2500, 0_i8..2), 1..12),
        ) {
            let mut window = Window::new(Duration::from_secs(length_s));
            let mut now_ms = 0;
            for (after_ms, value) in steps {
                now_ms += after_ms;
                window.put(ms(now_ms), Some(f64::from(value)));
            }
            // Within a bucket the mean still drifts a little; what is promised is that a due time comes for every other change.
            let due_ms = window.next_change(ms(now_ms)).map_or(now_ms + 60_000, |due| due.as_millisecond() - 1_800_000_000_000);
            let facts = |at_ms: i64| window.view(ms(at_ms)).map(|view| (view.low, view.high, view.changes));
            for at_ms in (now_ms..due_ms).step_by(97).chain([due_ms - 1]) {
                prop_assert_eq!(facts(at_ms.max(now_ms)), facts(now_ms));
            }
        }
    }

    #[test]
    fn a_week_of_a_restless_point_takes_at_most_300_buckets() {
        let mut window = Window::new(Duration::from_secs(7 * 24 * 3600));
        for minute in 0..20_000 {
            window.put(ms(minute * 60_000), Some(minute as f64));
        }
        assert!(window.buckets.len() <= 300, "{}", window.buckets.len());
        let view = window.view(ms(19_999 * 60_000)).unwrap();
        assert!((view.rate_per_minute - 1.0).abs() < 1e-3, "{view:?}");
        assert_eq!(view.high, 19_999.0);
    }

    #[test]
    fn a_point_that_stands_still_takes_one_bucket() {
        let mut window = Window::new(Duration::from_secs(60));
        for second in 0..1000 {
            window.put(ms(second * 1000), Some(0.3));
        }
        assert_eq!(window.buckets.len(), 1);
        assert_eq!(window.next_change(ms(1_000_000)), None);
    }

    #[test]
    fn a_clock_that_was_set_back_is_a_gap() {
        let mut window = Window::new(Duration::from_secs(5));
        window.put(ms(10_000), Some(1.0));
        window.put(ms(20_000), Some(2.0));
        assert!(window.is_full(ms(20_000)));
        window.put(ms(15_000), Some(2.5));
        assert!(!window.is_full(ms(19_000)));
        assert!(window.is_full(ms(20_000)));
    }
}
