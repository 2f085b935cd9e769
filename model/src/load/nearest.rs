//! Finds what somebody probably meant to write.

/// The known word that is nearest to a mistyped one, if any is near.
pub(super) fn nearest<'word>(typed: &str, known: impl IntoIterator<Item = &'word str>) -> Option<&'word str> {
    // Long words come from wrong files rather than from slips, and comparing them costs their product.
    if typed.len() > 100 {
        return None;
    }
    let typed: Vec<char> = typed.to_lowercase().chars().collect();
    let allowed = (typed.len() / 3).max(1);
    known
        .into_iter()
        .filter(|word| word.len() <= 100)
        .map(|word| (distance(&typed, &word.chars().collect::<Vec<_>>()), word))
        .filter(|(distance, word)| *distance <= allowed && *distance < word.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// `; did you mean …?` where something is near, otherwise what is known.
pub(super) fn suggestion<'word>(typed: &str, known: impl IntoIterator<Item = &'word str> + Clone) -> String {
    const MOST_TOLD: usize = 12;
    if let Some(word) = nearest(typed, known.clone()) {
        return format!("; did you mean `{word}`?");
    }
    let mut words: Vec<&str> = known.into_iter().collect();
    words.sort_unstable();
    let untold = words.len().saturating_sub(MOST_TOLD);
    words.truncate(MOST_TOLD);
    match (words.is_empty(), untold) {
        (true, _) => "; there is none yet".to_owned(),
        (false, 0) => format!("; known here: {}", words.join(", ")),
        (false, _) => format!("; known here: {} and {untold} more", words.join(", ")),
    }
}

/// How many letters to insert, leave out, change or swap with their neighbour to make one word from the other.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (row, left) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, right) in to.iter().enumerate() {
            let at = |line: &[usize], position: usize| line.get(position).copied().unwrap_or(usize::MAX / 2);
            let changed = at(&last, column) + usize::from(left != right);
            let mut best = changed
                .min(at(&last, column + 1) + 1)
                .min(at(&current, column) + 1);
            let swapped = column > 0 && previous == Some(right) && to.get(column - 1) == Some(left);
            if swapped {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            current.push(best);
        }
        previous = Some(left);
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_word_that_was_meant() {
        let known = ["interval", "timeout", "pause", "url", "client_id"];
        for (typed, meant) in [
            ("intervall", Some("interval")),
            ("itnerval", Some("interval")),
            ("Timeout", Some("timeout")),
            ("ulr", Some("url")),
            ("clientid", Some("client_id")),
            ("humidity", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }

    #[test]
    fn where_nothing_is_near_the_known_words_are_told() {
        assert_eq!(
            suggestion("humidity", ["url", "pause"]),
            "; known here: pause, url"
        );
        assert_eq!(suggestion("ur", ["url", "pause"]), "; did you mean `url`?");
        assert_eq!(suggestion("ur", []), "; there is none yet");
    }
}
