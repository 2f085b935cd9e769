//! What the registers and bits of an answer mean: each data type in each order, straight into a reading.

use model::{DataType, Missing, Order, Point, Reading, Value};

const MALFORMED: Reading = Reading::Missing(Missing::Malformed);

/// The reading of a point from its bit of a coil or discrete answer.
pub(crate) fn bit(point: &Point, bit: bool) -> Reading {
    match point.data_type {
        DataType::Bool => state(point, f64::from(u8::from(bit)), bit),
        _ => MALFORMED,
    }
}

/// The reading of a point from its registers, exactly as many as its type takes; any other number of them is malformed.
pub(crate) fn registers(point: &Point, words: &[u16]) -> Reading {
    let mut reading = MALFORMED;
    read_registers(point, words, &mut reading);
    reading
}

/// Writes the [reading](registers) of a point in its place.
pub(crate) fn read_registers(point: &Point, words: &[u16], reading: &mut Reading) {
    let raw = match (point.data_type, words) {
        // Nearly all points are of these two.
        (DataType::U16, [word]) => Some(f64::from(*word)),
        (DataType::F32, [first, second]) => {
            Some(f64::from(f32::from_bits(pair(point.order, *first, *second))))
        }
        (data_type, _) if words.len() != usize::from(data_type.registers()) => None,
        (DataType::Bool, [word]) => {
            *reading = state(point, f64::from(*word), *word != 0);
            return;
        }
        (DataType::Bit(number @ 0..=15), [word]) => {
            *reading = state(point, f64::from(*word), word >> number & 1 == 1);
            return;
        }
        (DataType::Bit(_), _) => None,
        (DataType::String(bytes), _) => {
            *reading = text(point.order, words, usize::from(bytes));
            return;
        }
        (DataType::Bcd, [word]) => decimal_digits(*word),
        (data_type, _) => gather(point.order, words).map(|bits| number(data_type, bits)),
    };
    match raw {
        Some(raw) => point.read_number(raw, reading),
        None => *reading = MALFORMED,
    }
}

/// A state, unless the whole register (or bit) is one of the profile's raw values for "no value".
fn state(point: &Point, raw: f64, state: bool) -> Reading {
    if point.missing.contains(&raw) {
        return Reading::Missing(Missing::NoValue);
    }
    Reading::Good(Value::Bool(state))
}

/// The bits of two registers, highest first whatever order they came in.
fn pair(order: Order, first: u16, second: u16) -> u32 {
    let (high, low) = match order {
        Order::Abcd => (first, second),
        Order::Cdab => (second, first),
        Order::Badc => (first.swap_bytes(), second.swap_bytes()),
        Order::Dcba => (second.swap_bytes(), first.swap_bytes()),
    };
    u32::from(high) << 16 | u32::from(low)
}

/// The bits of one, two or four registers as one number, highest first whatever order they came in. One register has no order.
fn gather(order: Order, words: &[u16]) -> Option<u64> {
    match words {
        [word] => Some(u64::from(*word)),
        [first, second] => Some(u64::from(pair(order, *first, *second))),
        [first, second, third, fourth] => {
            let (front, back) = (pair(order, *first, *second), pair(order, *third, *fourth));
            let (high, low) = match order {
                Order::Abcd | Order::Badc => (front, back),
                Order::Cdab | Order::Dcba => (back, front),
            };
            Some(u64::from(high) << 32 | u64::from(low))
        }
        _ => None,
    }
}

/// The raw number that gathered bits mean; casts to a narrower type keep its low bits, which are all there are.
fn number(data_type: DataType, bits: u64) -> f64 {
    match data_type {
        DataType::I16 => f64::from(bits as i16),
        DataType::I32 => f64::from(bits as i32),
        DataType::I64 => bits as i64 as f64,
        DataType::F32 => f64::from(f32::from_bits(bits as u32)),
        DataType::F64 => f64::from_bits(bits),
        _ => bits as f64,
    }
}

/// Four decimal digits; `None` when one of them is none.
fn decimal_digits(word: u16) -> Option<f64> {
    let digit = |shift: u32| Some(word >> shift & 0xf).filter(|digit| *digit <= 9);
    Some(f64::from(
        digit(12)? * 1000 + digit(8)? * 100 + digit(4)? * 10 + digit(0)?,
    ))
}

