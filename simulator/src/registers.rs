//! What a Modbus device answers to a read: pure, from its profile and what its points show.

use std::collections::BTreeMap;

use model::{Address, Point, Profile, RegisterTable, Value};

use crate::encode;

/// Why a device refuses a read: the Modbus exception codes that a simulated device uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 01: it doesn't know the function.
    IllegalFunction = 1,
    /// 02: there is no such register.
    IllegalAddress = 2,
    /// 03: it can't take so many at once.
    IllegalCount = 3,
    /// 04: it is broken.
    DeviceFailure = 4,
    /// 0B: there is no such unit behind the gateway.
    NoSuchUnit = 11,
}

/// A stretch of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) table: RegisterTable,
    pub(crate) first: u16,
    pub(crate) count: u16,
}

impl Stretch {
    /// The number after its last one.
    fn end(&self) -> u32 {
        u32::from(self.first) + u32::from(self.count)
    }

    fn holds(&self, other: &Self) -> bool {
        self.table == other.table && self.first <= other.first && other.end() <= self.end()
    }
}

/// A device's answer to a read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// The registers; in a table of bits one word a bit, 1 or 0.
    pub(crate) words: Vec<u16>,
    /// What a right reader takes from them: the points that lie wholly inside, with their values.
    pub(crate) values: Vec<(String, Value)>,
}

/// Which stretches of a profile's tables are there.
#[derive(Debug)]
pub(crate) struct RegisterMap {
    /// A table's first number and the one after its last.
    spans: BTreeMap<RegisterTable, (u16, u32)>,
    skipped: Vec<Stretch>,
    max_registers: u16,
    max_bits: u16,
}

impl RegisterMap {
    /// The map of a profile.
    pub(crate) fn of(profile: &Profile) -> Self {
        let mut spans = BTreeMap::new();
        for stretch in profile.points.iter().filter_map(stretch_of) {
            let span = spans
                .entry(stretch.table)
                .or_insert((stretch.first, stretch.end()));
            *span = (span.0.min(stretch.first), span.1.max(stretch.end()));
        }
        let skipped = profile.modbus.skip.iter().map(|skip| Stretch {
            table: skip.table,
            first: skip.first,
            count: skip.last.saturating_sub(skip.first).saturating_add(1),
        });
        let (max_registers, max_bits) = (profile.modbus.max_registers, profile.modbus.max_bits);
        Self {
            skipped: skipped.collect(),
            spans,
            max_registers,
            max_bits,
        }
    }

    /// Whether a read can be answered. Inside the span of a table's points every number is there, save those that the profile
    /// says must never be read: a device of that kind would fail over them, and so a reader that touches them is caught.
    pub(crate) fn check(&self, read: &Stretch) -> Result<(), Refusal> {
        let most = if read.table.is_bits() {
            self.max_bits
        } else {
            self.max_registers
        };
        if read.count == 0 || read.count > most {
            return Err(Refusal::IllegalCount);
        }
        let (low, high) = self
            .spans
            .get(&read.table)
            .copied()
            .ok_or(Refusal::IllegalAddress)?;
        let touches = |skip: &Stretch| {
            skip.table == read.table
                && u32::from(read.first) < skip.end()
                && u32::from(skip.first) < read.end()
        };
        if read.first < low || read.end() > high || self.skipped.iter().any(touches) {
            return Err(Refusal::IllegalAddress);
        }
        Ok(())
    }
}

/// The answer to a read that was checked, from what the profile's points show.
pub(crate) fn answer(profile: &Profile, shown: &[Value], read: &Stretch) -> Answer {
    let mut words = vec![0_u16; usize::from(read.count)];
    let mut inside = Vec::new();
    for (point, value) in profile.points.iter().zip(shown) {
        let Some(stretch) = stretch_of(point).filter(|stretch| stretch.table == read.table) else {
            continue;
        };
        for (number, word) in (u32::from(stretch.first)..).zip(encode::words(point, value)) {
            let place = number
                .checked_sub(u32::from(read.first))
                .and_then(|at| words.get_mut(at as usize));
            if let Some(place) = place {
                // Bits of one register may be points of their own.
                *place |= word;
            }
        }
        if read.holds(&stretch) {
            inside.push((point, stretch));
        }
    }
    let values = inside.into_iter().filter_map(|(point, stretch)| {
        let start = usize::from(stretch.first - read.first);
        let raw = words.get(start..start + usize::from(stretch.count))?;
        Some((point.name.clone(), encode::value_of_words(point, raw)?))
    });
    Answer {
        values: values.collect(),
        words,
    }
}

