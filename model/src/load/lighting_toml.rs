//! What `[lighting]` has: when public lighting should be lit, by the clock or by the sun.

use jiff::SignedDuration;
use jiff::civil::Time;

use super::names::shown;
use super::quantity::duration_within;
use super::table::Table;
use crate::{Coordinates, LightingMoment, LightingSchedule};

/// Farther from the equator the sun does not rise or does not set on some days.
const MOST_LATITUDE_DEGREES: f64 = 65.0;
/// A moment lies at most so far from sunset or sunrise.
const MOST_OFFSET: std::time::Duration = std::time::Duration::from_secs(3 * 3_600);

/// A moment as it is written; where the sun is seen from stands beside it.
enum Written {
    Clock(Time),
    Sunset(SignedDuration),
    Sunrise(SignedDuration),
}

/// The schedule, if it is whole and right.
pub(super) fn schedule(table: &Table<'_>) -> Option<LightingSchedule> {
    let right = "`sunset`, `sunrise`, with an offset such as `sunset+15m`, or a time such as `18:30`";
    let moment = |key| table.needed(key, right, table.parsed(key, written));
    let (from, to) = (moment("from"), moment("to"));
    let by_the_sun = [&from, &to]
        .into_iter()
        .flatten()
        .any(|given| !matches!(given.value, Written::Clock(_)));
    let latitude = degrees(table, "latitude", MOST_LATITUDE_DEGREES, by_the_sun);
    let longitude = degrees(table, "longitude", 180.0, by_the_sun);
    let place = latitude.zip(longitude).map(|(latitude, longitude)| Coordinates {
        latitude_degrees: latitude,
        longitude_degrees: longitude,
    });
    let placed = |written| {
        Some(match written {
            Written::Clock(time) => LightingMoment::Clock(time),
            Written::Sunset(offset) => LightingMoment::Sunset(place?, offset),
            Written::Sunrise(offset) => LightingMoment::Sunrise(place?, offset),
        })
    };
    let (from, to_spot) = (placed(from?.value)?, to.as_ref()?.spot);
    let to = placed(to?.value)?;
    if from == to {
        table.fault_of(
            "to",
            to_spot,
            "it is the same moment as `from`: lamps would be lit all day or never",
        );
        return None;
    }
    Some(LightingSchedule { from, to })
}

fn degrees(table: &Table<'_>, key: &str, most: f64, is_needed: bool) -> Option<f64> {
    let given = table.number(key);
    let right = format!("degrees from -{most} to {most}");
    if is_needed {
        let why = format!("{right}, since the sun is seen from there");
        table.needed(key, &why, given.as_ref());
    }
    let given = given?;
    if given.value.abs() > most {
        table.fault_of(key, given.spot, format!("write {right}"));
        return None;
    }
    Some(given.value)
}

fn written(text: &str) -> Result<Written, String> {
    for (word, of) in [
        ("sunset", Written::Sunset as fn(SignedDuration) -> Written),
        ("sunrise", Written::Sunrise),
    ] {
        if let Some(offset) = text.strip_prefix(word) {
            return signed(offset).map(of);
        }
    }
    let wrong = || {
        format!(
            "`{}` is no moment of the day: write `sunset`, `sunrise`, `sunset+15m` or a time such as `18:30`",
            shown(text)
        )
    };
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let digits = |part: &str| part.parse::<i8>().ok().filter(|_| part.len() == 2);
    let (hour, minute) = digits(hour).zip(digits(minute)).ok_or_else(wrong)?;
    let time = Time::new(hour, minute, 0, 0).map_err(|_| wrong())?;
    Ok(Written::Clock(time))
}

/// `+15m`, `-1h` or nothing.
fn signed(text: &str) -> Result<SignedDuration, String> {
    let span = |text| {
        let span = duration_within(text, std::time::Duration::ZERO, MOST_OFFSET)?;
        SignedDuration::try_from(span).map_err(|error| error.to_string())
    };
    match text.split_at_checked(1) {
        None if text.is_empty() => Ok(SignedDuration::ZERO),
        Some(("+", later)) => span(later),
        Some(("-", earlier)) => span(earlier).map(|span| -span),
        _ => Err(format!(
            "`{}` is no offset from the sun: write `+15m` or `-15m`",
            shown(text)
        )),
    }
}
