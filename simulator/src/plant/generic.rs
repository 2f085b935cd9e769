//! What a point shows that no class model knows: something plausible from its range, type, labels and name.

use model::{Point, Value};

use crate::noise::{Drift, Noise};

/// Words in a state's name that say that it is normally on.
const NORMALLY_ON: [&str; 12] = [
    "present",
    "healthy",
    "connected",
    "closed",
    "auto",
    "ok",
    "normal",
    "available",
    "in_service",
    "link",
    "online",
    "enabled",
];
/// Words in a number's name that say that it only grows.
const GROWING: [&str; 7] = [
    "energy", "total", "count", "starts", "run_time", "hours", "volume",
];

/// The plausible course of one point.
pub(crate) struct Generic {
    course: Course,
    noise: Noise,
}

enum Course {
    Fixed(Value),
    Wanders { drift: Drift, middle: f64, reach: f64 },
    Grows { value: f64, per_second: f64 },
}

impl Generic {
    /// The course of a point; its name seeds what differs from device to device.
    pub(crate) fn of(point: &Point, mut noise: Noise) -> Self {
        let course = if point.data_type.is_text() {
            Course::Fixed(Value::Text(format!("SIM-{:04}", noise.whole(0, 9999)).into()))
        } else if point.data_type.is_bool() {
            Course::Fixed(Value::Bool(has_word(&point.name, &NORMALLY_ON)))
        } else if let Some(first) = point.labels.keys().next() {
            let normal = if point.labels.contains_key(&0) { 0 } else { *first };
            Course::Fixed(Value::Number(normal as f64))
        } else {
            let (low, high) = point
                .range
                .map_or_else(|| span(point), |range| (range.low, range.high));
            let extent = high - low;
            if has_word(&point.name, &GROWING) {
                let value = low + extent * noise.between(0.05, 0.2);
                Course::Grows {
                    value,
                    per_second: (extent * 1e-9).min(0.1),
                }
            } else {
                let middle = low + extent * noise.between(0.4, 0.6);
                Course::Wanders {
                    drift: Drift::over(60.0),
                    middle,
                    reach: extent * 0.02,
                }
            }
        };
        Self { course, noise }
    }

    /// Lets some seconds pass.
    pub(crate) fn step(&mut self, seconds: f64) {
        match &mut self.course {
            Course::Fixed(_) => {}
            Course::Wanders { drift, .. } => drift.step(seconds, &mut self.noise),
            Course::Grows { value, per_second } => *value += *per_second * seconds,
        }
    }

    /// What the point shows now.
    pub(crate) fn show(&self) -> Value {
        match &self.course {
            Course::Fixed(value) => value.clone(),
            Course::Wanders { drift, middle, reach } => Value::Number(drift.around(*middle, *reach)),
            Course::Grows { value, .. } => Value::Number(*value),
        }
    }
}

/// A modest span for a point without a range: raw 0 to 100 in its own unit.
fn span(point: &Point) -> (f64, f64) {
    let ends = (point.scaled(0.0), point.scaled(100.0));
    (ends.0.min(ends.1), ends.0.max(ends.1))
}

fn has_word(name: &str, words: &[&str]) -> bool {
    words.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use model::{Address, DataType, Order, Range, RegisterTable, Scale, Text};

    use super::*;

    fn point(name: &str, data_type: DataType, range: Option<Range>) -> Point {
        Point {
            name: name.into(),
            title: Text::default(),
            unit: String::new(),
            address: Address::Register {
                table: RegisterTable::Holding,
                number: 0,
            },
            data_type,
            order: Order::Abcd,
            scale: Scale::ONE,
            offset: 0.0,
            range,
            missing: Vec::new(),
            every: 1,
            labels: Default::default(),
            meter: None,
        }
    }

    #[test]
    fn an_unknown_number_moves_well_inside_its_range() {
        let mut generic = Generic::of(
            &point(
                "humus",
                DataType::U16,
                Some(Range {
                    low: 10.0,
                    high: 20.0,
                }),
            ),
            Noise::of("x"),
        );
        let first = generic.show();
        for _ in 0..1000 {
            generic.step(1.0);
            assert!((13.0..=17.0).contains(&generic.show().as_number().unwrap()));
        }
        assert_ne!(generic.show(), first);
    }

    #[test]
    fn an_unknown_counter_only_grows_and_an_unknown_state_is_the_healthy_one() {
        let range = Some(Range { low: 0.0, high: 1e6 });
        let mut counter = Generic::of(&point("wash_count", DataType::U32, range), Noise::of("x"));
        let before = counter.show().as_number().unwrap();
        counter.step(10_000.0);
        assert!(counter.show().as_number().unwrap() > before);
        assert_eq!(
            Generic::of(&point("gate_fault", DataType::Bool, None), Noise::of("x")).show(),
            Value::Bool(false)
        );
        assert_eq!(
            Generic::of(&point("gas_ok", DataType::Bit(3), None), Noise::of("x")).show(),
            Value::Bool(true)
        );
    }
}
