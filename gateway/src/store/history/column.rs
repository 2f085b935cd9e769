//! One point's readings over a slot of time as a few bytes: runs of qualities, and values as small differences.
//!
//! A column says nothing of times; they are the device's own, stored once for all of its points. Numbers that a person would write
//! with up to six decimals are kept as whole numbers, others as their bits; both read back exactly as they were.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use model::{Doubt, Missing, Reading, Value};

use super::number::{SCALES, back, whole};
use super::varint::{Bytes, put_signed, put_unsigned};

/// Fewer bytes than this are not worth deflating.
const WORTH_DEFLATING: usize = 24;

const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;

const BOOLS: u8 = 0;
const DECIMALS: u8 = 1;
const SINGLE_DECIMALS: u8 = 2;
const DOUBLES: u8 = 3;
const TEXTS: u8 = 4;
const MIXED: u8 = 5;
const CONSTANT: u8 = 6;

/// Packs a few readings without deflating them: beginning to inflate costs more than what is in them.
pub(super) fn pack_few(readings: &[Option<Reading>]) -> Vec<u8> {
    let mut plain = vec![PLAIN];
    pack_qualities(&mut plain, readings);
    let values: Vec<&Value> = readings.iter().flatten().filter_map(Reading::value).collect();
    pack_values(&mut plain, &values);
    plain
}

/// Deflates columns one after another: what it works in is a quarter of a megabyte, which is more to fetch than a column is to deflate.
pub(super) struct Deflater(Compress);

impl Default for Deflater {
    fn default() -> Self {
        Self(Compress::new(Compression::default(), false))
    }
}

impl Deflater {
    /// A plain column deflated, if that makes it shorter.
    fn deflate(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        let (_, values) = plain.split_first()?;
        let mut deflated = Vec::with_capacity(plain.len());
        deflated.push(DEFLATED);
        self.0.reset();
        let status = self.0.compress_vec(values, &mut deflated, FlushCompress::Finish);
        // What is not shorter does not fit in, and then it does not come to its end.
        (status.ok()? == Status::StreamEnd && deflated.len() < plain.len()).then_some(deflated)
    }
}

/// Packs the readings of a slot, in the order of its times; `None` where the point was not read.
pub(super) fn pack(readings: &[Option<Reading>], deflater: &mut Deflater) -> Vec<u8> {
    let plain = pack_few(readings);
    if plain.len() < WORTH_DEFLATING {
        return plain;
    }
    deflater.deflate(&plain).unwrap_or(plain)
}

/// Unpacks a column of a slot that has so many times; `None` if it is spoiled, or says more than that.
pub(super) fn unpack(column: &[u8], times: usize) -> Option<Vec<Option<Reading>>> {
    unpack_first(column, times, usize::MAX)
}

/// Unpacks the first `most` readings of a column; what comes after them is not looked at.
pub(super) fn unpack_first(column: &[u8], times: usize, most: usize) -> Option<Vec<Option<Reading>>> {
    let (how, rest) = column.split_first()?;
    let inflated;
    let mut bytes = match *how {
        PLAIN => Bytes(rest),
        DEFLATED => {
            inflated = inflate(rest)?;
            Bytes(&inflated)
        }
        _ => return None,
    };
    let runs = unpack_qualities(&mut bytes, times)?;
    let have_value = |run: &&Run| run.quality == GOOD || run.quality == DOUBTFUL;
    let count = runs.iter().filter(have_value).map(|run| run.count).sum();
    let mut values = unpack_values(&mut bytes, count)?;
    let all: usize = runs.iter().map(|run| run.count).sum();
    let mut readings = Vec::with_capacity(all.min(most));
    for run in runs {
        let missing = match run.quality {
            ABSENT | GOOD | DOUBTFUL => None,
            code => Some(Reading::Missing(missing_of(code - FIRST_MISSING, run.detail)?)),
        };
        for _ in 0..run.count.min(most - readings.len()) {
            readings.push(match run.quality {
                ABSENT => None,
                GOOD => Some(Reading::Good(values.next()?)),
                DOUBTFUL if run.detail == STALE => Some(Reading::Uncertain(values.next()?, Doubt::Stale)),
                DOUBTFUL => Some(Reading::Uncertain(values.next()?, Doubt::OutOfRange)),
                _ => missing.clone(),
            });
        }
    }
    Some(readings)
}

/// Room for what inflates to little.
const INFLATED_AT_LEAST: usize = 64;

