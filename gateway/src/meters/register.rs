//! What a meter's register counted from one reading to the next, over roll-overs, replacements and false readings.

use model::{DataType, Point};

/// A fall from the last hundredth of a register to its first is a roll-over; any other one is not.
const WRAP_SHARE: f64 = 0.01;

/// Where a meter's register stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Register {
    /// Its last reading.
    pub last: f64,
    /// Where it stood before it fell, until it has come back there or been replaced.
    pub before_fall: Option<f64>,
}

/// What a reading adds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counted {
    /// In the point's unit.
    pub amount: f64,
    /// 1 for a register that fell, -1 for one that had only seemed to, else 0.
    pub resets: i32,
}

impl Register {
    /// A register of which nothing was read before: what it counted earlier is nobody's.
    pub fn begun(value: f64) -> Self {
        Self {
            last: value,
            before_fall: None,
        }
    }

    /// Takes the next reading. `replaced`: another meter stands there since the last one.
    pub fn take(&mut self, value: f64, wraps_at: &[f64], replaced: bool) -> Counted {
        let before = std::mem::replace(&mut self.last, value);
        if replaced {
            self.before_fall = None;
            return Counted {
                amount: 0.0,
                resets: 1,
            };
        }
        if value < before {
            let wraps = wraps_at.iter().find(|end| wraps(before, value, **end));
            if let Some(end) = wraps {
                return Counted {
                    amount: end - before + value,
                    resets: 0,
                };
            }
            self.before_fall.get_or_insert(before);
            return Counted {
                amount: 0.0,
                resets: 1,
            };
        }
        match self.before_fall.filter(|stood| *stood <= value) {
            // A meter that read too little for a while, and was never replaced: what it had counted before is not counted again.
            Some(stood) => {
                self.before_fall = None;
                Counted {
                    amount: value - stood,
                    resets: -1,
                }
            }
            None => Counted {
                amount: value - before,
                resets: 0,
            },
        }
    }
}

fn wraps(before: f64, value: f64, end: f64) -> bool {
    before <= end && before >= end * (1.0 - WRAP_SHARE) && value <= end * WRAP_SHARE
}

/// Where a point's register may begin anew: at the end of its type, and after the highest value that its profile names, since a display
/// of six digits goes from 999999 to 0 whatever it is kept in.
pub fn wraps_at(point: &Point) -> Vec<f64> {
    let raw_values: Option<f64> = match point.data_type {
        DataType::U16 => Some(65_536.0),
        DataType::U32 => Some(4_294_967_296.0),
        DataType::Bcd => Some(10_000.0),
        _ => None,
    };
    let end_of_type = raw_values.map(|count| count * point.scale.factor() + point.offset);
    let end_of_range = point.range.map(|range| range.high + point.scale.factor().abs());
    end_of_type
        .into_iter()
        .chain(end_of_range)
        .filter(|end| *end > 0.0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What readings one after another come to: the total, and how often the meter was set back.
    fn total(readings: &[f64], wraps_at: &[f64]) -> (f64, i32) {
        let mut register = Register::begun(readings[0]);
        let mut sum = (0.0, 0);
        for value in &readings[1..] {
            let counted = register.take(*value, wraps_at, false);
            sum = (sum.0 + counted.amount, sum.1 + counted.resets);
        }
        sum
    }

    #[test]
    fn a_meter_counts_what_lies_between_its_readings() {
        assert_eq!(total(&[100.0, 103.0, 103.0, 110.0], &[]), (10.0, 0));
    }

    #[test]
    fn a_register_that_rolls_over_goes_on_counting() {
        assert_eq!(
            total(&[999_990.0, 999_998.0, 3.0, 10.0], &[1_000_000.0]),
            (20.0, 0)
        );
        assert_eq!(
            total(&[500_000.0, 3.0, 10.0], &[1_000_000.0]),
            (7.0, 1),
            "from the middle it cannot roll over"
        );
    }

    #[test]
    fn a_new_meter_counts_from_where_it_begins_and_the_fall_is_told() {
        assert_eq!(total(&[5_000.0, 5_010.0, 2.0, 12.0], &[]), (20.0, 1));
    }

    #[test]
    fn a_meter_that_read_zero_for_a_while_has_not_counted_its_whole_register_again() {
        assert_eq!(total(&[5_000.0, 0.0, 0.0, 5_004.0, 5_010.0], &[]), (10.0, 0));
    }

    #[test]
    fn a_meter_that_somebody_replaced_begins_anew_even_with_a_higher_reading() {
        let mut register = Register::begun(1_200.0);
        let counted = register.take(5_000.0, &[], true);
        assert_eq!((counted.amount, counted.resets), (0.0, 1));
        assert_eq!(register.take(5_003.0, &[], false).amount, 3.0);
    }

    #[test]
    fn a_register_ends_where_its_type_or_its_range_does() {
        let site = model::load(&model::Folder::demo(), []).site;
        let (_, energy) = site.profiles["power-meter"].point("energy").unwrap();
        let ends = wraps_at(energy);
        assert_eq!(ends.len(), 2);
        assert!((ends[0] - 429_496_729.6).abs() < 0.01 && ends[1] > 400_000_000.0);
    }

    proptest! {
        /// However often it is read, rolls over and reads zero in between, the total is what has flowed.
        #[test]
        fn the_total_is_what_has_flowed(
            steps in proptest::collection::vec((0_u32..90, any::<bool>()), 1..200),
            begin in 0_u32..10_000,
        ) {
            let wraps = 10_000.0;
            let mut flowed = 0_u32;
            let mut readings = vec![f64::from(begin)];
            for (step, glitch) in steps {
                flowed += step;
                // A reading of nothing right after a roll-over looks like one more of it, and cannot be told apart.
                let stands = f64::from((begin + flowed) % 10_000);
                if glitch && (200.0..9_800.0).contains(&stands) {
                    readings.push(0.0);
                }
                readings.push(stands);
            }
            let (counted, resets) = total(&readings, &[wraps]);
            prop_assert!((counted - f64::from(flowed)).abs() < 1e-6, "{counted} of {flowed}");
            prop_assert_eq!(resets, 0);
        }
    }
}
