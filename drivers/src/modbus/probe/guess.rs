//! What registers may mean: every type in every order that gives something plausible, the likeliest first.

use std::collections::BTreeMap;

use model::{Address, DataType, Order, Point, Reading, RegisterTable, Scale, Text, Value};

use super::super::decode;

/// A text is guessed from so many readable characters on.
const SHORTEST_TEXT_BYTES: usize = 6;
const LONGEST_TEXT_REGISTERS: usize = 32;
/// Most numbers of one register are below it.
const SMALL: u16 = 10_000;

/// One meaning of the registers from an address on.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// How they would be written.
    pub data_type: DataType,
    /// In which order.
    pub order: Order,
    /// What they would say.
    pub value: Value,
    /// How likely it is, from 0 to 100.
    pub likely: u8,
}

const ORDERS: [Order; 4] = [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba];

/// Every plausible meaning of the register at `at`, the likeliest first. `values` are the registers of one table.
pub fn guesses(values: &BTreeMap<u16, u16>, at: u16) -> Vec<Guess> {
    let words = together(values, at);
    let mut guesses: Vec<Guess> = Vec::new();
    guesses.extend(text(&words));
    for (data_type, orders) in [
        (DataType::F32, &ORDERS[..]),
        (DataType::F64, &ORDERS[..]),
        (DataType::U32, &ORDERS[..]),
        (DataType::I32, &ORDERS[..]),
        (DataType::U16, &[Order::Abcd]),
        (DataType::I16, &[Order::Abcd]),
        (DataType::Bcd, &[Order::Abcd]),
    ] {
        guesses.extend(orders.iter().filter_map(|order| guess(&words, data_type, *order)));
    }
    guesses.sort_by_key(|guess| std::cmp::Reverse(guess.likely));
    guesses
}

/// What a whole table likely is: from each register on the likeliest meaning, which takes the registers after it with it.
pub fn meaning(values: &BTreeMap<u16, u16>) -> Vec<(u16, Guess)> {
    let mut meanings = Vec::new();
    let mut next = 0_u32;
    for at in values.keys().copied() {
        if u32::from(at) < next {
            continue;
        }
        if let Some(guess) = guesses(values, at).into_iter().next() {
            next = u32::from(at) + u32::from(guess.data_type.registers());
            meanings.push((at, guess));
        }
    }
    meanings
}

/// The registers from `at` on, as far as there is no hole.
fn together(values: &BTreeMap<u16, u16>, at: u16) -> Vec<u16> {
    (at..=u16::MAX)
        .take(LONGEST_TEXT_REGISTERS)
        .map_while(|number| values.get(&number).copied())
        .collect()
}

fn guess(words: &[u16], data_type: DataType, order: Order) -> Option<Guess> {
    let is_among_small = words.iter().take(2).all(|word| *word < SMALL) && words.first() != Some(&0);
    let words = words.get(..usize::from(data_type.registers()))?;
    let Reading::Good(value) = decode::registers(&point(data_type, order), words) else {
        return None;
    };
    let number = value.as_number()?;
    let likely = match data_type {
        DataType::F32 | DataType::F64 => likely_float(number, order)?,
        DataType::U32 | DataType::I32 => likely_wide(number, data_type, order)?,
        DataType::I16 => likely_signed(number)?,
        DataType::Bcd => likely_digits(number)?,
        // Bytes that stand for something else are rarely two small numbers.
        _ if is_among_small => 80,
        _ => 50,
    };
    Some(Guess {
        data_type,
        order,
        value,
        likely,
    })
}

/// A number with a point is likely one when it is of a size that something in a building has, and more so with few digits.
fn likely_float(number: f64, order: Order) -> Option<u8> {
    let size = number.abs();
    if !(1e-4..1e9).contains(&size) {
        return None;
    }
    let is_everyday = (0.01..100_000.0).contains(&size);
    let has_few_digits = (number * 100.0 - (number * 100.0).round()).abs() < size * 1e-5;
    let likely = 45 + 30 * u8::from(is_everyday) + 15 * u8::from(has_few_digits);
    Some(likely - rarity(order))
}