/// Inflates what was deflated; `None` if it is spoiled or ends too soon. A byte inflates to 1,032 at most (zlib's "Technical Details"): the
/// row's own length bounds what a spoiled one becomes.
fn inflate(deflated: &[u8]) -> Option<Vec<u8>> {
    let mut inflater = Decompress::new(false);
    let mut whole = Vec::with_capacity(4 * deflated.len() + INFLATED_AT_LEAST);
    let mut rest = deflated;
    loop {
        // Told that all of it is there and has room, it writes into its place; a reader around it would have copied it three times.
        let status = inflater.decompress_vec(rest, &mut whole, FlushDecompress::Finish);
        if status.ok()? == Status::StreamEnd {
            return Some(whole);
        }
        if whole.len() < whole.capacity() {
            return None;
        }
        rest = deflated.get(usize::try_from(inflater.total_in()).ok()?..)?;
        whole.reserve(whole.len());
    }
}

/// So many readings one after another of one quality.
struct Run {
    quality: u8,
    detail: u8,
    count: usize,
}

const ABSENT: u8 = 0;
const GOOD: u8 = 1;
const DOUBTFUL: u8 = 2;
/// The detail of a doubtful value that is too old; otherwise it is out of range.
const STALE: u8 = 1;
const FIRST_MISSING: u8 = 3;

fn pack_qualities(bytes: &mut Vec<u8>, readings: &[Option<Reading>]) {
    put_unsigned(bytes, readings.len() as u64);
    for run in readings.chunk_by(|left, right| quality(left.as_ref()) == quality(right.as_ref())) {
        let (code, detail) = quality(run.first().and_then(Option::as_ref));
        bytes.push(code);
        bytes.push(detail);
        put_unsigned(bytes, run.len() as u64);
    }
}

fn unpack_qualities(bytes: &mut Bytes<'_>, times: usize) -> Option<Vec<Run>> {
    let mut left = bytes.unsigned().filter(|count| *count <= times as u64)?;
    let mut runs = Vec::new();
    while left > 0 {
        let (quality, detail) = (bytes.byte()?, bytes.byte()?);
        let count = bytes.unsigned().filter(|count| (1..=left).contains(count))?;
        left -= count;
        runs.push(Run {
            quality,
            detail,
            count: usize::try_from(count).ok()?,
        });
    }
    Some(runs)
}

fn quality(reading: Option<&Reading>) -> (u8, u8) {
    match reading {
        None => (ABSENT, 0),
        Some(Reading::Good(_)) => (GOOD, 0),
        Some(Reading::Uncertain(_, Doubt::OutOfRange)) => (DOUBTFUL, 0),
        Some(Reading::Uncertain(_, Doubt::Stale)) => (DOUBTFUL, STALE),
        Some(Reading::Missing(missing)) => {
            let (code, detail) = code_of(*missing);
            (FIRST_MISSING + code, detail)
        }
    }
}

/// The number of a reason on disk, and what belongs to it.
pub(super) fn code_of(missing: Missing) -> (u8, u8) {
    match missing {
        Missing::NotReadYet => (0, 0),
        Missing::NoAnswer => (1, 0),
        Missing::Refused(code) => (2, code),
        Missing::NoValue => (3, 0),
        Missing::Malformed => (4, 0),
        Missing::Absent => (5, 0),
    }
}

/// And back.
pub(super) fn missing_of(code: u8, detail: u8) -> Option<Missing> {
    Some(match code {
        0 => Missing::NotReadYet,
        1 => Missing::NoAnswer,
        2 => Missing::Refused(detail),
        3 => Missing::NoValue,
        4 => Missing::Malformed,
        5 => Missing::Absent,
        _ => return None,
    })
}

fn pack_values(bytes: &mut Vec<u8>, values: &[&Value]) {
    // Most points of most slots stand still.
    if let [first, second, rest @ ..] = values
        && std::iter::once(second)
            .chain(rest)
            .all(|value| is_same(first, value))
    {
        bytes.push(CONSTANT);
        return pack_values(bytes, &[*first]);
    }
    let numbers: Option<Vec<f64>> = all(values, |value| match value {
        Value::Number(number) => Some(*number),
        _ => None,
    });
    let bools: Option<Vec<bool>> = all(values, |value| match value {
        Value::Bool(state) => Some(*state),
        _ => None,
    });
    let texts: Option<Vec<&str>> = all(values, |value| match value {
        Value::Text(text) => Some(text.as_ref()),
        _ => None,
    });
    if let Some(bools) = bools {
        bytes.push(BOOLS);
        pack_bools(bytes, &bools);
    } else if let Some(numbers) = numbers {
        pack_numbers(bytes, &numbers);
    } else if let Some(texts) = texts {
        bytes.push(TEXTS);
        texts.iter().for_each(|text| put_text(bytes, text));
    } else {
        // Only a changed profile gives a series values of two kinds within one slot.
        bytes.push(MIXED);
        values.iter().for_each(|value| pack_values(bytes, &[*value]));
    }
}

