//! What history keeps, and what readers see of it.

mod bounds;
mod packing;

use super::hours::HOUR_NANOSECONDS;
use super::*;
use crate::test_site::one_fire_main;
use model::{DeviceIndex, Missing, PointId, Reading, Sample, Value};

fn at(seconds: i64) -> Timestamp {
    // The beginning of a slot, so that the tests can count from it.
    Timestamp::from_second(2_991_667 * 600 + seconds).unwrap()
}

fn batch(seconds: i64, pressure: Reading) -> Batch {
    let samples = vec![
        Sample {
            point: PointId(0),
            reading: pressure,
        },
        Sample {
            point: PointId(1),
            reading: Reading::Good(Value::Bool(seconds % 2 == 0)),
        },
    ];
    Batch {
        device: DeviceIndex(0),
        at: at(seconds),
        order: 0,
        samples,
    }
}

fn pressure(second: i64) -> Reading {
    match second % 50 {
        49 => Reading::Missing(Missing::NoAnswer),
        part => Reading::Good(Value::Number((400 + part) as f64 / 1000.0)),
    }
}

fn open(folder: &Path) -> HistoryWriter {
    HistoryWriter::open(folder, &one_fire_main(), true, at(0))
        .unwrap()
        .0
}

fn write(writer: &mut HistoryWriter, batch: &Batch) {
    writer.put(batch);
    writer.commit().unwrap();
}

/// Packs all that is over, and says in how many steps.
fn pack(writer: &mut HistoryWriter, until: i64) -> usize {
    (0..100).take_while(|_| writer.pack(at(until)).unwrap()).count()
}

#[test]
fn a_spoiled_history_is_moved_aside_and_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("history.db"), [0xA5; 9000]).unwrap();
    let (mut writer, aside) = HistoryWriter::open(folder.path(), &one_fire_main(), true, at(0)).unwrap();
    assert!(aside.unwrap().exists());
    write(&mut writer, &batch(0, pressure(0)));
}

fn trend(from: i64, to: i64) -> Trend {
    Trend {
        from: at(from),
        to: at(to),
        grain: Grain::Readings,
    }
}

fn seconds_and_readings(reader: &HistoryReader, trend: Trend) -> Vec<(i64, Reading)> {
    let mut read = Vec::new();
    reader
        .each("fire-main-1", "main_pressure", trend, |piece| {
            if let Piece::Reading(recorded) = piece {
                read.push((recorded.at.duration_since(at(0)).as_secs(), recorded.reading));
            }
            true
        })
        .unwrap();
    read
}

#[test]
fn packing_changes_nothing_that_a_reader_sees() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    let reader = writer.reader().unwrap();
    let written: Vec<_> = (0..1500).map(|second| (second, pressure(second))).collect();
    for (second, reading) in &written {
        write(&mut writer, &batch(*second, reading.clone()));
    }
    assert_eq!(seconds_and_readings(&reader, trend(0, 9999)), written);
    assert_eq!(pack(&mut writer, 1500), 2, "the third slot is not over");
    assert_eq!(seconds_and_readings(&reader, trend(0, 9999)), written);
    assert_eq!(
        seconds_and_readings(&reader, trend(550, 1250)),
        written[550..1250]
    );
}

#[test]
fn a_late_batch_joins_the_slot_that_was_packed() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    let reader = writer.reader().unwrap();
    for second in (0..600).filter(|second| *second != 300) {
        write(&mut writer, &batch(second, pressure(second)));
    }
    pack(&mut writer, 700);
    write(&mut writer, &batch(300, pressure(300)));
    let written: Vec<_> = (0..600).map(|second| (second, pressure(second))).collect();
    assert_eq!(seconds_and_readings(&reader, trend(0, 9999)), written);
    assert_eq!(pack(&mut writer, 701), 0, "it was packed a second ago");
    assert_eq!(pack(&mut writer, 760), 1);
    assert_eq!(seconds_and_readings(&reader, trend(0, 9999)), written);
}

