//! Spans of time, sizes and numbers as people write them in a site's files.

use std::time::Duration;

/// Reads a span of time: a whole number with `ms`, `s`, `m` or `h`.
///
/// # Errors
/// What would be right.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (count, unit) = count_and_unit(text).ok_or_else(|| not_a_duration(text))?;
    let milliseconds_each: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(not_a_duration(text)),
    };
    count
        .checked_mul(milliseconds_each)
        .map(Duration::from_millis)
        .ok_or_else(|| not_a_duration(text))
}

fn not_a_duration(text: &str) -> String {
    let text = super::names::shown(text);
    format!(
        "`{text}` is not a span of time: write a whole number with ms, s, m or h, such as `500ms` or `1s`"
    )
}

/// Reads a span of time that lies between two others, both included.
///
/// # Errors
/// What would be right.
pub(super) fn duration_within(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration < least || duration > most {
        return Err(format!(
            "`{text}` is out of bounds: write {} to {}",
            written(least),
            written(most)
        ));
    }
    Ok(duration)
}

/// A duration as a site's files write it.
fn written(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let (count, unit) = match milliseconds {
        0 => (0, "ms"),
        whole if whole % 3_600_000 == 0 => (whole / 3_600_000, "h"),
        whole if whole % 60_000 == 0 => (whole / 60_000, "m"),
        whole if whole % 1_000 == 0 => (whole / 1_000, "s"),
        whole => (whole, "ms"),
    };
    format!("{count}{unit}")
}

/// Reads a size in bytes: a whole number, alone or with `KiB` or `MiB`.
///
/// # Errors
/// What would be right.
pub(super) fn size_in_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size: write bytes as a whole number, or `512KiB`, or `1MiB`");
    let (count, unit) = count_and_unit(text).ok_or_else(wrong)?;
    let bytes_each: u64 = match unit {
        "" => 1,
        "KiB" => 1_024,
        "MiB" => 1_048_576,
        _ => return Err(wrong()),
    };
    count.checked_mul(bytes_each).ok_or_else(wrong)
}

fn count_and_unit(text: &str) -> Option<(u64, &str)> {
    let split = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (count, unit) = text.split_at_checked(split)?;
    Some((count.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_time_has_a_whole_number_and_a_unit() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("1s", 1_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("0ms", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)));
        }
        for wrong in [
            "",
            "1",
            "s",
            "1.5s",
            "-1s",
            "1 s",
            "1d",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_span_out_of_bounds_is_answered_with_the_bounds() {
        let within = |text| duration_within(text, Duration::from_millis(10), Duration::from_hours(24));
        assert_eq!(within("10ms"), Ok(Duration::from_millis(10)));
        assert_eq!(
            within("9ms"),
            Err("`9ms` is out of bounds: write 10ms to 24h".to_owned())
        );
        assert!(within("25h").is_err());
    }

    #[test]
    fn a_size_is_in_bytes_or_names_its_unit() {
        assert_eq!(size_in_bytes("1024"), Ok(1_024));
        assert_eq!(size_in_bytes("512KiB"), Ok(524_288));
        assert_eq!(size_in_bytes("1MiB"), Ok(1_048_576));
        for wrong in ["", "MiB", "1MB", "1 MiB", "-1"] {
            assert!(size_in_bytes(wrong).is_err(), "{wrong}");
        }
    }
}