/// Where a point stands; `None` for one of a message.
fn stretch_of(point: &Point) -> Option<Stretch> {
    let Address::Register { table, number } = point.address else {
        return None;
    };
    let count = if table.is_bits() {
        1
    } else {
        point.data_type.registers()
    };
    Some(Stretch {
        table,
        first: number,
        count,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Class, DataType, ModbusLimits, Order, Scale, SkippedRegisters, Text};

    use super::*;

    fn point(name: &str, number: u16, data_type: DataType) -> Point {
        Point {
            name: name.into(),
            title: Text::default(),
            unit: String::new(),
            address: Address::Register {
                table: RegisterTable::Holding,
                number,
            },
            data_type,
            order: Order::Abcd,
            scale: Scale::ONE,
            offset: 0.0,
            range: None,
            missing: Vec::new(),
            every: 1,
            labels: BTreeMap::new(),
            meter: None,
        }
    }

    /// Registers 10 to 31: a 32-bit number at 10, two bits at 12, nothing until 20 to 25, which must not be read, and one at 31.
    fn profile() -> Profile {
        Profile {
            id: "test".into(),
            class: Class(Arc::from("power")),
            name: Text::default(),
            mqtt: model::MqttForm::default(),
            modbus: ModbusLimits {
                max_registers: 20,
                skip: vec![SkippedRegisters {
                    table: RegisterTable::Holding,
                    first: 20,
                    last: 25,
                }],
                ..ModbusLimits::default()
            },
            points: vec![
                point("energy", 10, DataType::U32),
                point("first", 12, DataType::Bit(0)),
                point("second", 12, DataType::Bit(1)),
                point("last", 31, DataType::U16),
            ],
        }
    }

    fn read(first: u16, count: u16) -> Stretch {
        Stretch {
            table: RegisterTable::Holding,
            first,
            count,
        }
    }

    #[test]
    fn a_read_is_answered_inside_the_points_span_and_nowhere_else() {
        let map = RegisterMap::of(&profile());
        assert_eq!(map.check(&read(10, 10)), Ok(()));
        assert_eq!(map.check(&read(26, 6)), Ok(()));
        for outside in [read(9, 2), read(31, 2), read(19, 2), read(25, 1), read(65535, 2)] {
            assert_eq!(map.check(&outside), Err(Refusal::IllegalAddress), "{outside:?}");
        }
        let coils = Stretch {
            table: RegisterTable::Coil,
            first: 10,
            count: 1,
        };
        assert_eq!(map.check(&coils), Err(Refusal::IllegalAddress));
        assert_eq!(map.check(&read(10, 21)), Err(Refusal::IllegalCount));
        assert_eq!(map.check(&read(10, 0)), Err(Refusal::IllegalCount));
    }

    #[test]
    fn an_answer_tells_only_the_points_that_lie_wholly_inside_it() {
        let shown = [
            Value::Number(65_538.0),
            Value::Bool(false),
            Value::Bool(true),
            Value::Number(7.0),
        ];
        let whole = answer(&profile(), &shown, &read(10, 4));
        assert_eq!(whole.words, [1, 2, 0b10, 0]);
        let named = |answer: &Answer| {
            answer
                .values
                .iter()
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(named(&whole), ["energy", "first", "second"]);
        assert_eq!(whole.values[0].1, shown[0]);
        let cut = answer(&profile(), &shown, &read(11, 2));
        assert_eq!(cut.words, [2, 0b10]);
        assert_eq!(named(&cut), ["first", "second"]);
    }
}
