//! When the sun rises and sets, by NOAA's general solar position equations: good to a minute or two, which lamps do not need better.

use std::f64::consts::TAU;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A place on earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coordinates {
    /// In degrees, north positive.
    pub latitude_degrees: f64,
    /// In degrees, east positive.
    pub longitude_degrees: f64,
}

/// A day's sun at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sun {
    /// When its upper edge comes up.
    pub rises_at: Timestamp,
    /// When it goes down.
    pub sets_at: Timestamp,
}

/// The sun's centre is so far below the horizon when its upper edge, lifted by the air, touches it (NOAA: a zenith of 90.833°).
const ZENITH_DEGREES: f64 = 90.833;
const MINUTES_A_DEGREE: f64 = 4.0;

/// The sun of a day, as the place's own solar time counts days; `None` where it does not rise or does not set on it.
pub fn sun(day: Date, place: Coordinates) -> Option<Sun> {
    let year_angle = TAU / 365.0 * f64::from(day.day_of_year() - 1);
    let term = |factor: f64| (factor * year_angle).sin_cos();
    let ((sin_1, cos_1), (sin_2, cos_2), (sin_3, cos_3)) = (term(1.0), term(2.0), term(3.0));
    let equation_minutes =
        229.18 * (0.000_075 + 0.001_868 * cos_1 - 0.032_077 * sin_1 - 0.014_615 * cos_2 - 0.040_849 * sin_2);
    let declination = 0.006_918 - 0.399_912 * cos_1 + 0.070_257 * sin_1 - 0.006_758 * cos_2
        + 0.000_907 * sin_2
        - 0.002_697 * cos_3
        + 0.001_48 * sin_3;
    let latitude = place.latitude_degrees.to_radians();
    let cosine = ZENITH_DEGREES.to_radians().cos() / (latitude.cos() * declination.cos())
        - latitude.tan() * declination.tan();
    if !(-1.0..=1.0).contains(&cosine) {
        return None;
    }
    let half_day_degrees = cosine.acos().to_degrees();
    let noon_minutes = 720.0 - MINUTES_A_DEGREE * place.longitude_degrees - equation_minutes;
    let midnight = day.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp();
    let at = |minutes: f64| {
        let after = SignedDuration::try_from_secs_f64(minutes * 60.0).ok()?;
        midnight.checked_add(after).ok()
    };
    Some(Sun {
        rises_at: at(noon_minutes - MINUTES_A_DEGREE * half_day_degrees)?,
        sets_at: at(noon_minutes + MINUTES_A_DEGREE * half_day_degrees)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_sun_rises_and_sets_every_day_up_to_65_degrees_and_not_at_the_pole() {
        let at = |latitude_degrees| Coordinates {
            latitude_degrees,
            longitude_degrees: 121.47,
        };
        let days = date(2026, 1, 1).series(jiff::Span::new().days(1)).take(365);
        for day in days {
            for latitude in [-65.0, 0.0, 31.23, 65.0] {
                let sun = sun(day, at(latitude)).unwrap();
                assert!(sun.rises_at < sun.sets_at, "{day} at {latitude}");
            }
        }
        assert_eq!(sun(date(2026, 6, 21), at(80.0)), None);
    }
}
