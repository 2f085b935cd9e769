//! What is packed when, and what becomes of it.

use super::*;

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
    pack(&mut writer, 700);
    assert_eq!(seen(), said(true), "packed again");
}
