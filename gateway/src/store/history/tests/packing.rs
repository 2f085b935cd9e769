//! What is packed when, and what becomes of it where a slot cannot be packed as it is.

use super::*;

const FORTY_YEARS: i64 = 40 * 365 * 86_400;

/// What hours and slots say of a device's pressure from one second to another.
fn stretches(writer: &HistoryWriter, device: &str, from: i64, to: i64) -> Vec<(i64, Summary)> {
    let mut told = Vec::new();
    let trend = Trend {
        grain: Grain::Within(HOUR_NANOSECONDS),
        ..trend(from, to)
    };
    let take = |piece| {
        let Piece::Stretch(begins, summary) = piece else {
            panic!("{piece:?}")
        };
        told.push((begins.duration_since(at(0)).as_secs(), summary));
        true
    };
    let reader = writer.reader().unwrap();
    reader.each(device, "main_pressure", trend, take).unwrap();
    told
}

#[test]
fn a_device_that_is_constantly_late_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = HistoryWriter::open(folder.path(), &two_fire_mains(), true, at(0))
        .unwrap()
        .0;
    for second in (3_000..7_800).step_by(30) {
        writer.put(&of_device(0, second, 0.5));
        writer.put(&of_device(1, second - FORTY_YEARS, 0.5));
        writer.commit().unwrap();
        writer.pack(at(second - 60)).unwrap();
    }
    // What was not packed before its readings go leaves nothing behind.
    writer.prune(bound(6_600, -2 * FORTY_YEARS, u64::MAX)).unwrap();
    let hours = stretches(&writer, "fire-main-1", 3_000, 6_600);
    let told: Vec<_> = hours.iter().map(|(begins, hour)| (*begins, hour.count)).collect();
    assert_eq!(told, [(3_000, 120)]);
}

#[test]
fn of_one_time_twice_the_last_that_was_said_of_each_point_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    let mut halves = [
        batch(7, pressure(1)),
        batch(7, pressure(2)),
        batch(7, pressure(3)),
    ];
    halves[1].samples.pop();
    halves[2].samples.remove(0);
    halves[2].samples[0].reading = Reading::Good(Value::Bool(true));
    for half in &halves[..2] {
        write(&mut writer, half);
    }
    let reader = writer.reader().unwrap();
    let wanted = [Wanted {
        device: "fire-main-1",
        points: vec!["main_pressure", "pump_running"],
    }];
    let seen = || {
        let mut told = Vec::new();
        let take = |_, read: Timestamp, mut readings: Again| {
            readings.sort_by_key(|(place, _)| *place);
            told.push((read, readings));
        };
        reader.again(&wanted, at(0), at(600), take).unwrap();
        told
    };
    let said = |running: bool| {
        let running = Reading::Good(Value::Bool(running));
        vec![(at(7), vec![(0, pressure(2)), (1, running)])]
    };
    assert_eq!(seen(), said(false), "as they came");
    pack(&mut writer, 700);
    assert_eq!(seen(), said(false), "packed");
    assert_eq!(seconds_and_readings(&reader, trend(0, 600)), [(7, pressure(2))]);
    write(&mut writer, &halves[2]);
    assert_eq!(seen(), said(true), "half of it is packed");
    assert_eq!(pack(&mut writer, 760), 1);
    assert_eq!(seen(), said(true), "packed again");
}

#[test]
fn a_stretch_of_which_the_sum_is_beyond_all_numbers_has_no_mean_and_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = HistoryWriter::open(folder.path(), &two_fire_mains(), true, at(0))
        .unwrap()
        .0;
    let huge = 1.7e308;
    for (second, number) in [
        (0, huge),
        (1, huge),
        (60, -huge),
        (61, -huge),
        (600, -huge),
        (601, -huge),
    ] {
        writer.put(&of_device(0, second, number));
        writer.put(&of_device(1, second, 0.5));
    }
    writer.commit().unwrap();
    pack(&mut writer, 1_300);
    let of_first = stretches(&writer, "fire-main-1", 0, 1_200);
    let told: Vec<_> = of_first
        .iter()
        .map(|(begins, slot)| (*begins, slot.count, slot.mean(), slot.low, slot.high))
        .collect();
    assert_eq!(
        told,
        [
            (0, 4, None, Some(-huge), Some(huge)),
            (600, 2, None, Some(-huge), Some(-huge))
        ]
    );
    writer.prune(bound(6_600, 0, u64::MAX)).unwrap();
    let hours = |device: &str| {
        let hours = stretches(&writer, device, -600, 3_000);
        let of_hour = |(_, hour): &(i64, Summary)| (hour.count, hour.mean());
        hours.iter().map(of_hour).collect::<Vec<_>>()
    };
    assert_eq!(hours("fire-main-1"), [(6, None)]);
    assert_eq!(hours("fire-main-2"), [(6, Some(0.5))]);
}

#[test]
fn a_slot_that_cannot_be_packed_is_stepped_over_after_three_times_and_its_readings_stay() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    for second in [0, 600, 1_200] {
        writer.put(&batch(second, pressure(1)));
    }
    writer.commit().unwrap();
    let slot = at(600).as_second() / 600;
    let refuse = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON times WHEN new.slot = {slot} BEGIN SELECT raise(ABORT, 'no'); END"
    );
    writer
        .database
        .run(|connection| connection.execute_batch(&refuse))
        .unwrap();
    assert_eq!(writer.unpacked_slots(at(1_800)), 3);
    let mut failures = 0;
    for _ in 0..20 {
        failures += u32::from(writer.pack(at(1_800)).is_err());
    }
    assert_eq!((failures, writer.unpacked_slots(at(1_800))), (3, 0));
    assert_eq!(writer.stepped_over(), Some(at(600)));
    assert_eq!(writer.stepped_over(), None, "it is told once");
    // More of it comes: it is kept, and not tried again.
    write(&mut writer, &batch(601, pressure(2)));
    assert!(!writer.pack(at(1_800)).unwrap());
    let reader = writer.reader().unwrap();
    let times: Vec<i64> = seconds_and_readings(&reader, trend(0, 1_800))
        .into_iter()
        .map(|(second, _)| second)
        .collect();
    assert_eq!(times, [0, 600, 601, 1_200]);
}
