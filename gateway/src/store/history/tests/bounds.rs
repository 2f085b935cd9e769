//! How much of the past is kept, and what of it costs how much to look at.

use super::*;
use crate::store::history::bound::{HOUR_BYTES, HOURS_PART};
use crate::store::history::hours::ONE;

const HOUR: i64 = 3_600;
const CENTURY: i64 = 100 * 366 * 24 * HOUR;

/// Two readings of the hours from one to before another, of both points.
fn hours_of(writer: &mut HistoryWriter, from: i64, until: i64) {
    for hour in from..until {
        writer.put(&batch(hour * HOUR, pressure(1)));
        writer.put(&batch(hour * HOUR + 1, pressure(1)));
    }
    writer.commit().unwrap();
    pack_all(writer, CENTURY * 2);
}

fn pack_all(writer: &mut HistoryWriter, until: i64) {
    while writer.pack(at(until)).unwrap() {}
}

/// The hours that are told of the pressure once its readings are gone.
fn told_hours(writer: &HistoryWriter, until: i64, every: i64) -> Vec<(i64, u64)> {
    let mut told = Vec::new();
    let trend = Trend {
        from: at(-600),
        to: at(until * HOUR),
        grain: Grain::Within(every * HOUR_NANOSECONDS),
    };
    let take = |piece| {
        let Piece::Stretch(begins, summary) = piece else {
            panic!("{piece:?}")
        };
        told.push((begins.duration_since(at(-600)).as_secs() / HOUR, summary.count));
        true
    };
    let reader = writer.reader().unwrap();
    reader.each("fire-main-1", "main_pressure", trend, take).unwrap();
    told
}

fn rows(count: u64) -> u64 {
    count * HOUR_BYTES * HOURS_PART
}

#[test]
fn an_hour_in_the_future_takes_none_of_the_past() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    hours_of(&mut writer, 0, 10);
    writer.put(&batch(CENTURY, pressure(1)));
    writer.commit().unwrap();
    pack_all(&mut writer, CENTURY * 2);
    writer.prune(bound(CENTURY * 2, 0, rows(30))).unwrap();
    let all: Vec<_> = (0..10).map(|hour| (hour, 2)).collect();
    assert_eq!(told_hours(&writer, 10, 1), all);
}

#[test]
fn hours_of_an_earlier_version_are_counted_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let first = nanoseconds(at(-600)) / HOUR_NANOSECONDS;
    let before = Database::open(&path, Durability::Normal, &STEPS[..3]).unwrap();
    let fill = format!(
        "INSERT INTO series (id, device, point) VALUES (1, 'fire-main-1', 'main_pressure'), (2, 'fire-main-1', 'pump_running');
         INSERT INTO devices (device) VALUES ('fire-main-1');
         INSERT INTO hours SELECT {first} + n.column1, s.id, 2, 1.0, 0.5, 0.5, 0 FROM (VALUES (0), (1), (2), (3)) AS n, series AS s;"
    );
    before.run(|connection| connection.execute_batch(&fill)).unwrap();
    drop(before);
    let mut writer = open(folder.path());
    assert_eq!(told_hours(&writer, 9, 1), [(0, 2), (1, 2), (2, 2), (3, 2)]);
    let pruned = writer.prune(bound(0, 0, rows(5))).unwrap();
    assert_eq!((pruned.hours, pruned.hour_rows), (2, 4));
    assert_eq!(told_hours(&writer, 9, 1), [(2, 2), (3, 2)]);
}

#[test]
fn hours_are_removed_oldest_first_until_there_are_no_more_than_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    hours_of(&mut writer, 0, 10);
    // An hour with half the series of those before it.
    let mut small = batch(10 * HOUR, pressure(1));
    small.samples.pop();
    writer.put(&small);
    writer.commit().unwrap();
    pack_all(&mut writer, 20 * HOUR);
    let pruned = writer.prune(bound(20 * HOUR, 0, rows(15))).unwrap();
    assert_eq!((pruned.hours, pruned.hour_rows), (3, 6));
    assert_eq!(told_hours(&writer, 10, 1).first(), Some(&(3, 2)), "15 of 21 rows");
}

#[test]
fn what_comes_late_hides_no_hours_of_its_device_or_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = HistoryWriter::open(folder.path(), &two_fire_mains(), true, at(0))
        .unwrap()
        .0;
    hours_of(&mut writer, 0, 10);
    writer.prune(bound(10 * HOUR, 0, u64::MAX)).unwrap();
    let hours: Vec<_> = (0..10).map(|hour| (hour, 2)).collect();
    writer.put(&of_device(1, 4 * HOUR, 0.5));
    writer.commit().unwrap();
    assert_eq!(told_hours(&writer, 10, 1), hours, "another's is late");
    let mut late = batch(6 * HOUR, pressure(1));
    for second in 0..3 {
        late.at = at(6 * HOUR + second);
        writer.put(&late);
    }
    writer.commit().unwrap();
    pack_all(&mut writer, 10 * HOUR);
    let mut told = told_hours(&writer, 10, 1);
    assert_eq!(told.remove(6), (6, 3), "its own is told by its slot");
    let others: Vec<_> = hours.into_iter().filter(|(hour, _)| *hour != 6).collect();
    assert_eq!(told, others);
}