/// Whether two values are the same bit by bit; zero and minus zero are not.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.to_bits() == other.to_bits(),
        (one, other) => one == other,
    }
}

fn all<'value, T>(values: &[&'value Value], of: impl Fn(&'value Value) -> Option<T>) -> Option<Vec<T>> {
    values.iter().map(|value| of(value)).collect()
}

/// Values as they are unpacked, one by one where that is cheaper than all at once.
enum Values<'bytes> {
    Constant(Value),
    Decimals {
        bytes: Bytes<'bytes>,
        scale: u8,
        number: i64,
    },
    Unpacked(std::vec::IntoIter<Value>),
}

impl Values<'_> {
    fn next(&mut self) -> Option<Value> {
        match self {
            Self::Constant(value) => Some(value.clone()),
            Self::Decimals { bytes, scale, number } => {
                *number = number.checked_add(bytes.signed()?)?;
                Some(Value::Number(back(*number, *scale)))
            }
            Self::Unpacked(values) => values.next(),
        }
    }
}

fn unpack_values<'bytes>(bytes: &mut Bytes<'bytes>, count: usize) -> Option<Values<'bytes>> {
    let values = match bytes.byte()? {
        BOOLS => unpack_bools(bytes, count)?,
        DECIMALS => return decimals(bytes, 0),
        SINGLE_DECIMALS => return decimals(bytes, SINGLE_SCALES),
        DOUBLES => unpack_doubles(bytes, count)?,
        TEXTS => (0..count)
            .map(|_| bytes.text().map(|text| Value::Text(text.into())))
            .collect::<Option<_>>()?,
        CONSTANT => return unpack_one(bytes).map(Values::Constant),
        MIXED => (0..count).map(|_| unpack_one(bytes)).collect::<Option<_>>()?,
        _ => return None,
    };
    Some(Values::Unpacked(values.into_iter()))
}

/// One value that was packed by itself; what comes after it is left.
fn unpack_one(bytes: &mut Bytes<'_>) -> Option<Value> {
    let mut values = unpack_values(bytes, 1)?;
    let value = values.next();
    if let Values::Decimals { bytes: rest, .. } = values {
        bytes.0 = rest.0;
    }
    value
}

/// The lengths of runs, in turn false and true, from false on.
fn pack_bools(bytes: &mut Vec<u8>, bools: &[bool]) {
    let mut state = false;
    let mut run = 0;
    for next in bools {
        if *next != state {
            put_unsigned(bytes, run);
            (state, run) = (*next, 0);
        }
        run += 1;
    }
    put_unsigned(bytes, run);
}

fn unpack_bools(bytes: &mut Bytes<'_>, count: usize) -> Option<Vec<Value>> {
    let mut values = Vec::with_capacity(count);
    let mut state = false;
    loop {
        let run = usize::try_from(bytes.unsigned()?)
            .ok()
            .filter(|run| *run <= count - values.len())?;
        values.extend(std::iter::repeat_n(Value::Bool(state), run));
        if values.len() == count {
            return Some(values);
        }
        state = !state;
    }
}

fn pack_numbers(bytes: &mut Vec<u8>, numbers: &[f64]) {
    for scale in 0..SCALES {
        if let Some(whole) = as_whole(numbers, scale) {
            let tag = if scale < SINGLE_SCALES {
                DECIMALS
            } else {
                SINGLE_DECIMALS
            };
            bytes.extend_from_slice(&[tag, scale % SINGLE_SCALES]);
            let mut before = 0;
            for number in whole {
                put_signed(bytes, number - before);
                before = number;
            }
            return;
        }
    }
    bytes.push(DOUBLES);
    // Byte by byte of all numbers: what is alike stands together, which is what deflate is good at.
    let mut before = 0;
    let mut differences = Vec::with_capacity(numbers.len());
    for number in numbers {
        differences.push((number.to_bits() ^ before).to_be_bytes());
        before = number.to_bits();
    }
    for plane in 0..8 {
        bytes.extend(differences.iter().filter_map(|difference| difference.get(plane)));
    }
}

/// From this scale on numbers are singles.
const SINGLE_SCALES: u8 = SCALES / 2;

/// The numbers as whole ones of a scale, if every one of them reads back exactly.
fn as_whole(numbers: &[f64], scale: u8) -> Option<Vec<i64>> {
    numbers.iter().map(|number| whole(*number, scale)).collect()
}

