//! The two patterns that names and ids in a site's files follow.

use super::nearest::suggestion;

/// The longest name or id.
const MOST_CHARACTERS: usize = 100;

/// The longest text for people, in bytes.
const MOST_TEXT_BYTES: usize = 1_000;

/// Checks the name of a connection, a point or a class: `[a-z][a-z0-9_]*`.
///
/// # Errors
/// What is wrong with it and what would be right.
pub(super) fn check_name(text: &str) -> Result<(), String> {
    check(
        text,
        "_",
        "a small letter first, then small letters, digits and `_`",
    )
}

/// Checks the id of a site, a device, a profile or a row of the standard: as a name, with `-` allowed.
///
/// # Errors
/// What is wrong with it and what would be right.
pub(super) fn check_id(text: &str) -> Result<(), String> {
    check(
        text,
        "_-",
        "a small letter first, then small letters, digits, `-` and `_`",
    )
}

fn check(text: &str, marks: &str, pattern: &str) -> Result<(), String> {
    let begins_well = text.starts_with(|first: char| first.is_ascii_lowercase());
    let allowed =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || marks.contains(letter);
    if begins_well && text.chars().all(allowed) && text.len() <= MOST_CHARACTERS {
        return Ok(());
    }
    let mut better: String = text
        .to_lowercase()
        .chars()
        .map(|letter| if allowed(letter) { letter } else { '_' })
        .collect();
    better.truncate(MOST_CHARACTERS);
    let better = better.trim_start_matches(|letter: char| !letter.is_ascii_lowercase());
    let example = if better.is_empty() {
        String::new()
    } else {
        format!(", such as `{better}`")
    };
    Err(format!(
        "`{}` can't be a name here: write {pattern}, at most {MOST_CHARACTERS}{example}",
        shown(text)
    ))
}

/// Takes a text for people that says something: not empty, and otherwise as [`plain`] has it.
///
/// # Errors
/// What would be right.
pub(super) fn said(text: &str) -> Result<&str, String> {
    if text.trim().is_empty() {
        Err("this must not be empty".to_owned())
    } else {
        plain(text)
    }
}

/// Takes a text of one line, which may be empty.
///
/// # Errors
/// It is too long, or holds a line's end or another control character: telemetry and messages can't carry those.
pub(super) fn plain(text: &str) -> Result<&str, String> {
    if text.len() > MOST_TEXT_BYTES {
        return Err(format!(
            "this is longer than {MOST_TEXT_BYTES} bytes: write it shorter"
        ));
    }
    if text.contains(char::is_control) {
        return Err(
            "a tab, a line's end or another control character stands in this text: leave it out".to_owned(),
        );
    }
    Ok(text)
}

/// Looks a word up among those that are known.
///
/// # Errors
/// That it is not known, and which one was probably meant.
pub(super) fn one_of<T: Copy>(what: &str, text: &str, known: &[(&'static str, T)]) -> Result<T, String> {
    known
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| {
            format!(
                "unknown {what} `{}`{}",
                shown(text),
                suggestion(text, known.iter().map(|(word, _)| *word))
            )
        })
}

/// A text as a message may show it: not longer than a line.
pub(super) fn shown(text: &str) -> String {
    const MOST_SHOWN: usize = 60;
    let mut shown: String = text.chars().take(MOST_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_may_hold_hyphens_and_names_may_not() {
        assert_eq!(check_name("pump_room_a"), Ok(()));
        assert_eq!(check_id("fire-main-1"), Ok(()));
        assert!(
            check_name("fire-main-1")
                .unwrap_err()
                .ends_with("such as `fire_main_1`")
        );
        for wrong in ["", "1st", "Pump", "泵", "a b", "-a", "_a"] {
            assert!(check_name(wrong).is_err() && check_id(wrong).is_err(), "{wrong}");
        }
        assert!(check_id(&"a".repeat(101)).is_err());
    }

    #[test]
    fn a_text_for_people_is_one_line() {
        assert_eq!(said("1号楼 泵房"), Ok("1号楼 泵房"));
        assert_eq!(plain(""), Ok(""));
        for wrong in ["", "  ", "a\nb", "a\tb", "a\0"] {
            assert!(said(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_one_that_was_meant() {
        let known = [("strict", 1), ("ignore", 2)];
        assert_eq!(one_of("word", "ignore", &known), Ok(2));
        assert_eq!(
            one_of("word", "ignroe", &known),
            Err("unknown word `ignroe`; did you mean `ignore`?".to_owned())
        );
    }
}
