//! What holds of every clock: struck stops leave no trace, raisings count from the start, and zones change no span.

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use model::{Calendar, DayKind, Target};
use proptest::prelude::*;

use super::{Clock, ClockKind, ClockState, StoppedBy, WorkCalendar};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

fn clock(target: Target) -> Clock {
    Clock::start(ClockKind::Resolve, target, at(0))
}

fn due(clock: &Clock, seconds: i64) -> (Timestamp, ClockState) {
    let stand = clock.stand(at(seconds), &WorkCalendar::utc_weekends()).unwrap();
    (stand.due, stand.state)
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        (1..600_u32).prop_map(Target::Minutes),
        (1..72_u32).prop_map(Target::Hours),
        (1..8_u32).prop_map(Target::WorkingDays),
    ]
}

/// Something that changes a clock, for the law of the struck stop.
#[derive(Clone, Copy, Debug)]
enum Change {
    Pause,
    Resume,
    Retarget(Target),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => Just(Change::Pause),
        3 => Just(Change::Resume),
        1 => target().prop_map(Change::Retarget),
    ]
}

fn take(clock: &mut Clock, change: Change, at: Timestamp) {
    match change {
        Change::Pause => clock.pause(at),
        Change::Resume => clock.resume(at),
        Change::Retarget(target) => clock.retarget(at, target),
    }
}

proptest! {
    /// Both clocks hear the same; one is stopped by the telemetry on the way and the stop is struck out again.
    #[test]
    fn a_struck_stop_leaves_no_trace_in_due(
        target in target(),
        changes in proptest::collection::vec((1..90_000_i64, change()), 0..8),
        stop_before in 0..8_usize,
        looks_after in 0..400_000_i64,
    ) {
        let (mut plain, mut struck) = (clock(target), clock(target));
        let mut now = 0;
        for (index, (later, change)) in changes.iter().enumerate() {
            now += later;
            if index == stop_before {
                struck.stop(at(now - later / 2 - 1), StoppedBy::Telemetry);
                struck.strike(at(now - 1));
            }
            take(&mut plain, *change, at(now));
            take(&mut struck, *change, at(now));
        }
        prop_assert_eq!(due(&plain, now + looks_after), due(&struck, now + looks_after));
    }

    #[test]
    fn a_stopped_clock_says_the_same_for_ever(
        target in target(),
        pauses in proptest::collection::vec((1..9_000_i64, 1..90_000_i64), 0..4),
        stops_after in 1..500_000_i64,
        looks_after in 0..90_000_000_i64,
    ) {
        let mut clock = clock(target);
        let mut now = 0;
        for (runs, waits) in pauses {
            clock.pause(at(now + runs));
            clock.resume(at(now + runs + waits));
            now += runs + waits;
        }
        now += stops_after;
        clock.stop(at(now), StoppedBy::Person("Li".into()));
        prop_assert_eq!(due(&clock, now), due(&clock, now + looks_after));
    }

    #[test]
    fn a_longer_pause_never_makes_a_deadline_earlier(
        target in target(), from in 1..90_000_i64, waits in 1..900_000_i64, more in 1..90_000_i64,
    ) {
        let waited = |length| {
            let mut clock = clock(target);
            clock.pause(at(from));
            clock.resume(at(from + length));
            due(&clock, from + length).0
        };
        prop_assert!(waited(waits) <= waited(waits + more));
    }
}

#[test]
fn a_raised_clock_counts_from_its_own_start_with_its_pauses() {
    let mut clock = clock(Target::Hours(8));
    clock.pause(at(3_600));
    clock.resume(at(7_200));
    clock.retarget(at(8_000), Target::Hours(48));
    assert_eq!(due(&clock, 9_000), (at(49 * 3_600), ClockState::Running));
}

#[test]
fn a_missed_clock_stays_missed_when_it_is_raised_and_one_that_is_due_this_second_does_not() {
    let mut late = clock(Target::Hours(8));
    late.retarget(at(8 * 3_600 + 1), Target::Hours(48));
    assert_eq!(due(&late, 9 * 3_600), (at(8 * 3_600), ClockState::Missed));
    let mut in_time = clock(Target::Hours(8));
    in_time.retarget(at(8 * 3_600), Target::Hours(48));
    assert_eq!(due(&in_time, 9 * 3_600), (at(48 * 3_600), ClockState::Running));
}

