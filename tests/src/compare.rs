//! Whether what was stored is what was served: every value, once, in order, and nothing else.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::served::Served;

/// What a database holds: by device and point, in the order of time.
pub type Stored = BTreeMap<(String, String), Vec<(Timestamp, StoredValue)>>;

/// A value as a database gave it back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StoredValue {
    /// A float.
    Number(f64),
    /// A boolean.
    Bool(bool),
}

/// How well a database keeps what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// InfluxDB: floats to the last bit, and booleans as booleans.
    Exact,
    /// VictoriaMetrics: decimal numbers of about twelve digits, and booleans as 1 and 0.
    TwelveDigits,
}

/// What was stored is not what was served.
#[derive(Clone, Debug)]
pub struct Difference(String);

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What the comparison of a run may forgive.
pub struct Leeway<'run> {
    /// How well the database keeps what it is given.
    pub keeping: Keeping,
    /// How long after it was served a sample may have been taken: as long as a poll takes, or as long as a broker
    /// had to keep a message.
    pub within: SignedDuration,
    /// On how many polls of a device its reader had given up: so many of each point's values may be absent.
    pub missed: &'run dyn Fn(&str) -> usize,
}

/// How much earlier than its time in the simulator's record a sample may have been taken: the record is written
/// beside the answer, by a process that had to wait for a processor, and VictoriaMetrics cuts times to milliseconds.
const EARLIER: SignedDuration = SignedDuration::from_millis(-500);

/// Compares all that was served with all that was stored, and returns how many samples agree.
///
/// Both are in the order of time for each point, so they must be the same sequence; what may be absent besides the
/// missed polls is each point's last value, of a poll that was under way when the reader or the devices stopped.
pub fn compare(served: &[Served], stored: &Stored, leeway: &Leeway) -> Result<usize, Difference> {
    let wanted = by_point(served, leeway.keeping);
    if let Some((device, point)) = stored.keys().find(|key| !wanted.contains_key(key)) {
        return Err(Difference(format!(
            "{device} {point} is stored and was never served"
        )));
    }
    let mut agreed = 0;
    let none = Vec::new();
    for ((device, point), served) in &wanted {
        let stored = stored.get(&(device.clone(), point.clone())).unwrap_or(&none);
        agreed += same_sequence(served, stored, (leeway.missed)(device), leeway)
            .map_err(|difference| Difference(format!("{device} {point}: {difference}")))?;
    }
    Ok(agreed)
}

/// Whether all that was served is stored, in its order, at least once: a broker that saw no acknowledgement before the
/// reader was killed sends a message again. Returns how many samples were found.
pub fn all_are_stored(served: &[Served], stored: &Stored, keeping: Keeping) -> Result<usize, Difference> {
    let mut found = 0;
    for (key, served) in by_point(served, keeping) {
        let mut samples = stored.get(&key).into_iter().flatten();
        for (number, (at, value)) in served.iter().enumerate() {
            if !samples.any(|(_, stored)| same_value(*value, *stored, keeping)) {
                let (device, point) = key;
                return Err(Difference(format!(
                    "{device} {point}: number {number}, {value:?} of {at}, is missing"
                )));
            }
        }
        found += served.len();
    }
    Ok(found)
}

fn by_point(served: &[Served], keeping: Keeping) -> Stored {
    let mut wanted = Stored::new();
    for line in served {
        for (point, value) in &line.values {
            let value = match value {
                Value::Number(number) => StoredValue::Number(number.as_f64().expect("a number")),
                Value::Bool(state) if keeping == Keeping::TwelveDigits => {
                    StoredValue::Number(f64::from(u8::from(*state)))
                }
                Value::Bool(state) => StoredValue::Bool(*state),
                // Texts are shown and kept, but no telemetry.
                _ => continue,
            };
            wanted
                .entry((line.device.clone(), point.clone()))
                .or_default()
                .push((line.at, value));
        }
    }
    wanted
}

fn same_sequence(
    served: &[(Timestamp, StoredValue)],
    stored: &[(Timestamp, StoredValue)],
    missed: usize,
    leeway: &Leeway,
) -> Result<usize, String> {
    let mut next = 0;
    let mut skipped = 0;
    for (number, sample) in stored.iter().enumerate() {
        let match_at = served[next..]
            .iter()
            .take(missed - skipped + 1)
            .position(|candidate| agrees(candidate, sample, leeway));
        let Some(ahead) = match_at else {
            let around = &served[next.saturating_sub(1)..served.len().min(next + 3)];
            return Err(format!(
                "stored sample {number} {sample:?} was not served there, but {around:?}"
            ));
        };
        skipped += ahead;
        next += ahead + 1;
    }
    let left = served.len() - next;
    if left > missed - skipped + 1 {
        return Err(format!(
            "{} served, {} stored: the last {left} are not stored",
            served.len(),
            stored.len()
        ));
    }
    Ok(stored.len())
}

fn agrees(served: &(Timestamp, StoredValue), stored: &(Timestamp, StoredValue), leeway: &Leeway) -> bool {
    let later = stored.0.duration_since(served.0);
    later >= EARLIER && later <= leeway.within && same_value(served.1, stored.1, leeway.keeping)
}

fn same_value(served: StoredValue, stored: StoredValue, keeping: Keeping) -> bool {
    match (served, stored) {
        (StoredValue::Number(served), StoredValue::Number(stored)) => {
            let tolerance = match keeping {
                // The JSON reader of these tests may get the last bit wrong.
                Keeping::Exact => 2.0 * f64::EPSILON * served.abs(),
                // Twelve digits of the largest value in the series; a 32-bit float's neighbour is still another.
                Keeping::TwelveDigits => 1e-9 * served.abs().max(1.0),
            };
            (served - stored).abs() <= tolerance
        }
        _ => served == stored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64, value: f64) -> (Timestamp, StoredValue) {
        (
            Timestamp::from_second(second).unwrap(),
            StoredValue::Number(value),
        )
    }

    fn same(
        served: &[(Timestamp, StoredValue)],
        stored: &[(Timestamp, StoredValue)],
        missed: usize,
    ) -> Result<usize, String> {
        let within = SignedDuration::from_secs(5);
        let leeway = Leeway {
            keeping: Keeping::Exact,
            within,
            missed: &|_| missed,
        };
        same_sequence(served, stored, missed, &leeway)
    }

    #[test]
    fn a_lost_an_invented_and_a_repeated_sample_are_told() {
        let served = [at(1, 0.5), at(2, 0.6), at(3, 0.7), at(4, 0.8)];
        assert_eq!(same(&served, &served, 0), Ok(4));
        assert_eq!(
            same(&served, &served[..3], 0),
            Ok(3),
            "the last poll was under way"
        );
        assert!(same(&served, &served[..2], 0).is_err(), "two lost at the end");
        assert!(
            same(&served, &[at(1, 0.5), at(3, 0.7)], 0).is_err(),
            "one lost in between"
        );
        assert_eq!(
            same(&served, &[at(1, 0.5), at(3, 0.7)], 1),
            Ok(2),
            "one timed out"
        );
        assert!(
            same(&served, &[at(1, 0.5), at(2, 0.65)], 0).is_err(),
            "another value"
        );
        assert!(
            same(&served, &[at(1, 0.5), at(1, 0.5)], 0).is_err(),
            "stored twice"
        );
        assert!(
            same(&[at(1, 0.5), at(2, 0.5)], &[at(1, 0.5), at(60, 0.5)], 0).is_err(),
            "a minute late"
        );
    }
}