/// A counter has its high register nearly empty; a number below zero is small.
fn likely_wide(number: f64, data_type: DataType, order: Order) -> Option<u8> {
    let is_counter =
        data_type == DataType::U32 && (65_536.0..100_000_000.0).contains(&number) && number % 65_536.0 != 0.0;
    let is_small_debt = data_type == DataType::I32 && (-1_000_000.0..0.0).contains(&number);
    (is_counter || is_small_debt).then(|| 55 - rarity(order))
}

fn likely_signed(number: f64) -> Option<u8> {
    (-10_000.0..0.0).contains(&number).then_some(60)
}

/// Any small number may be one; it is worth a line only where the digits differ from the number itself.
fn likely_digits(number: f64) -> Option<u8> {
    (number > 9.0).then_some(20)
}

fn rarity(order: Order) -> u8 {
    match order {
        Order::Abcd => 0,
        Order::Cdab => 2,
        Order::Dcba => 8,
        Order::Badc => 10,
    }
}

fn text(words: &[u16]) -> Option<Guess> {
    let is_readable = |byte: &u8| (0x20..0x7f).contains(byte);
    let [plain, swapped] = [u16::to_be_bytes, u16::to_le_bytes].map(|bytes| {
        let bytes = words.iter().flat_map(|word| bytes(*word));
        bytes.take_while(is_readable).count()
    });
    let (order, bytes) = if plain >= swapped {
        (Order::Abcd, plain)
    } else {
        (Order::Badc, swapped)
    };
    let letters = bytes >= SHORTEST_TEXT_BYTES;
    let data_type = DataType::String(
        u16::try_from(bytes.next_multiple_of(2))
            .ok()
            .filter(|_| letters)?,
    );
    let words = words.get(..usize::from(data_type.registers()))?;
    match decode::registers(&point(data_type, order), words) {
        Reading::Good(value) => Some(Guess {
            data_type,
            order,
            value,
            likely: 95,
        }),
        _ => None,
    }
}

fn point(data_type: DataType, order: Order) -> Point {
    Point {
        name: String::new(),
        title: Text::default(),
        unit: String::new(),
        address: Address::Register {
            table: RegisterTable::Holding,
            number: 0,
        },
        data_type,
        order,
        scale: Scale::ONE,
        offset: 0.0,
        range: None,
        missing: Vec::new(),
        every: 1,
        labels: BTreeMap::new(),
        meter: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(words: &[u16]) -> Guess {
        let values = (0..).zip(words.iter().copied()).collect();
        guesses(&values, 0).into_iter().next().unwrap()
    }

    #[test]
    fn what_a_device_in_a_building_has_is_guessed_right() {
        for (words, data_type, order) in [
            (&[0x43, 0x4b][..], DataType::U16, Order::Abcd),
            (&[0x41ac, 0x0000], DataType::F32, Order::Abcd),
            (&[0x0000, 0x4366], DataType::F32, Order::Cdab),
            (&[0x4248, 0x999a], DataType::F32, Order::Abcd),
            (&[0xfff6], DataType::I16, Order::Abcd),
            (&[0, 8], DataType::U16, Order::Abcd),
            (&[0x0012, 0xd687], DataType::U32, Order::Abcd),
            (
                &[0x4143, 0x4d45, 0x2d50, 0x3031],
                DataType::String(8),
                Order::Abcd,
            ),
        ] {
            let guess = best(words);
            assert_eq!(
                (guess.data_type, guess.order),
                (data_type, order),
                "{words:x?}: {guess:?}"
            );
        }
    }

    #[test]
    fn a_meaning_takes_its_registers_with_it() {
        let values = BTreeMap::from([(10, 0x41ac), (11, 0), (12, 7), (20, 1)]);
        let meaning: Vec<_> = meaning(&values)
            .into_iter()
            .map(|(at, guess)| (at, guess.data_type))
            .collect();
        assert_eq!(
            meaning,
            [(10, DataType::F32), (12, DataType::U16), (20, DataType::U16)]
        );
    }
}
