//! When public lighting should be lit: between two moments of the day, by the clock or by the sun.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::sun::{Coordinates, sun};

/// A site's schedule: lit from one moment to the next other, every night.
#[derive(Clone, Debug, PartialEq)]
pub struct LightingSchedule {
    /// Lamps should be lit from here …
    pub from: LightingMoment,
    /// … to here; a moment that is not after `from` on its day is the next day's.
    pub to: LightingMoment,
}

/// A moment of every day.
#[derive(Clone, Debug, PartialEq)]
pub enum LightingMoment {
    /// A time on the site's clocks.
    Clock(Time),
    /// So long after sunset there, or before it.
    Sunset(Coordinates, SignedDuration),
    /// So long after sunrise there, or before it.
    Sunrise(Coordinates, SignedDuration),
}

impl LightingSchedule {
    /// The stretch that begins on a day: lamps should be lit from its first moment up to, without, its second.
    pub fn lit_from(&self, day: Date, timezone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let from = self.from.on(day, timezone)?;
        let to = self.to.on(day, timezone).filter(|to| *to > from);
        let to = to.or_else(|| self.to.on(day.tomorrow().ok()?, timezone))?;
        Some((from, to))
    }
}

impl LightingMoment {
    fn on(&self, day: Date, timezone: &TimeZone) -> Option<Timestamp> {
        let (moment, offset) = match self {
            Self::Clock(time) => {
                let zoned = day.to_datetime(*time).to_zoned_datetime(timezone.clone()).ok()?;
                return Some(zoned.timestamp());
            }
            Self::Sunset(place, offset) => (sun(day, *place)?.sets_at, offset),
            Self::Sunrise(place, offset) => (sun(day, *place)?.rises_at, offset),
        };
        moment.checked_add(*offset).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    const SHANGHAI: Coordinates = Coordinates {
        latitude_degrees: 31.23,
        longitude_degrees: 121.47,
    };

    fn lit(from: LightingMoment, to: LightingMoment, day: Date) -> [String; 2] {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let (from, to) = LightingSchedule { from, to }.lit_from(day, &zone).unwrap();
        [from, to].map(|at| {
            at.to_zoned_datetime(zone.clone())
                .strftime("%d %H:%M")
                .to_string()
        })
    }

    #[test]
    fn a_night_by_the_clock_ends_on_the_next_day_and_an_evening_on_its_own() {
        let clock = |hour| LightingMoment::Clock(time(hour, 0, 0, 0));
        assert_eq!(
            lit(clock(18), clock(6), date(2026, 11, 24)),
            ["24 18:00", "25 06:00"]
        );
        assert_eq!(
            lit(clock(18), clock(23), date(2026, 11, 24)),
            ["24 18:00", "24 23:00"]
        );
    }

    #[test]
    fn a_night_by_the_sun_is_as_long_as_the_season_makes_it() {
        let zero = SignedDuration::ZERO;
        let night = |day| {
            let (sunset, sunrise) = (
                LightingMoment::Sunset(SHANGHAI, zero),
                LightingMoment::Sunrise(SHANGHAI, zero),
            );
            lit(sunset, sunrise, day)
        };
        let minutes = |text: &str| {
            let (hour, minute) = text[3..].split_once(':').unwrap();
            hour.parse::<i32>().unwrap() * 60 + minute.parse::<i32>().unwrap()
        };
        // As almanacs have them: 19:01 and 04:50 in June, 16:56 and 06:49 in December.
        for (day, sunset, sunrise) in [
            (date(2026, 6, 21), 19 * 60 + 1, 4 * 60 + 50),
            (date(2026, 12, 21), 16 * 60 + 56, 6 * 60 + 49),
        ] {
            let [from, to] = night(day);
            assert!((minutes(&from) - sunset).abs() <= 2, "{day}: sunset {from}");
            assert!((minutes(&to) - sunrise).abs() <= 2, "{day}: sunrise {to}");
        }
    }

    #[test]
    fn an_offset_moves_the_moment() {
        let quarter = SignedDuration::from_mins(15);
        let [plain, later] = [SignedDuration::ZERO, quarter].map(|offset| {
            let from = LightingMoment::Sunset(SHANGHAI, offset);
            let to = LightingMoment::Clock(time(6, 0, 0, 0));
            LightingSchedule { from, to }
                .lit_from(date(2026, 11, 24), &TimeZone::UTC)
                .unwrap()
                .0
        });
        assert_eq!(later.duration_since(plain), quarter);
    }
}