#[test]
fn a_slot_says_its_mean_and_ends_without_being_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    for second in 0..600 {
        write(&mut writer, &batch(second, pressure(second)));
    }
    pack(&mut writer, 700);
    let mut pieces = Vec::new();
    let coarse = Trend {
        grain: Grain::Within(SLOT_NANOSECONDS),
        ..trend(0, 600)
    };
    let reader = writer.reader().unwrap();
    reader
        .each("fire-main-1", "main_pressure", coarse, |piece| {
            pieces.push(piece);
            true
        })
        .unwrap();
    let [Piece::Stretch(slot_at, summary)] = pieces.as_slice() else {
        panic!("{pieces:?}")
    };
    assert_eq!(
        (*slot_at, summary.count, summary.low, summary.high),
        (at(0), 588, Some(0.4), Some(0.448))
    );
}

#[test]
fn a_minute_of_a_point_that_is_read_often_says_its_mean_and_ends_without_being_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    (0..600).for_each(|second| writer.put(&batch(second, pressure(second))));
    writer.commit().unwrap();
    pack(&mut writer, 700);
    let emptied = writer
        .database
        .run(|connection| connection.execute("UPDATE blocks SET body = x''", []));
    assert_eq!(emptied.unwrap(), 2);
    let mut minutes = Vec::new();
    let by_two = Trend {
        grain: Grain::Within(120 * 1_000_000_000),
        ..trend(60, 600)
    };
    let take = |piece| {
        let Piece::Stretch(begins, minute) = piece else {
            panic!("{piece:?}")
        };
        minutes.push((
            begins.duration_since(at(0)).as_secs(),
            minute.count,
            minute.low,
            minute.high,
        ));
        true
    };
    let reader = writer.reader().unwrap();
    reader.each("fire-main-1", "main_pressure", by_two, take).unwrap();
    assert_eq!(minutes.len(), 9);
    assert_eq!(minutes[0], (60, 59, Some(0.4), Some(0.448)));
    assert_eq!(minutes[8].0, 540);
}

/// What a trend says interval by interval, put together as whoever shows it does.
fn by_intervals(reader: &HistoryReader, grain: Grain, every: i64) -> BTreeMap<i64, Summary> {
    let mut intervals: BTreeMap<i64, Summary> = BTreeMap::new();
    let take = |piece| {
        let (begins, summary) = match piece {
            Piece::Reading(recorded) => (recorded.at, Summary::of([&recorded.reading])),
            Piece::Stretch(begins, summary) => (begins, summary),
        };
        let number = begins
            .duration_since(Timestamp::UNIX_EPOCH)
            .as_secs()
            .div_euclid(every);
        intervals.entry(number).or_default().join(&summary);
        true
    };
    let trend = Trend {
        grain,
        ..trend(123, 2345)
    };
    reader.each("fire-main-1", "main_pressure", trend, take).unwrap();
    // Sums that were added up in another order differ in their last digits.
    for summary in intervals.values_mut() {
        summary.sum = (summary.sum * 1e9).round() / 1e9;
    }
    intervals
}

#[test]
fn intervals_say_what_their_readings_say_however_long_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    for second in (0..2400).filter(|second| second % 97 > 40) {
        writer.put(&batch(second, pressure(second)));
    }
    writer.commit().unwrap();
    let reader = writer.reader().unwrap();
    let same = |what: &str| {
        for every in [1, 7, 60, 420, 600, 700, 1200] {
            let coarse = by_intervals(&reader, Grain::Within(every * 1_000_000_000), every);
            assert_eq!(
                coarse,
                by_intervals(&reader, Grain::Readings, every),
                "{what}: {every} s"
            );
        }
    };
    same("as it came");
    pack(&mut writer, 1900);
    same("packed but for the end");
}