fn decimals<'bytes>(bytes: &mut Bytes<'bytes>, first_scale: u8) -> Option<Values<'bytes>> {
    let scale = first_scale + bytes.byte().filter(|decimals| *decimals < SINGLE_SCALES)?;
    Some(Values::Decimals {
        bytes: Bytes(bytes.0),
        scale,
        number: 0,
    })
}

fn unpack_doubles(bytes: &mut Bytes<'_>, count: usize) -> Option<Vec<Value>> {
    let planes = bytes.take(count.checked_mul(8)?)?;
    let mut before = 0;
    (0..count)
        .map(|position| {
            let mut difference = 0_u64;
            for plane in 0..8 {
                difference = difference << 8 | u64::from(*planes.get(plane * count + position)?);
            }
            before ^= difference;
            Some(Value::Number(f64::from_bits(before)))
        })
        .collect()
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_unsigned(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reading() -> impl Strategy<Value = Option<Reading>> {
        let value = prop_oneof![
            4 => (-2000_i32..2000).prop_map(|raw| Value::Number(f64::from(raw) / 1000.0)),
            2 => any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::Number),
            1 => any::<f32>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| Value::Number(f64::from(number))),
            2 => any::<bool>().prop_map(Value::Bool),
            1 => ".{0,8}".prop_map(|text| Value::Text(text.into())),
        ];
        prop_oneof![
            1 => Just(None),
            6 => value.clone().prop_map(|value| Some(Reading::Good(value))),
            1 => value.clone().prop_map(|value| Some(Reading::Uncertain(value, Doubt::OutOfRange))),
            1 => value.prop_map(|value| Some(Reading::Uncertain(value, Doubt::Stale))),
            1 => any::<u8>().prop_map(|code| Some(Reading::Missing(Missing::Refused(code)))),
            1 => Just(Some(Reading::Missing(Missing::NoAnswer))),
        ]
    }

    proptest! {
        #[test]
        fn a_column_reads_back_exactly_as_it_was(readings in proptest::collection::vec(reading(), 0..200)) {
            let mut deflater = Deflater::default();
            prop_assert_eq!(unpack(&pack(&readings, &mut deflater), readings.len()), Some(readings.clone()));
            // Nothing of a column stays for the next one.
            prop_assert_eq!(unpack(&pack(&readings, &mut deflater), readings.len()), Some(readings.clone()));
        }

        #[test]
        fn the_first_readings_of_a_column_are_read_without_the_rest(
            readings in proptest::collection::vec(reading(), 0..200), most in 0_usize..250,
        ) {
            let first: Vec<_> = readings.iter().take(most).cloned().collect();
            prop_assert_eq!(unpack_first(&pack(&readings, &mut Deflater::default()), readings.len(), most), Some(first));
        }

        #[test]
        fn a_spoiled_column_is_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&bytes, 1000);
        }
    }

    fn packed_per_sample(values: impl Iterator<Item = Value>) -> f64 {
        let readings: Vec<_> = values.map(|value| Some(Reading::Good(value))).collect();
        pack(&readings, &mut Deflater::default()).len() as f64 / readings.len() as f64
    }

    #[test]
    fn a_column_that_ends_too_soon_is_spoiled() {
        let noisy = (0..600_u32).map(|second| f64::from(second.wrapping_mul(2_654_435_761) >> 20) / 100.0);
        let readings: Vec<_> = noisy
            .map(|number| Some(Reading::Good(Value::Number(number))))
            .collect();
        let packed = pack(&readings, &mut Deflater::default());
        assert_eq!(packed.first(), Some(&DEFLATED));
        assert_eq!(unpack(&packed, readings.len()), Some(readings.clone()));
        for length in 0..packed.len() {
            assert_eq!(unpack(&packed[..length], readings.len()), None, "{length} bytes");
        }
    }

    #[test]
    fn what_hardly_changes_takes_hardly_any_room() {
        assert!(packed_per_sample((0..600).map(|second| Value::Bool(second / 300 == 1))) < 0.05);
        assert!(packed_per_sample((0..600).map(|_| Value::Number(0.469))) < 0.1);
        let noisy = (0..600_u32)
            .map(|second| Value::Number(f64::from(second.wrapping_mul(2_654_435_761) >> 29) / 1000.0));
        assert!(packed_per_sample(noisy) < 1.0);
        let single = (0..600_u32).map(|second| {
            Value::Number(f64::from(
                (f64::from(second.wrapping_mul(2_654_435_761) >> 28) / 100.0) as f32,
            ))
        });
        assert!(packed_per_sample(single) < 1.2);
    }
}
