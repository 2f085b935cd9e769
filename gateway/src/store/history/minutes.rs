//! What each minute of a slot says, kept where reading it from the column would take long: a week by minutes is a thousand slots.

use model::{Reading, Value};

use super::column;
use super::number::{MOST_DECIMALS, nearest};
use super::summary::{Summary, held};
use super::varint::{Bytes, put_signed, put_unsigned};

/// A minute's length.
pub(super) const MINUTE_NANOSECONDS: i64 = 60 * 1_000_000_000;
/// Minutes of a slot.
const MINUTES: usize = 10;
/// A slot with fewer readings is read as fast.
const WORTH_KEEPING: u64 = 200;
/// A sum is kept with few decimals where that changes it by no more than adding up its readings did.
const EXACT_TO: f64 = 1e-12;

/// The minutes of a slot, in order; none where nothing was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Minutes(pub(super) [Option<Summary>; MINUTES]);

impl Minutes {
    /// Sums up a slot that began at `from`.
    pub(super) fn of(times: &[i64], readings: &[Option<Reading>], from: i64) -> Self {
        let mut minutes = Self::default();
        for (at, reading) in times.iter().zip(readings) {
            let minute = usize::try_from((at - from) / MINUTE_NANOSECONDS).unwrap_or(0);
            if let (Some(reading), Some(minute)) = (reading, minutes.0.get_mut(minute)) {
                minute.get_or_insert_default().add(reading);
            }
        }
        minutes
    }

    /// What they say together.
    pub(super) fn together(&self) -> Summary {
        let mut together = Summary::default();
        self.0.iter().flatten().for_each(|minute| together.join(minute));
        together
    }

    /// As bytes, if they are worth keeping: counts and qualities, then columns of the lowest, and where they differ from it of the highest and the
    /// sums.
    pub(super) fn pack(&self) -> Option<Vec<u8>> {
        if self.together().count < WORTH_KEEPING {
            return None;
        }
        let mut bytes = Vec::new();
        let mut before = 0;
        for minute in &self.0 {
            let code = minute.map_or(NOT_READ, |it| {
                i64::try_from(it.count << 2).unwrap_or(i64::MAX) | i64::from(it.quality)
            });
            put_signed(&mut bytes, code - before);
            before = code;
        }
        let mut put = |of: fn(&Summary) -> Option<f64>| {
            let number = |minute: &Option<Summary>| minute.as_ref().and_then(of).map(good);
            let column = column::pack_few(&self.0.iter().map(number).collect::<Vec<_>>());
            put_unsigned(&mut bytes, column.len() as u64);
            bytes.extend_from_slice(&column);
        };
        put(|it| it.low);
        if self.0.iter().flatten().any(|it| it.low != it.high) {
            put(|it| it.high);
            put(|it| it.low.map(|_| kept_sum(it.sum)));
        }
        Some(bytes)
    }

    /// And back; `None` if they are spoiled.
    pub(super) fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        let mut codes = [0; MINUTES];
        let mut before = 0_i64;
        for code in &mut codes {
            before = before.checked_add(bytes.signed()?)?;
            *code = before;
        }
        let lows = column_of(&mut bytes)?;
        let others = match bytes.0 {
            [] => None,
            _ => Some((column_of(&mut bytes)?, column_of(&mut bytes)?)),
        };
        let mut minutes = Self::default();
        for (position, (minute, code)) in minutes.0.iter_mut().zip(codes).enumerate() {
            if code == NOT_READ {
                continue;
            }
            let number = |column: &[Option<f64>]| column.get(position).copied().flatten();
            let (count, low) = (u64::try_from(code >> 2).ok()?, number(&lows));
            let (high, sum) = match &others {
                Some((highs, sums)) => (number(highs), number(sums)),
                None => (low, low.map(|low| low * count as f64)),
            };
            *minute = Some(Summary {
                count,
                sum: held(sum.unwrap_or(0.0)),
                low,
                high,
                quality: (code & 3) as u8,
            });
        }
        Some(minutes)
    }
}

/// No reading at all: no such quality.
const NOT_READ: i64 = 3;

fn good(number: f64) -> Reading {
    Reading::Good(Value::Number(number))
}

fn kept_sum(sum: f64) -> f64 {
    let is_the_same = |nearest: &f64| (nearest - sum).abs() <= EXACT_TO * sum.abs();
    let mut with_decimals = (0..=MOST_DECIMALS).map(|decimals| nearest(sum, decimals));
    with_decimals.find(is_the_same).unwrap_or(sum)
}

fn column_of(bytes: &mut Bytes<'_>) -> Option<Vec<Option<f64>>> {
    let length = usize::try_from(bytes.unsigned()?).ok()?;
    let column = column::unpack(bytes.take(length)?, MINUTES)?;
    let number = |reading: Option<Reading>| reading?.good()?.as_number();
    Some(column.into_iter().map(number).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Missing;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    fn of(readings: &[Option<Reading>]) -> Minutes {
        let times: Vec<i64> = (0..readings.len() as i64).map(|second| second * SECOND).collect();
        Minutes::of(&times, readings, 0)
    }

    proptest! {
        #[test]
        fn minutes_read_back_as_they_were(
            readings in prop::collection::vec(prop_oneof![
                8 => (-500_i32..500).prop_map(|raw| Some(good(f64::from(raw) / 100.0))),
                1 => any::<f32>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| Some(good(f64::from(number)))),
                1 => Just(Some(Reading::Missing(Missing::NoAnswer))),
                1 => Just(None),
            ], 400..600),
        ) {
            let minutes = of(&readings);
            let back = Minutes::unpack(&minutes.pack().unwrap()).unwrap();
            for (was, is) in minutes.0.iter().zip(&back.0) {
                let (Some(was), Some(is)) = (was, is) else {
                    prop_assert_eq!(was, is);
                    continue;
                };
                prop_assert_eq!((was.count, was.low, was.high, was.quality), (is.count, is.low, is.high, is.quality));
                prop_assert!((was.sum - is.sum).abs() <= 1e-9 * was.sum.abs(), "{} {}", was.sum, is.sum);
            }
        }

        #[test]
        fn spoiled_minutes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Minutes::unpack(&bytes);
        }
    }

    #[test]
    fn minutes_take_little_room_and_none_where_there_is_little_to_read() {
        let waves = |second: u32| Some(good(f64::from(400 + second * 7 % 13) / 1000.0));
        let every_second: Vec<_> = (0..600).map(waves).collect();
        let bytes = of(&every_second).pack().unwrap();
        assert!(bytes.len() < 90, "{}", bytes.len());
        let still = vec![Some(good(0.42)); 600];
        let bytes = of(&still).pack().unwrap();
        assert!(bytes.len() < 26, "{}", bytes.len());
        assert_eq!(of(&every_second[..199]).pack(), None);
    }
}
