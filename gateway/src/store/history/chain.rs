//! A device's batches within a slot as what each of them says anew: the newest minutes, as they are first kept.
//!
//! A chain begins with an entry that names the device's series and says every reading whole. Each later entry says which points were
//! read, which of them differ from the one before, and those readings; a number differs by a small whole one wherever it can. So a poll of
//! which nothing changed takes a dozen bytes, and everything reads back exactly as it was.

use model::{Batch, Dense, DenseId, DeviceIndex, Doubt, PointId, Reading, Site, Value};

use super::column::{code_of, missing_of};
use super::number::{SCALES, back, scale_of, whole};
use super::varint::{Bytes, put_signed, put_unsigned};

/// Flags of an entry.
const BEGINS: u8 = 1;
const ALL_READ: u8 = 2;

/// A number in the scale of the point's last one: its difference.
const DIFFERENCE: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const TEXT: u8 = 3;
/// A number with its scale.
const SCALED: u8 = 4;
/// A number as a single, or as it is.
const SINGLE: u8 = 5;
const DOUBLE: u8 = 6;
const DOUBTFUL: u8 = 16;
const STALE: u8 = 24;
const MISSING: u8 = 32;
/// Nothing was said yet.
const NOTHING: u8 = u8::MAX;

/// A point that has more than six decimals is not asked again in this chain whether it has fewer.
const NO_SCALE: u8 = SCALES;
/// The most points that an entry may name; what says more is spoiled.
const MOST_POINTS: u64 = 100_000;

/// What was written last of a point.
#[derive(Clone, Copy)]
struct Written {
    /// The bits of its last number.
    number: u64,
    /// What kind of reading, with its quality: a tag, where all numbers are alike.
    kind: u8,
    detail: u8,
    scale: u8,
}

const UNWRITTEN: Written = Written {
    number: 0,
    kind: NOTHING,
    detail: 0,
    scale: 0,
};

struct Device {
    first_point: u32,
    /// The slot whose chain goes on; none: the next entry begins one.
    slot: Option<i64>,
}

/// Writes the chains of a site's devices.
pub(super) struct ChainWriter {
    devices: Dense<DeviceIndex, Device>,
    /// By point: the file's number of its series.
    series: Dense<PointId, u32>,
    written: Vec<Written>,
}

impl ChainWriter {
    /// A writer of chains that all have yet to begin.
    pub(super) fn new(site: &Site, series: Dense<PointId, u32>) -> Self {
        let device = |device: &model::Device| Device {
            first_point: device.first_point.0,
            slot: None,
        };
        Self {
            devices: Dense::new(site.devices.values().map(device).collect()),
            written: vec![UNWRITTEN; series.len()],
            series,
        }
    }

    /// Appends a batch's entry to the chain of its device in a slot.
    pub(super) fn put(&mut self, bytes: &mut Vec<u8>, batch: &Batch, slot: i64) {
        let first = self.devices.at(batch.device).first_point as usize;
        let next = self.devices.get(DeviceIndex(batch.device.0.saturating_add(1)));
        let end = next.map_or(self.series.len(), |next| next.first_point as usize);
        let device = self.devices.at_mut(batch.device);
        let begins = device.slot != Some(slot);
        device.slot = Some(slot);
        let count = end.saturating_sub(first);
        let all_read = batch.samples.len() == count;
        bytes.push(if begins { BEGINS } else { 0 } | if all_read { ALL_READ } else { 0 });
        let known = self.written.get_mut(first..end).unwrap_or_default();
        if begins {
            known.fill(UNWRITTEN);
            put_unsigned(bytes, count as u64);
            let mut before = 0;
            for position in first..end {
                let series = i64::from(*self.series.at(PointId::at(position)));
                put_signed(bytes, series - before);
                before = series;
            }
        }
        let read = bytes.len();
        if !all_read {
            bytes.resize(read + count.div_ceil(8), 0);
        }
        let changed = bytes.len();
        bytes.resize(changed + count.div_ceil(8), 0);
        for sample in &batch.samples {
            let position = (sample.point.0 as usize).wrapping_sub(first);
            let Some(written) = known.get_mut(position) else {
                continue;
            };
            if !all_read {
                set_bit(bytes, read, position);
            }
            if put_if_new(bytes, written, &sample.reading) {
                set_bit(bytes, changed, position);
            }
        }
    }

    /// The chains of a slot end here: whatever comes late begins new ones.
    pub(super) fn end(&mut self, slot: i64) {
        self.end_where(|ending| ending == slot);
    }

    /// All chains end here: what was put last has not been kept.
    pub(super) fn end_all(&mut self) {
        self.end_where(|_| true);
    }

    fn end_where(&mut self, ends: impl Fn(i64) -> bool) {
        for id in self.devices.ids() {
            let device = self.devices.at_mut(id);
            device.slot = device.slot.filter(|slot| !ends(*slot));
        }
    }
}

