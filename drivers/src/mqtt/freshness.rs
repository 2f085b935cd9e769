//! Points that messages leave out: for a while their last value holds, and then it is stale.

use std::collections::HashMap;
use std::time::Duration;

use model::{Doubt, Missing, PointId, Reading, Sample, Value};

/// The last value of each point of a device, and when it came. As many as the device has points.
#[derive(Debug, Default)]
pub(crate) struct Freshness {
    last: HashMap<PointId, (Value, Duration)>,
}

impl Freshness {
    /// Takes points that a message left out from its samples, unless their last value came longer ago than `longest`: it is stale
    /// then. `now` is when the message came.
    pub(crate) fn sift(&mut self, samples: &mut Vec<Sample>, now: Duration, longest: Duration) {
        samples.retain_mut(|sample| match &sample.reading {
            Reading::Missing(Missing::Absent) => match self.last.get(&sample.point) {
                Some((value, since)) if now.saturating_sub(*since) > longest => {
                    sample.reading = Reading::Uncertain(value.clone(), Doubt::Stale);
                    true
                }
                _ => false,
            },
            reading => {
                if let Some(value) = reading.value() {
                    self.last.insert(sample.point, (value.clone(), now));
                }
                true
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(30);

    fn sift(freshness: &mut Freshness, second: u64, reading: Reading) -> Option<Reading> {
        let mut samples = vec![Sample {
            point: PointId(0),
            reading,
        }];
        freshness.sift(&mut samples, Duration::from_secs(second), LONGEST);
        samples.pop().map(|sample| sample.reading)
    }

    #[test]
    fn a_value_that_messages_leave_out_holds_for_a_while_and_is_stale_then() {
        let (mut freshness, absent) = (Freshness::default(), Reading::Missing(Missing::Absent));
        let (value, good) = (Value::Number(4.0), Reading::Good(Value::Number(4.0)));
        assert_eq!(sift(&mut freshness, 0, absent.clone()), None);
        assert_eq!(sift(&mut freshness, 1, good.clone()), Some(good.clone()));
        assert_eq!(sift(&mut freshness, 31, absent.clone()), None);
        let stale = Reading::Uncertain(value, Doubt::Stale);
        assert_eq!(sift(&mut freshness, 32, absent.clone()), Some(stale));
        assert_eq!(sift(&mut freshness, 33, good.clone()), Some(good));
        assert_eq!(sift(&mut freshness, 60, absent), None);
    }

    #[test]
    fn a_null_is_no_value_and_not_left_out() {
        let null = Reading::Missing(Missing::NoValue);
        assert_eq!(sift(&mut Freshness::default(), 0, null.clone()), Some(null));
    }
}
