//! Working days in the site's zone: when a promise of so many working days is due.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::{Calendar, DayKind};

/// So many days before the loaded years end people are warned.
const WARNS_DAYS: i32 = 60;

/// The site's working days.
#[derive(Clone, Debug)]
pub struct WorkCalendar {
    days: Calendar,
    timezone: TimeZone,
}

impl WorkCalendar {
    /// The working days of a calendar, counted in a zone.
    pub fn new(days: Calendar, timezone: TimeZone) -> Self {
        Self { days, timezone }
    }

    /// Monday to Friday in UTC, no year loaded.
    #[cfg(test)]
    pub fn utc_weekends() -> Self {
        Self::new(Calendar::default(), TimeZone::UTC)
    }

    /// The zone.
    pub fn timezone(&self) -> &TimeZone {
        &self.timezone
    }

    /// 24:00 of the `count`-th working day after the day of filing, moved by the working days whose end fell inside a pause;
    /// and whether a day past the loaded years was met on the way.
    pub fn due(
        &self,
        filed_at: Timestamp,
        count: u32,
        pauses: impl Iterator<Item = (Timestamp, Timestamp)>,
    ) -> (Timestamp, bool) {
        let filed_on = filed_at.to_zoned_datetime(self.timezone.clone()).date();
        let paused: Vec<_> = pauses.collect();
        let mut left = count;
        let mut day = filed_on;
        let mut end = filed_at;
        let mut provisional = false;
        // A pause of years would be walked day by day; jiff's calendar ends in the year 9999, and so does the walk.
        while left > 0 {
            let Ok(next) = day.tomorrow() else {
                return (Timestamp::MAX, true);
            };
            (day, end) = (next, self.end_of(next));
            provisional |= !self.days.years.contains(&day.year());
            let inside_a_pause = paused.iter().any(|(from, to)| *from < end && end <= *to);
            if self.is_working(day) && !inside_a_pause {
                left -= 1;
            }
        }
        (end, provisional)
    }

    /// Whether people work on that day.
    pub fn is_working(&self, day: Date) -> bool {
        match self.days.days.get(&day) {
            Some(kind) => *kind == DayKind::Working,
            None => day.weekday().to_monday_one_offset() <= 5,
        }
    }

    /// The last day of the loaded years, when it is less than sixty days away or past (the service standard, "Deadlines"): then
    /// people are to load the next year.
    pub fn runs_out(&self, today: Date) -> Option<Date> {
        let last_year = self.days.years.last().copied().unwrap_or(i16::MIN);
        let last = Date::new(last_year, 12, 31).ok()?;
        let left = last - today;
        (left.get_days() < WARNS_DAYS).then_some(last)
    }

    /// 24:00 of a day; the end of time for the last day that there is.
    pub fn end_of(&self, day: Date) -> Timestamp {
        let midnight = day.tomorrow().ok();
        let midnight = midnight.and_then(|day| day.to_zoned_datetime(self.timezone.clone()).ok());
        midnight.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    }

    /// The day that `at` falls on in the site's zone.
    pub fn day_of(&self, at: Timestamp) -> Date {
        at.to_zoned_datetime(self.timezone.clone()).date()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026 as the State Council's notice of 2025-11-04 has it.
    fn china() -> WorkCalendar {
        let mut days = Calendar {
            years: vec![2025, 2026],
            ..Calendar::default()
        };
        let off = [
            ((1, 1), 3),
            ((2, 15), 9),
            ((4, 4), 3),
            ((5, 1), 5),
            ((6, 19), 3),
            ((9, 25), 3),
            ((10, 1), 7),
        ];
        for ((month, first), count) in off {
            for day in first..first + count {
                days.days
                    .insert(Date::new(2026, month, day).unwrap(), DayKind::Off);
            }
        }
        for (month, day) in [(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)] {
            days.days
                .insert(Date::new(2026, month, day).unwrap(), DayKind::Working);
        }
        WorkCalendar::new(days, TimeZone::get("Asia/Shanghai").unwrap())
    }

    fn shanghai(text: &str) -> Timestamp {
        format!("{text}+08:00").parse().unwrap()
    }

    #[test]
    fn five_working_days_follow_the_holidays_and_the_make_up_days() {
        for (filed, last) in [
            ("2026-02-13", "2026-02-27"),
            ("2026-09-30", "2026-10-13"),
            ("2026-09-18", "2026-09-24"),
            ("2026-04-30", "2026-05-11"),
            ("2025-12-31", "2026-01-08"),
        ] {
            let next: Date = last.parse::<Date>().unwrap().tomorrow().unwrap();
            let (due, provisional) =
                china().due(shanghai(&format!("{filed}T10:00:00")), 5, std::iter::empty());
            assert_eq!(due, shanghai(&format!("{next}T00:00:00")), "filed {filed}");
            assert!(!provisional);
        }
    }

    #[test]
    fn a_pause_moves_the_day_by_the_working_days_that_ended_in_it() {
        // Filed on Monday; paused from Tuesday noon to Thursday noon: the ends of Tuesday and Wednesday fell inside.
        let filed = shanghai("2026-03-02T10:00:00");
        let pause = (shanghai("2026-03-03T12:00:00"), shanghai("2026-03-05T12:00:00"));
        assert_eq!(
            china().due(filed, 5, [pause].into_iter()).0,
            shanghai("2026-03-12T00:00:00")
        );
    }

    #[test]
    fn people_are_warned_in_the_last_sixty_days_of_the_loaded_years() {
        let runs_out = |day: &str| china().runs_out(day.parse().unwrap());
        let last = Date::new(2026, 12, 31).unwrap();
        assert_eq!(runs_out("2026-11-01"), None);
        assert_eq!(runs_out("2026-11-02"), Some(last));
        assert_eq!(runs_out("2027-05-01"), Some(last));
    }

    #[test]
    fn past_the_loaded_years_a_due_day_is_provisional() {
        assert!(
            china()
                .due(shanghai("2026-12-30T10:00:00"), 5, std::iter::empty())
                .1
        );
    }
}