/// A text of so many bytes, two a register, up to its first NUL and without trailing spaces. Only the order of the two bytes in a
/// register matters: no device reverses the registers of a text.
fn text(order: Order, words: &[u16], length: usize) -> Reading {
    let low_first = matches!(order, Order::Badc | Order::Dcba);
    let bytes: Vec<u8> = words
        .iter()
        .flat_map(|word| {
            if low_first {
                word.to_le_bytes()
            } else {
                word.to_be_bytes()
            }
        })
        .take(length)
        .take_while(|byte| *byte != 0)
        .collect();
    match std::str::from_utf8(&bytes) {
        Ok(text) => Reading::Good(Value::Text(text.trim_end_matches(' ').into())),
        Err(_) => MALFORMED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_site::point_at;
    use model::RegisterTable;
    use proptest::prelude::*;

    const ORDERS: [Order; 4] = [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba];

    fn point(data_type: DataType, order: Order) -> Point {
        Point {
            order,
            ..point_at(RegisterTable::Holding, 0, data_type)
        }
    }

    fn check(data_type: DataType, order: Order, words: &[u16], expected: Reading) {
        assert_eq!(
            registers(&point(data_type, order), words),
            expected,
            "{data_type:?} {order:?} {words:x?}"
        );
    }

    fn good(number: f64) -> Reading {
        Reading::Good(Value::Number(number))
    }

    #[test]
    fn every_type_over_one_register_is_read_in_all_four_orders() {
        // 0x41200000 is 10.0, 0x00010002 is 65538, 0x0001000200030004 is 281483566841860.
        let cases: [(DataType, f64, [&[u16]; 4]); 5] = [
            (
                DataType::F32,
                10.0,
                [&[0x4120, 0], &[0, 0x4120], &[0x2041, 0], &[0, 0x2041]],
            ),
            (
                DataType::U32,
                65538.0,
                [&[1, 2], &[2, 1], &[0x100, 0x200], &[0x200, 0x100]],
            ),
            (
                DataType::I32,
                -2.0,
                [
                    &[0xffff, 0xfffe],
                    &[0xfffe, 0xffff],
                    &[0xffff, 0xfeff],
                    &[0xfeff, 0xffff],
                ],
            ),
            (
                DataType::U64,
                281_483_566_841_860.0,
                [
                    &[1, 2, 3, 4],
                    &[4, 3, 2, 1],
                    &[0x100, 0x200, 0x300, 0x400],
                    &[0x400, 0x300, 0x200, 0x100],
                ],
            ),
            (
                DataType::F64,
                -1.5,
                [
                    &[0xbff8, 0, 0, 0],
                    &[0, 0, 0, 0xbff8],
                    &[0xf8bf, 0, 0, 0],
                    &[0, 0, 0, 0xf8bf],
                ],
            ),
        ];
        for (data_type, value, by_order) in cases {
            for (order, words) in ORDERS.into_iter().zip(by_order) {
                check(data_type, order, words, good(value));
            }
        }
        check(DataType::I64, Order::Abcd, &[0xffff; 4], good(-1.0));
    }

    #[test]
    fn one_register_has_no_order() {
        for order in ORDERS {
            check(DataType::U16, order, &[0x1234], good(4660.0));
            check(DataType::I16, order, &[0xffff], good(-1.0));
            check(DataType::Bcd, order, &[0x1234], good(1234.0));
            check(DataType::Bool, order, &[0x0100], Reading::Good(Value::Bool(true)));
            check(
                DataType::Bit(8),
                order,
                &[0x0100],
                Reading::Good(Value::Bool(true)),
            );
            check(
                DataType::Bit(0),
                order,
                &[0x0100],
                Reading::Good(Value::Bool(false)),
            );
        }
    }

    #[test]
    fn what_is_no_number_of_its_type_is_malformed_or_no_value_and_never_a_zero() {
        check(DataType::Bcd, Order::Abcd, &[0x12a4], MALFORMED);
        check(DataType::Bit(16), Order::Abcd, &[0], MALFORMED);
        check(
            DataType::F32,
            Order::Abcd,
            &[0x7fc0, 0],
            Reading::Missing(Missing::NoValue),
        );
        check(
            DataType::F32,
            Order::Abcd,
            &[0x7f80, 0],
            Reading::Missing(Missing::NoValue),
        );
        let mut sentinel = point(DataType::Bit(3), Order::Abcd);
        sentinel.missing = vec![65535.0];
        assert_eq!(
            registers(&sentinel, &[0xffff]),
            Reading::Missing(Missing::NoValue)
        );
        assert_eq!(bit(&point(DataType::U16, Order::Abcd), true), MALFORMED);
        assert_eq!(
            bit(&point(DataType::Bool, Order::Abcd), true),
            Reading::Good(Value::Bool(true))
        );
    }

    #[test]
    fn a_text_ends_at_its_length_or_its_first_nul() {
        let text = |text: &str| Reading::Good(Value::Text(text.into()));
        check(DataType::String(4), Order::Abcd, &[0x4142, 0x4344], text("ABCD"));
        check(DataType::String(3), Order::Abcd, &[0x4142, 0x4344], text("ABC"));
        check(DataType::String(4), Order::Badc, &[0x4241, 0x4443], text("ABCD"));
        check(DataType::String(4), Order::Cdab, &[0x4142, 0x0044], text("AB"));
        check(DataType::String(4), Order::Abcd, &[0x4120, 0x2020], text("A"));
        check(DataType::String(4), Order::Abcd, &[0xffff, 0xffff], MALFORMED);
    }

    proptest! {
        #[test]
        fn an_answer_of_the_wrong_length_is_malformed(words in prop::collection::vec(any::<u16>(), 0..12), which in 0_usize..11) {
            use DataType::{Bcd, Bit, Bool, F32, F64, I16, I32, I64, String, U16, U64};
            let data_type = [Bool, U16, I16, I32, U64, I64, F32, F64, Bcd, Bit(3), String(7)][which];
            let reading = registers(&point(data_type, Order::Cdab), &words);
            if words.len() != usize::from(data_type.registers()) {
                prop_assert_eq!(reading, MALFORMED);
            }
        }

        #[test]
        fn a_number_reads_back_as_it_was_sent(value in any::<f32>(), wide in any::<i32>()) {
            let bits = value.to_bits();
            let reading = registers(&point(DataType::F32, Order::Cdab), &[bits as u16, (bits >> 16) as u16]);
            if value.is_finite() {
                prop_assert_eq!(reading, good(f64::from(value)));
            }
            let reading = registers(&point(DataType::I32, Order::Abcd), &[(wide >> 16) as u16, wide as u16]);
            prop_assert_eq!(reading, good(f64::from(wide)));
        }
    }
}
