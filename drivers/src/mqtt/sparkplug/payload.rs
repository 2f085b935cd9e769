//! What a Sparkplug B message says: its metrics, and its place in the node's sequence.

use serde_json::Value as Json;

use super::wire::{Field, Fields, put_bytes, put_number};

/// Metrics of one message that are taken; a node with more sends several births' worth of nonsense.
const MOST_METRICS: usize = 20_000;

/// The numbers of fields and types in the Sparkplug B specification (6.4, and its protobuf definition).
mod number {
    pub(super) const TIMESTAMP: u64 = 1;
    pub(super) const METRICS: u64 = 2;
    pub(super) const SEQ: u64 = 3;
    pub(super) const NAME: u64 = 1;
    pub(super) const ALIAS: u64 = 2;
    pub(super) const METRIC_TIMESTAMP: u64 = 3;
    pub(super) const DATATYPE: u64 = 4;
    pub(super) const IS_HISTORICAL: u64 = 5;
    pub(super) const IS_NULL: u64 = 7;
    pub(super) const INT: u64 = 10;
    pub(super) const LONG: u64 = 11;
    pub(super) const FLOAT: u64 = 12;
    pub(super) const DOUBLE: u64 = 13;
    pub(super) const BOOLEAN: u64 = 14;
    pub(super) const STRING: u64 = 15;
}

/// A whole message.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Payload<'bytes> {
    /// When it was sent, in milliseconds since 1970.
    pub(crate) timestamp: Option<u64>,
    /// Its place in the node's sequence, 0 to 255.
    pub(crate) seq: Option<u64>,
    /// What it says.
    pub(crate) metrics: Vec<Metric<'bytes>>,
}

/// One metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Metric<'bytes> {
    /// Its name; data may have its alias alone.
    pub(crate) name: Option<&'bytes str>,
    /// A number for the name, given in a birth.
    pub(crate) alias: Option<u64>,
    /// When it was so, in milliseconds since 1970.
    pub(crate) timestamp: Option<u64>,
    /// Its type's number; data may leave it out.
    pub(crate) datatype: Option<u64>,
    /// Whether it is from a time when the node could not send.
    pub(crate) is_historical: bool,
    is_null: bool,
    value: Option<RawValue<'bytes>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum RawValue<'bytes> {
    Whole(u64),
    Fraction(f64),
    State(bool),
    Text(&'bytes str),
}

impl<'bytes> Payload<'bytes> {
    /// Reads a message; `None` when it is none.
    pub(crate) fn of(bytes: &'bytes [u8]) -> Option<Self> {
        let mut payload = Self::default();
        for field in Fields(bytes) {
            match field? {
                (number::TIMESTAMP, Field::Number(timestamp)) => payload.timestamp = Some(timestamp),
                (number::SEQ, Field::Number(seq)) => payload.seq = Some(seq),
                (number::METRICS, Field::Bytes(metric)) if payload.metrics.len() < MOST_METRICS => {
                    payload.metrics.push(Metric::of(metric)?);
                }
                _ => {}
            }
        }
        Some(payload)
    }

    /// The metric of a name.
    pub(crate) fn metric(&self, name: &str) -> Option<&Metric<'bytes>> {
        self.metrics.iter().find(|metric| metric.name == Some(name))
    }
}