#[test]
fn a_day_that_is_over_is_told_from_one_row_until_one_of_its_hours_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    let sum_up = |writer: &mut HistoryWriter| {
        for _ in 0..5 {
            writer.sum_up_days(at(CENTURY)).unwrap();
        }
    };
    let until = 61;
    hours_of(&mut writer, 0, until);
    let without_readings = bound(CENTURY * 2, 0, u64::MAX);
    writer.prune(without_readings).unwrap();
    let hours: Vec<_> = (0..until).map(|hour| (hour, 2)).collect();
    assert_eq!(told_hours(&writer, until, 24), hours);
    sum_up(&mut writer);
    // The first hour is the eleventh of its day, which is not wanted whole.
    let days = |first: u64| {
        let before = (0..13).map(|hour| (hour, 2));
        before.chain([(13, first), (37, 48)]).collect::<Vec<_>>()
    };
    assert_eq!(told_hours(&writer, until, 24), days(48));
    assert_eq!(
        told_hours(&writer, until, 23),
        hours,
        "days are no part of 23 hours"
    );
    assert_eq!(told_hours(&writer, until, 48).len(), 15);
    // An hour gains a reading.
    for second in [4, 5, 6] {
        writer.put(&batch(20 * HOUR + second, pressure(1)));
    }
    writer.commit().unwrap();
    pack_all(&mut writer, CENTURY * 2 + 60);
    writer.prune(without_readings).unwrap();
    let told = told_hours(&writer, until, 24);
    assert_eq!((told.len(), told[20]), (38, (20, 3)), "hours again");
    sum_up(&mut writer);
    assert_eq!(told_hours(&writer, until, 24), days(49));
    // Days go with the last of their hours.
    writer.prune(bound(CENTURY * 2, 37 * HOUR, u64::MAX)).unwrap();
    assert_eq!(told_hours(&writer, until, 24), [(37, 48)]);
}

/// What this thread has read from files so far, in bytes.
fn bytes_read() -> u64 {
    let io = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    read.unwrap().parse().unwrap()
}

#[test]
fn days_of_a_large_site_are_read_from_a_page_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    let (days, first) = (100, 20_000);
    let fill = format!(
        "WITH RECURSIVE hour (hour) AS (SELECT {first} * 24 UNION ALL SELECT hour + 1 FROM hour WHERE hour < ({first} + {days}) * 24 - 1),
         one (series) AS (SELECT 1 UNION ALL SELECT series + 1 FROM one WHERE series < 100)
         INSERT INTO hours SELECT hour, series, 10, series / 3.0, series / 7.0, series / 11.0, 0 FROM hour, one;
         INSERT INTO hour_rows SELECT hour, count(*) FROM hours GROUP BY hour;"
    );
    writer
        .database
        .run(|connection| connection.execute_batch(&fill))
        .unwrap();
    drop(writer);
    writer = open(folder.path());
    for _ in 0..days {
        writer.sum_up_days(at(CENTURY)).unwrap();
    }
    let reader = writer.reader().unwrap();
    let mut told = 0;
    let trend = Trend {
        from: Timestamp::UNIX_EPOCH,
        to: Timestamp::MAX,
        grain: Grain::Within(24 * HOUR_NANOSECONDS),
    };
    let before = bytes_read();
    let take = |_| {
        told += 1;
        true
    };
    reader.each("fire-main-1", "main_pressure", trend, take).unwrap();
    let pages = (bytes_read() - before) / 4096;
    assert_eq!(told, days);
    assert!(pages < 200, "{pages} pages for {days} days");
}

#[test]
fn a_window_that_reaches_to_the_end_of_time_looks_only_for_hours_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(folder.path());
    hours_of(&mut writer, 0, 10);
    let reader = writer.reader().unwrap();
    for from in [at(0), at(CENTURY)] {
        let trend = Trend {
            from,
            to: Timestamp::MAX,
            grain: Grain::Within(HOUR_NANOSECONDS),
        };
        reader
            .each("fire-main-1", "main_pressure", trend, |_| true)
            .unwrap();
    }
    let looks = reader
        .database
        .run(|connection| {
            Ok(connection
                .prepare_cached(ONE)?
                .get_status(rusqlite::StatementStatus::Run))
        })
        .unwrap();
    assert!(looks <= 10, "{looks} look-ups for ten hours");
}