#[test]
fn raising_after_the_stop_does_not_judge_it_anew() {
    let mut clock = clock(Target::Hours(8));
    clock.stop(at(7 * 3_600), StoppedBy::Person("Li".into()));
    clock.retarget(at(7 * 3_600 + 60), Target::Minutes(30));
    assert_eq!(due(&clock, 9 * 3_600), (at(8 * 3_600), ClockState::Met));
}

#[test]
fn a_stop_that_is_struck_while_the_ticket_waits_leaves_it_waiting() {
    let mut clock = clock(Target::Hours(8));
    clock.pause(at(3_600));
    clock.stop(at(5_000), StoppedBy::Telemetry);
    assert_eq!(due(&clock, 6_000).1, ClockState::Met);
    clock.strike(at(5_300));
    assert!(clock.is_paused());
    assert_eq!(due(&clock, 6_000), (at(8 * 3_600 + 2_400), ClockState::Paused));
}

#[test]
fn a_clock_that_people_were_told_of_stays_missed_when_the_system_clock_is_set_back() {
    let mut clock = clock(Target::Minutes(30));
    clock.events.push(super::ClockEvent::Announced { at: at(1_801) });
    assert_eq!(due(&clock, 600).1, ClockState::Missed);
    clock.stop(at(700), StoppedBy::Person("Li".into()));
    assert_eq!(due(&clock, 9_000).1, ClockState::Missed);
}

#[test]
fn a_reading_from_before_the_deadline_shows_that_it_was_kept_although_people_were_told() {
    let mut clock = clock(Target::Minutes(30));
    clock.events.push(super::ClockEvent::Announced { at: at(1_801) });
    clock.stop(at(1_795), StoppedBy::Telemetry);
    assert_eq!(due(&clock, 9_000).1, ClockState::Met);
}

/// A site of Europe, whose clocks are set forward on 29 March and back on 25 October 2026.
fn berlin() -> WorkCalendar {
    let mut days = Calendar {
        years: vec![2026],
        ..Calendar::default()
    };
    days.days.insert(date(2026, 4, 3), DayKind::Off);
    WorkCalendar::new(days, TimeZone::get("Europe/Berlin").unwrap())
}

#[test]
fn a_changed_zone_offset_moves_no_hour_and_a_working_day_ends_at_the_walls_midnight() {
    let filed: Timestamp = "2026-03-28T20:00:00+01:00".parse().unwrap();
    let hours = Clock::start(ClockKind::Resolve, Target::Hours(8), filed);
    let stand = hours.stand(filed, &berlin()).unwrap();
    assert_eq!(stand.due, filed + SignedDuration::from_hours(8));
    assert_eq!(stand.due, "2026-03-29T05:00:00+02:00".parse().unwrap());

    let days = Clock::start(ClockKind::Resolve, Target::WorkingDays(5), filed);
    let stand = days.stand(filed, &berlin()).unwrap();
    // Monday 30 March to Thursday 2 April, Good Friday off, Monday 6 April.
    assert_eq!(stand.due, "2026-04-07T00:00:00+02:00".parse().unwrap());
}

#[test]
fn midnight_month_and_year_are_no_borders_for_hours() {
    for filed in [
        "2026-01-31T23:45:00+08:00",
        "2026-12-31T23:45:00+08:00",
        "2028-02-28T23:45:00+08:00",
    ] {
        let filed: Timestamp = filed.parse().unwrap();
        let clock = Clock::start(ClockKind::Arrive, Target::Minutes(30), filed);
        let stand = clock.stand(filed, &WorkCalendar::utc_weekends()).unwrap();
        assert_eq!(stand.due, filed + SignedDuration::from_mins(30));
        assert!(!stand.provisional);
    }
}

#[test]
fn the_day_of_filing_is_the_sites_day_to_the_last_second() {
    let calendar = WorkCalendar::new(Calendar::default(), TimeZone::get("Asia/Shanghai").unwrap());
    let due = |filed: &str| calendar.due(filed.parse().unwrap(), 1, std::iter::empty()).0;
    assert_eq!(
        due("2026-03-02T23:59:59+08:00"),
        "2026-03-04T00:00:00+08:00".parse().unwrap()
    );
    assert_eq!(
        due("2026-03-03T00:00:00+08:00"),
        "2026-03-05T00:00:00+08:00".parse().unwrap()
    );
}