fn set_bit(bytes: &mut [u8], from: usize, position: usize) {
    if let Some(byte) = bytes.get_mut(from + position / 8) {
        *byte |= 1 << (position % 8);
    }
}

/// Puts a reading unless it is the one that was written last.
fn put_if_new(bytes: &mut Vec<u8>, written: &mut Written, reading: &Reading) -> bool {
    let (quality, value) = match reading {
        Reading::Good(value) => (0, value),
        Reading::Uncertain(value, Doubt::OutOfRange) => (DOUBTFUL, value),
        Reading::Uncertain(value, Doubt::Stale) => (STALE, value),
        Reading::Missing(missing) => {
            let (code, detail) = code_of(*missing);
            let is_new = (written.kind, written.detail) != (MISSING + code, detail);
            if is_new {
                (written.kind, written.detail) = (MISSING + code, detail);
                bytes.extend_from_slice(&[MISSING + code, detail]);
            }
            return is_new;
        }
    };
    match value {
        Value::Number(number) => {
            let kind = quality + DIFFERENCE;
            if written.kind == kind && written.number == number.to_bits() {
                return false;
            }
            put_number(bytes, written, quality, *number);
            (written.kind, written.number) = (kind, number.to_bits());
        }
        Value::Bool(state) => {
            let kind = quality + if *state { TRUE } else { FALSE };
            if written.kind == kind {
                return false;
            }
            written.kind = kind;
            bytes.push(kind);
        }
        Value::Text(text) => {
            // Texts are few and are not remembered: each is written.
            written.kind = quality + TEXT;
            bytes.push(quality + TEXT);
            put_unsigned(bytes, text.len() as u64);
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    true
}

fn put_number(bytes: &mut Vec<u8>, written: &mut Written, quality: u8, number: f64) {
    if written.scale < NO_SCALE {
        let before = whole(f64::from_bits(written.number), written.scale);
        if let (Some(before), Some(now)) = (before, whole(number, written.scale)) {
            bytes.push(quality + DIFFERENCE);
            return put_signed(bytes, now - before);
        }
        if let Some((scale, now)) = scale_of(number).and_then(|scale| Some((scale, whole(number, scale)?))) {
            written.scale = scale;
            bytes.extend_from_slice(&[quality + SCALED, scale]);
            return put_signed(bytes, now);
        }
        written.scale = NO_SCALE;
    }
    let single = number as f32;
    if f64::from(single).to_bits() == number.to_bits() {
        bytes.push(quality + SINGLE);
        bytes.extend_from_slice(&single.to_le_bytes());
    } else {
        bytes.push(quality + DOUBLE);
        bytes.extend_from_slice(&number.to_le_bytes());
    }
}

/// A point of a chain as far as it was read.
#[derive(Clone)]
struct Known {
    series: u32,
    reading: Option<Reading>,
    number: f64,
    scale: u8,
}

/// Reads a device's chain, entry after entry.
#[derive(Default)]
pub(super) struct Chain {
    points: Vec<Known>,
}

impl Chain {
    /// Reads an entry and tells each reading of it: its place in the chain, its series, what it says. Whether a chain begins with it;
    /// `None` if it is spoiled or the chain's beginning is missing: nothing is told then until another chain begins.
    pub(super) fn read(&mut self, entry: &[u8], tell: impl FnMut(usize, u32, &Reading)) -> Option<bool> {
        let read = self.read_entry(entry, tell);
        if read.is_none() {
            self.points.clear();
        }
        read
    }

    fn read_entry(&mut self, entry: &[u8], mut tell: impl FnMut(usize, u32, &Reading)) -> Option<bool> {
        let mut bytes = Bytes(entry);
        let flags = bytes.byte()?;
        let begins = flags & BEGINS != 0;
        if begins {
            self.begin(&mut bytes)?;
        } else if self.points.is_empty() {
            return None;
        }
        let width = self.points.len().div_ceil(8);
        let read = if flags & ALL_READ != 0 {
            None
        } else {
            Some(bytes.take(width)?)
        };
        let changed = bytes.take(width)?;
        for (position, known) in self.points.iter_mut().enumerate() {
            if has_bit(changed, position) {
                known.take(&mut bytes)?;
            }
            if read.is_none_or(|read| has_bit(read, position)) {
                tell(position, known.series, known.reading.as_ref()?);
            }
        }
        Some(begins)
    }

    fn begin(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let count = bytes.unsigned().filter(|count| *count <= MOST_POINTS)?;
        self.points.clear();
        let mut series = 0_i64;
        for _ in 0..count {
            series = series.checked_add(bytes.signed()?)?;
            self.points.push(Known {
                series: u32::try_from(series).ok()?,
                reading: None,
                number: 0.0,
                scale: 0,
            });
        }
        Some(())
    }
}

fn has_bit(bytes: &[u8], position: usize) -> bool {
    bytes
        .get(position / 8)
        .is_some_and(|byte| byte & (1 << (position % 8)) != 0)
}

impl Known {
    fn take(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let tag = bytes.byte()?;
        if tag >= MISSING {
            self.reading = Some(Reading::Missing(missing_of(tag - MISSING, bytes.byte()?)?));
            return Some(());
        }
        let value = match tag % (STALE - DOUBTFUL) {
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            TEXT => Value::Text(bytes.text()?.into()),
            kind => Value::Number(self.number(kind, bytes)?),
        };
        self.reading = Some(match tag {
            STALE.. => Reading::Uncertain(value, Doubt::Stale),
            DOUBTFUL.. => Reading::Uncertain(value, Doubt::OutOfRange),
            _ => Reading::Good(value),
        });
        Some(())
    }

    fn number(&mut self, kind: u8, bytes: &mut Bytes<'_>) -> Option<f64> {
        self.number = match kind {
            DIFFERENCE => back(
                whole(self.number, self.scale)?.checked_add(bytes.signed()?)?,
                self.scale,
            ),
            SCALED => {
                self.scale = bytes.byte().filter(|scale| *scale < SCALES)?;
                back(bytes.signed()?, self.scale)
            }
            SINGLE => f64::from(f32::from_le_bytes(*bytes.take(4)?.first_chunk()?)),
            DOUBLE => f64::from_le_bytes(*bytes.take(8)?.first_chunk()?),
            _ => return None,
        };
        Some(self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_site::one_fire_main;
    use jiff::Timestamp;
    use model::{Missing, Sample};
    use proptest::prelude::*;

    fn writer() -> ChainWriter {
        ChainWriter::new(&one_fire_main(), Dense::new(vec![41, 7]))
    }

    fn reading() -> impl Strategy<Value = Reading> {
        let value = prop_oneof![
            4 => (-20_i32..20).prop_map(|raw| Value::Number(f64::from(raw) / 1000.0)),
            1 => any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::Number),
            1 => any::<f32>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| Value::Number(f64::from(number))),
            2 => any::<bool>().prop_map(Value::Bool),
            1 => ".{0,3}".prop_map(|text| Value::Text(text.into())),
        ];
        prop_oneof![
            6 => value.clone().prop_map(Reading::Good),
            1 => value.clone().prop_map(|value| Reading::Uncertain(value, Doubt::OutOfRange)),
            1 => value.prop_map(|value| Reading::Uncertain(value, Doubt::Stale)),
            1 => any::<u8>().prop_map(|code| Reading::Missing(Missing::Refused(code))),
            1 => Just(Reading::Missing(Missing::NoAnswer)),
        ]
    }

    fn batch(readings: &[Option<Reading>; 2]) -> Batch {
        let sample = |(point, reading): (u32, &Option<Reading>)| {
            Some(Sample {
                point: PointId(point),
                reading: reading.clone()?,
            })
        };
        Batch {
            device: DeviceIndex(0),
            at: Timestamp::UNIX_EPOCH,
            order: 0,
            samples: (0..).zip(readings).filter_map(sample).collect(),
        }
    }

    fn told(chain: &mut Chain, entry: &[u8]) -> Option<[Option<Reading>; 2]> {
        let mut said = [None, None];
        chain.read(entry, |position, series, reading| {
            assert_eq!(series, [41, 7][position]);
            said[position] = Some(reading.clone());
        })?;
        Some(said)
    }

    proptest! {
        #[test]
        fn a_chain_reads_back_exactly_as_it_was(
            batches in prop::collection::vec((prop::option::weighted(0.9, reading()), prop::option::weighted(0.7, reading()), 0_u8..20), 1..40),
        ) {
            let (mut writer, mut chain) = (writer(), Chain::default());
            for (one, other, event) in batches {
                if event == 0 {
                    writer.end_all();
                }
                let readings = [one, other];
                let mut entry = Vec::new();
                writer.put(&mut entry, &batch(&readings), i64::from(event == 1));
                for end in 0..entry.len() {
                    let _ = Chain::default().read(&entry[..end], |_, _, _| {});
                }
                prop_assert_eq!(told(&mut chain, &entry), Some(readings));
            }
        }

        #[test]
        fn a_spoiled_entry_is_no_panic(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..5)) {
            let mut chain = Chain::default();
            for entry in entries {
                let _ = chain.read(&entry, |_, _, _| {});
            }
        }
    }

    #[test]
    fn a_poll_of_which_nothing_changed_takes_two_bytes_and_one_point_two_more() {
        let mut writer = writer();
        let at = |pressure: f64| {
            batch(&[
                Some(Reading::Good(Value::Number(pressure))),
                Some(Reading::Good(Value::Bool(true))),
            ])
        };
        let mut length = |pressure: f64, slot: i64| {
            let mut entry = Vec::new();
            writer.put(&mut entry, &at(pressure), slot);
            entry.len()
        };
        length(0.153, 1);
        assert_eq!((length(0.153, 1), length(0.152, 1)), (2, 4));
        assert!(length(0.152, 2) > 4, "another slot begins its own chain");
    }
}
