//! The deadlines against a slow and obvious reference, filed at every hour of 2026, for every row: minutes are walked one by one,
//! days on a wall calendar that is written out here. With `SOAK=1` every hour has its pauses, too; without, every 29th.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::{Deadlines, Target};

use super::{Clock, ClockKind, WorkCalendar};
use crate::test_site::one_fire_main;

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;
/// Shanghai is eight hours ahead of UTC all year.
const AHEAD: i64 = 8 * 3_600;
/// 2026-01-01 00:00 in Shanghai, and the hours of that year.
const NEW_YEAR: i64 = 1_767_196_800;
const HOURS: i64 = 365 * 24;

/// The days off and the make-up days of 2026 by the day of the year, from 1, as a wall calendar shows them.
const OFF: [(i64, i64); 7] = [
    (1, 3),
    (46, 54),
    (94, 96),
    (121, 125),
    (170, 172),
    (268, 270),
    (274, 280),
];
const MAKE_UP: [i64; 6] = [4, 45, 59, 129, 263, 283];

fn works_on(day_of_1970: i64) -> bool {
    let day_of_year = day_of_1970 - (NEW_YEAR + AHEAD) / DAY + 1;
    // 1 January 1970 was a Thursday; 0 is a Monday here.
    let weekend = (day_of_1970 + 3) % 7 >= 5;
    let of_2026 = (1..=365).contains(&day_of_year);
    let off = OFF.iter().any(|(from, to)| (*from..=*to).contains(&day_of_year));
    match of_2026 {
        true if off => false,
        true if MAKE_UP.contains(&day_of_year) => true,
        _ => !weekend,
    }
}

/// When so many minutes have run, walking minute by minute and not counting those in a pause; whoever pauses at the very last
/// moment still has that moment when it goes on.
fn walk_minutes(filed: i64, mut left: i64, pauses: &[(i64, i64)]) -> i64 {
    let mut minute = filed;
    loop {
        let paused = pauses.iter().any(|(from, to)| (*from..*to).contains(&minute));
        if !paused && left == 0 {
            return minute;
        }
        left -= i64::from(!paused);
        minute += MINUTE;
    }
}

/// The end of the last of so many working days, walking day by day and not counting those that ended in a pause.
fn walk_days(filed: i64, mut left: i64, pauses: &[(i64, i64)]) -> i64 {
    let mut day = (filed + AHEAD).div_euclid(DAY);
    loop {
        day += 1;
        let end = (day + 1) * DAY - AHEAD;
        let paused = pauses.iter().any(|(from, to)| *from < end && end <= *to);
        if works_on(day) && !paused {
            left -= 1;
        }
        if left == 0 {
            return end;
        }
    }
}

fn reference(target: Target, filed: i64, pauses: &[(i64, i64)]) -> i64 {
    match target {
        Target::Minutes(count) => walk_minutes(filed, i64::from(count), pauses),
        Target::Hours(count) => walk_minutes(filed, i64::from(count) * 60, pauses),
        Target::WorkingDays(count) => walk_days(filed, i64::from(count), pauses),
        Target::Seconds(_) | Target::Day(_) => panic!("the standard has no such target"),
    }
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn targets(row: &Deadlines) -> Vec<Target> {
    [row.respond, row.arrive, row.resolve]
        .into_iter()
        .flatten()
        .collect()
}

fn due(target: Target, filed: i64, pauses: &[(i64, i64)], calendar: &WorkCalendar) -> i64 {
    let mut clock = Clock::start(ClockKind::Resolve, target, moment(filed));
    for (from, to) in pauses {
        clock.pause(moment(*from));
        clock.resume(moment(*to));
    }
    let later = moment(filed + 400 * DAY);
    clock.stand(later, calendar).unwrap().due.as_second()
}

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, most: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % most.unsigned_abs()).cast_signed()
    }

    /// Up to three pauses of whole minutes, one after the other, the first soon after filing.
    fn pauses(&mut self, filed: i64, target: Target) -> Vec<(i64, i64)> {
        let longest = match target {
            Target::WorkingDays(_) => 5 * 24 * 60,
            _ => 24 * 60,
        };
        let mut from = filed;
        let count = self.up_to(4);
        let pauses = (0..count).map(|_| {
            from += (1 + self.up_to(longest / 8)) * MINUTE;
            let to = from + (1 + self.up_to(longest)) * MINUTE;
            let pause = (from, to);
            from = to;
            pause
        });
        pauses.collect()
    }
}

#[test]
fn every_deadline_filed_at_every_hour_of_2026_is_the_references() {
    let standard = one_fire_main().standard;
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let calendar = WorkCalendar::new(standard.calendar.clone(), zone);
    let soak = std::env::var_os("SOAK").is_some();
    let mut dice = Dice(20_260_101);
    for row in standard.deadlines.values() {
        for target in targets(row) {
            for hour in 0..HOURS {
                let filed = NEW_YEAR + hour * 3_600;
                let found = due(target, filed, &[], &calendar);
                assert_eq!(
                    found,
                    reference(target, filed, &[]),
                    "{} {target} at {}",
                    row.id,
                    moment(filed)
                );
                if soak || hour % 29 == 0 {
                    let filed = filed + dice.up_to(60) * MINUTE;
                    let pauses = dice.pauses(filed, target);
                    // A pause that begins after the deadline moves nothing: it is over.
                    let found = due(target, filed, &pauses, &calendar);
                    let wanted = reference(target, filed, &pauses);
                    assert_eq!(
                        found,
                        wanted,
                        "{} {target} at {} with {pauses:?}",
                        row.id,
                        moment(filed)
                    );
                }
            }
        }
    }
}
