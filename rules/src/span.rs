//! Reads spans of time as rules write them: `10s`, `5m`, `1h`.

use std::time::Duration;

/// The longest span that a rule may name; beyond it a window or a delay is a slip of the pen.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// A whole number with `s`, `m` or `h`, up to seven days.
///
/// # Errors
/// What would be right, in one line.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "`{text}` is not a span of time: write a whole number with s, m or h, such as `10s` or `5m`, up to `168h`"
        )
    };
    let split = text
        .find(|character: char| !character.is_ascii_digit())
        .ok_or_else(wrong)?;
    let (count, unit) = text.split_at(split);
    let count: u64 = count.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => Some(count),
        "m" => count.checked_mul(60),
        "h" => count.checked_mul(3600),
        _ => None,
    };
    seconds
        .map(Duration::from_secs)
        .filter(|span| *span <= LONGEST)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_whole_number_with_its_unit() {
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
        assert_eq!(parse("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse("168h"), Ok(LONGEST));
        for wrong in [
            "",
            "10",
            "s",
            "-1s",
            "1.5m",
            "10 s",
            "5d",
            "169h",
            "99999999999999999999s",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