impl<'bytes> Metric<'bytes> {
    fn of(bytes: &'bytes [u8]) -> Option<Self> {
        let mut metric = Self::default();
        for field in Fields(bytes) {
            match field? {
                (number::NAME, Field::Bytes(name)) => metric.name = Some(std::str::from_utf8(name).ok()?),
                (number::ALIAS, Field::Number(alias)) => metric.alias = Some(alias),
                (number::METRIC_TIMESTAMP, Field::Number(timestamp)) => metric.timestamp = Some(timestamp),
                (number::DATATYPE, Field::Number(datatype)) => metric.datatype = Some(datatype),
                (number::IS_HISTORICAL, Field::Number(is)) => metric.is_historical = is != 0,
                (number::IS_NULL, Field::Number(is)) => metric.is_null = is != 0,
                (number::INT | number::LONG, Field::Number(whole)) => {
                    metric.value = Some(RawValue::Whole(whole))
                }
                (number::FLOAT, Field::Four(bytes)) => {
                    metric.value = Some(RawValue::Fraction(f64::from(f32::from_le_bytes(bytes))));
                }
                (number::DOUBLE, Field::Eight(bytes)) => {
                    metric.value = Some(RawValue::Fraction(f64::from_le_bytes(bytes)));
                }
                (number::BOOLEAN, Field::Number(state)) => metric.value = Some(RawValue::State(state != 0)),
                (number::STRING, Field::Bytes(text)) => {
                    metric.value = Some(RawValue::Text(std::str::from_utf8(text).ok()?));
                }
                _ => {}
            }
        }
        Some(metric)
    }

    /// The value as JSON would have it, with the type that its birth gave: null for no value, and for a value of a kind that no
    /// point can have.
    pub(crate) fn json(&self, datatype: Option<u64>) -> Json {
        let Some(value) = self.value.filter(|_| !self.is_null) else {
            return Json::Null;
        };
        match value {
            RawValue::Whole(whole) => signed(whole, datatype),
            RawValue::Fraction(fraction) => fraction.into(),
            RawValue::State(state) => state.into(),
            RawValue::Text(text) => text.into(),
        }
    }

    /// The value, if it is a whole number.
    pub(crate) fn whole(&self) -> Option<u64> {
        match self.value? {
            RawValue::Whole(whole) => Some(whole),
            _ => None,
        }
    }
}

/// A number below zero travels as if it had no sign, in as many bits as its type has, or more.
fn signed(whole: u64, datatype: Option<u64>) -> Json {
    match datatype {
        Some(1) => i64::from(whole as i8).into(),
        Some(2) => i64::from(whole as i16).into(),
        Some(3) => i64::from(whole as i32).into(),
        Some(4) => (whole as i64).into(),
        _ => whole.into(),
    }
}

/// The command by which a node is asked for its births, sent at `millis` since 1970.
pub(crate) fn rebirth(millis: u64) -> Vec<u8> {
    const BOOLEAN_TYPE: u64 = 11;
    let mut metric = Vec::new();
    put_bytes(&mut metric, 1, b"Node Control/Rebirth");
    put_number(&mut metric, 3, millis);
    put_number(&mut metric, 4, BOOLEAN_TYPE);
    put_number(&mut metric, 14, 1);
    let mut payload = Vec::new();
    put_number(&mut payload, 1, millis);
    put_bytes(&mut payload, 2, &metric);
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_command_reads_back_as_it_was_written() {
        let bytes = rebirth(1_700_000_000_123);
        let payload = Payload::of(&bytes).unwrap();
        assert_eq!((payload.timestamp, payload.seq), (Some(1_700_000_000_123), None));
        let metric = payload.metric("Node Control/Rebirth").unwrap();
        assert_eq!((metric.datatype, metric.json(None)), (Some(11), Json::Bool(true)));
    }

    #[test]
    fn a_number_below_zero_is_read_by_its_type() {
        assert_eq!(signed(0xffff_fffe, Some(3)), Json::from(-2));
        assert_eq!(signed(0xff, Some(1)), Json::from(-1));
        assert_eq!(signed(u64::MAX, Some(4)), Json::from(-1));
        assert_eq!(signed(0xffff_fffe, Some(7)), Json::from(4_294_967_294_u64));
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(payload) = Payload::of(&bytes) {
                prop_assert!(payload.metrics.len() <= bytes.len());
            }
        }

        #[test]
        fn a_message_cut_short_anywhere_is_no_other_message(cut in 0_usize..70) {
            let bytes = rebirth(1);
            if let Some(payload) = bytes.get(..cut).and_then(Payload::of) {
                prop_assert!(payload.metrics.is_empty() || cut == bytes.len());
            }
        }
    }
}