fn bound(readings_before: i64, hours_before: i64, bytes: u64) -> Bound {
    Bound {
        readings_before: at(readings_before),
        hours_before: at(hours_before),
        bytes,
    }
}

/// Whole hours of readings, a minute apart; the first ends at 3,000 s.
fn hours_of_minutes(writer: &mut HistoryWriter, until: i64) {
    for second in (0..until).step_by(60) {
        writer.put(&batch(second, pressure(second)));
    }
    writer.commit().unwrap();
    pack(writer, until + 600);
}

#[test]
fn what_is_too_old_or_too_much_is_removed_by_whole_hours_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    hours_of_minutes(&mut writer, 12_000);
    writer.prune(bound(4_000, 0, u64::MAX)).unwrap();
    let reader = writer.reader().unwrap();
    let first = |reader: &HistoryReader| seconds_and_readings(reader, trend(0, 99_999)).first().cloned();
    assert_eq!(first(&reader), Some((3_000, pressure(3_000))));
    writer.prune(bound(0, 0, 0)).unwrap();
    assert_eq!(first(&reader), None);
    write(&mut writer, &batch(12_001, pressure(1)));
    assert_eq!(
        first(&reader),
        Some((12_001, pressure(1))),
        "what comes then is kept"
    );
}

#[test]
fn an_hour_says_its_mean_and_ends_when_its_readings_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    hours_of_minutes(&mut writer, 12_000);
    let reader = writer.reader().unwrap();
    let told = || {
        let mut told = Vec::new();
        let trend = Trend {
            grain: Grain::Within(HOUR_NANOSECONDS),
            ..trend(-600, 10_200)
        };
        let take = |piece| {
            let Piece::Stretch(begins, summary) = piece else {
                panic!("{piece:?}")
            };
            told.push((begins.duration_since(at(0)).as_secs(), summary));
            true
        };
        reader.each("fire-main-1", "main_pressure", trend, take).unwrap();
        told
    };
    let slots = told();
    assert_eq!(slots.len(), 17, "by slots, while their readings are there");
    writer.prune(bound(6_600, 0, u64::MAX)).unwrap();
    let hours = told();
    let begins: Vec<i64> = hours.iter().take(3).map(|(begins, _)| *begins).collect();
    assert_eq!(begins, [-600, 3_000, 6_600]);
    let mut by_slots = Summary::default();
    let of_second_hour = slots.iter().filter(|(begins, _)| (3_000..6_600).contains(begins));
    of_second_hour.for_each(|(_, summary)| by_slots.join(summary));
    let (_, hour) = &hours[1];
    assert_eq!(
        (hour.count, hour.low, hour.high, hour.quality),
        (by_slots.count, by_slots.low, by_slots.high, by_slots.quality)
    );
    assert!((hour.sum - by_slots.sum).abs() < 1e-9);

    write(&mut writer, &batch(3_060, pressure(3)));
    pack(&mut writer, 12_660);
    writer.prune(bound(6_600, 0, u64::MAX)).unwrap();
    assert_eq!(
        told()[1].1.count,
        hour.count,
        "what comes late does not replace the hour"
    );
    writer.prune(bound(6_600, 3_000, u64::MAX)).unwrap();
    writer.prune(bound(6_600, 3_000, u64::MAX)).unwrap();
    assert_eq!(told()[0].0, 3_000, "hours are removed in their turn");
}

fn two_fire_mains() -> Site {
    let mut site = one_fire_main();
    let first = site.devices.at(DeviceIndex(0)).clone();
    site.devices.push(model::Device {
        id: "fire-main-2".into(),
        first_point: PointId(2),
        ..first
    });
    site
}

fn of_device(device: u32, seconds: i64, number: f64) -> Batch {
    Batch {
        device: DeviceIndex(device),
        at: at(seconds),
        order: 0,
        samples: vec![Sample {
            point: PointId(device * 2),
            reading: Reading::Good(Value::Number(number)),
        }],
    }
}

