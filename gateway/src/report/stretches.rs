//! Sets of moments as stretches of time: joined, cut, measured.

use jiff::{SignedDuration, Timestamp};

/// A set of moments: stretches in order that neither touch nor overlap, each from its first moment up to, without, its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretches {
    stretches: Vec<(Timestamp, Timestamp)>,
}

impl Stretches {
    /// One stretch; none at all where it does not end after it begins.
    pub fn one(from: Timestamp, to: Timestamp) -> Self {
        Self::of([(from, to)])
    }

    /// All moments of any of these stretches, which may come in any order and overlap.
    pub fn of(stretches: impl IntoIterator<Item = (Timestamp, Timestamp)>) -> Self {
        let mut sorted: Vec<_> = stretches.into_iter().filter(|(from, to)| from < to).collect();
        sorted.sort_unstable();
        let mut joined: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(sorted.len());
        for (from, to) in sorted {
            match joined.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        Self { stretches: joined }
    }

    /// The stretches, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        self.stretches.iter().copied()
    }

    /// Moments of either.
    pub fn union(&self, other: &Self) -> Self {
        Self::of(self.iter().chain(other.iter()))
    }

    /// Moments of both.
    pub fn intersect(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.iter().peekable(), other.iter().peekable());
        let mut both = Vec::new();
        while let (Some(&one), Some(&two)) = (left.peek(), right.peek()) {
            let (from, to) = (one.0.max(two.0), one.1.min(two.1));
            if from < to {
                both.push((from, to));
            }
            if one.1 <= two.1 {
                left.next();
            } else {
                right.next();
            }
        }
        Self { stretches: both }
    }

    /// Moments of this one that are not of the other.
    pub fn minus(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        let mut cuts = other.iter().peekable();
        for (mut from, to) in self.iter() {
            while let Some(&cut) = cuts.peek() {
                if cut.1 <= from {
                    cuts.next();
                    continue;
                }
                if cut.0 >= to {
                    break;
                }
                if from < cut.0 {
                    rest.push((from, cut.0));
                }
                from = cut.1;
                if from >= to {
                    break;
                }
            }
            if from < to {
                rest.push((from, to));
            }
        }
        Self { stretches: rest }
    }

    /// How long they are together.
    pub fn duration(&self) -> SignedDuration {
        self.iter().fold(SignedDuration::ZERO, |sum, (from, to)| {
            sum + to.duration_since(from)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn set(spans: &[(i64, i64)]) -> Stretches {
        Stretches::of(spans.iter().map(|(from, to)| (at(*from), at(*to))))
    }

    fn has(set: &Stretches, second: i64) -> bool {
        set.iter().any(|(from, to)| from <= at(second) && at(second) < to)
    }

    fn spans() -> impl Strategy<Value = Vec<(i64, i64)>> {
        proptest::collection::vec((0_i64..60, 0_i64..60), 0..8)
    }

    proptest! {
        #[test]
        fn every_moment_is_where_it_belongs(one in spans(), two in spans()) {
            let (left, right) = (set(&one), set(&two));
            for second in 0..60 {
                let is_in = |spans: &[(i64, i64)]| spans.iter().any(|(from, to)| (*from..*to).contains(&second));
                let (in_one, in_two) = (is_in(&one), is_in(&two));
                prop_assert_eq!(has(&left, second), in_one);
                prop_assert_eq!(has(&left.union(&right), second), in_one || in_two);
                prop_assert_eq!(has(&left.intersect(&right), second), in_one && in_two);
                prop_assert_eq!(has(&left.minus(&right), second), in_one && !in_two);
            }
        }

        #[test]
        fn stretches_never_touch_and_are_as_long_as_their_moments(one in spans(), two in spans()) {
            let rest = set(&one).minus(&set(&two));
            for pair in rest.iter().collect::<Vec<_>>().windows(2) {
                prop_assert!(pair[0].1 < pair[1].0);
            }
            let seconds = (0..60).filter(|second| has(&rest, *second)).count();
            prop_assert_eq!(rest.duration().as_secs(), seconds as i64);
        }
    }
}
