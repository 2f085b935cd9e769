//! Finds the name that somebody probably meant.

/// ` (did you mean …?)` with the candidate that is nearest to `name`, or nothing when none is near.
pub(crate) fn suggestion<'name>(name: &str, candidates: impl IntoIterator<Item = &'name str>) -> String {
    let length = name.chars().count();
    // Two letters that changed places are two edits.
    let allowed = (length / 3).max(if length > 3 { 2 } else { 1 });
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(edits, _)| *edits <= allowed)
        .min()
        .map_or_else(String::new, |(_, candidate)| {
            format!(" (did you mean `{candidate}`?)")
        })
}

/// Levenshtein's distance: how many characters to insert, remove or replace.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, character) in left.chars().enumerate() {
        let mut before = line;
        let mut behind = line + 1;
        for (cell, other) in row
            .iter_mut()
            .zip(std::iter::once(None).chain(right.iter().map(Some)))
        {
            let Some(other) = other else {
                *cell = line + 1;
                continue;
            };
            let replaced = before + usize::from(character != *other);
            before = *cell;
            behind = replaced.min(before + 1).min(behind + 1);
            *cell = behind;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_the_number_of_edits() {
        for (left, right, edits) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
            ("same", "same", 0),
        ] {
            assert_eq!(distance(left, right), edits, "{left} {right}");
            assert_eq!(distance(right, left), edits, "{right} {left}");
        }
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let points = ["main_pressure", "end_pressure"];
        assert_eq!(
            suggestion("main_presure", points),
            " (did you mean `main_pressure`?)"
        );
        assert_eq!(suggestion("voltage", points), "");
    }
}
