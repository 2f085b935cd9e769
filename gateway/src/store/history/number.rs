//! Numbers that a person would write with up to six decimals, as whole ones with a scale, where they read back exactly.

/// How many decimals a number is tried with.
pub(super) const MOST_DECIMALS: u8 = 6;
/// Scales 0 to 6 are so many decimals of a double; 7 to 13 the same of a single that was widened.
pub(super) const SCALES: u8 = 2 * (MOST_DECIMALS + 1);
const TENS: [f64; 7] = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];
/// Up to 2^52 every whole number is a double of its own.
const LARGEST: f64 = 4_503_599_627_370_496.0;

/// The number as a whole one of a scale, if it reads back exactly; minus zero does not.
pub(super) fn whole(number: f64, scale: u8) -> Option<i64> {
    let whole = (number * tens(scale)).round();
    let exact = whole.abs() < LARGEST && back(whole as i64, scale).to_bits() == number.to_bits();
    exact.then_some(whole as i64)
}

/// And back.
pub(super) fn back(whole: i64, scale: u8) -> f64 {
    let number = whole as f64 / tens(scale);
    if scale > MOST_DECIMALS {
        f64::from(number as f32)
    } else {
        number
    }
}

/// The number to so many decimals, six at most.
pub(super) fn nearest(number: f64, decimals: u8) -> f64 {
    (number * tens(decimals)).round() / tens(decimals)
}

/// The first scale that a number reads back with.
pub(super) fn scale_of(number: f64) -> Option<u8> {
    (0..SCALES).find(|scale| whole(number, *scale).is_some())
}

fn tens(scale: u8) -> f64 {
    TENS.get(usize::from(scale % (MOST_DECIMALS + 1)))
        .copied()
        .unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_with_a_scale_reads_back_bit_by_bit(bits in any::<u64>(), thousandths in any::<i32>()) {
            for number in [f64::from_bits(bits), f64::from(thousandths) / 1000.0, f64::from((f64::from(thousandths) / 100.0) as f32)] {
                for scale in 0..SCALES {
                    if let Some(whole) = whole(number, scale) {
                        prop_assert_eq!(back(whole, scale).to_bits(), number.to_bits());
                    }
                }
            }
            prop_assert!(scale_of(f64::from(thousandths) / 1000.0).is_some_and(|scale| scale <= 3));
        }
    }

    #[test]
    fn what_has_no_whole_number_has_no_scale() {
        for number in [-0.0, f64::NAN, f64::INFINITY, std::f64::consts::PI, 1e300] {
            assert_eq!(scale_of(number), None, "{number}");
        }
    }
}