#[test]
fn a_slot_that_was_half_packed_when_the_gateway_stopped_is_packed_once() {
    let folder = tempfile::tempdir().unwrap();
    let site = two_fire_mains();
    let open = || HistoryWriter::open(folder.path(), &site, true, at(0)).unwrap().0;
    let mut writer = open();
    // So much that one device is a step.
    for number in 0..12_000_u32 {
        for device in 0..2 {
            let mut batch = of_device(device, 0, f64::from(number) * std::f64::consts::PI);
            batch.at += std::time::Duration::from_millis(50 * u64::from(number));
            writer.put(&batch);
        }
    }
    writer.commit().unwrap();
    let reader = writer.reader().unwrap();
    let readings = |device: &str| {
        let mut readings = 0;
        let take = |_| {
            readings += 1;
            true
        };
        reader.each(device, "main_pressure", trend(0, 600), take).unwrap();
        readings
    };
    writer.pack(at(700)).unwrap();
    assert_eq!(
        (readings("fire-main-1"), readings("fire-main-2")),
        (12_000, 12_000),
        "half of it is in both"
    );
    drop(writer);
    let mut writer = open();
    // Late, and in rows of its own.
    writer.put(&of_device(1, 500, 0.5));
    writer.commit().unwrap();
    assert!(pack(&mut writer, 700) >= 2);
    assert_eq!(
        (readings("fire-main-1"), readings("fire-main-2")),
        (12_000, 12_000)
    );
    let mut late = Vec::new();
    let take = |piece| {
        late.push(piece);
        true
    };
    reader
        .each("fire-main-2", "main_pressure", trend(500, 501), take)
        .unwrap();
    let Some(Piece::Reading(first)) = late.first() else {
        panic!("{late:?}")
    };
    assert_eq!(
        first.reading,
        Reading::Good(Value::Number(0.5)),
        "the same time again replaces"
    );
}

#[test]
fn what_devices_said_is_told_again_in_the_order_of_times() {
    let folder = tempfile::tempdir().unwrap();
    let site = two_fire_mains();
    let mut writer = HistoryWriter::open(folder.path(), &site, true, at(0)).unwrap().0;
    let said = [
        (0, 10, 1.0),
        (1, 15, 2.0),
        (0, 590, 3.0),
        (0, 20, 4.0),
        (1, 640, 5.0),
        (0, 630, 6.0),
    ];
    for (device, seconds, number) in said {
        write(&mut writer, &of_device(device, seconds, number));
    }
    let reader = writer.reader().unwrap();
    let wanted = ["fire-main-1", "no-such-device", "fire-main-2"].map(|device| Wanted {
        device,
        points: vec!["pump_running", "main_pressure"],
    });
    let again = || {
        let mut told = Vec::new();
        let take = |device, read: Timestamp, readings: Again| {
            let [(1, Reading::Good(Value::Number(number)))] = readings.as_slice() else {
                panic!("{readings:?}")
            };
            told.push((device, read.duration_since(at(0)).as_secs(), *number));
        };
        reader.again(&wanted, at(15), at(640), take).unwrap();
        told
    };
    let expected = [(0, 20, 4.0), (0, 590, 3.0), (2, 15, 2.0), (0, 630, 6.0)];
    assert_eq!(again(), expected);
    pack(&mut writer, 700);
    assert_eq!(again(), expected, "packed or not");
}

#[test]
fn what_was_given_up_does_not_spoil_what_comes_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    write(&mut writer, &batch(0, pressure(0)));
    writer.put(&batch(1, pressure(1)));
    assert!(writer.waiting_bytes() > 0);
    writer.give_up();
    write(&mut writer, &batch(2, pressure(1)));
    let reader = writer.reader().unwrap();
    assert_eq!(
        seconds_and_readings(&reader, trend(0, 9)),
        [(0, pressure(0)), (2, pressure(1))]
    );
    assert_eq!(writer.oldest().unwrap(), Some(at(0)));
}
