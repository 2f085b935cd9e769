//! The page about what devices do in the field names a test in each of its rows: there is one of each name.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../docs/field.md");

/// All functions of the files under a folder, by name.
fn functions(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.append(&mut functions(&path));
        } else {
            let text = fs::read_to_string(&path).unwrap();
            let after_fn = text.split("fn ").skip(1);
            names.extend(after_fn.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
        }
    }
    names
}

/// What stands in backticks in the last cell of a table's row, or after "Test:".
fn tests_named(line: &str) -> impl Iterator<Item = &str> {
    let row = line
        .strip_prefix('|')
        .and_then(|row| row.trim_end().strip_suffix('|'));
    let cell = row
        .filter(|row| row.matches('|').count() == 3)
        .and_then(|row| row.rsplit('|').next());
    let after = line.split_once("Test: ").map(|(_, rest)| rest);
    let quoted = cell.or(after).unwrap_or_default().split('`').skip(1).step_by(2);
    quoted.filter(|name| name.matches('_').count() >= 3)
}

#[test]
fn every_row_of_the_page_about_the_field_names_a_test_that_there_is() {
    let known = functions(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let named: Vec<_> = PAGE.lines().flat_map(tests_named).collect();
    let missing: Vec<_> = named.iter().filter(|name| !known.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let is_row =
        |line: &&str| line.starts_with("| ") && line.matches('|').count() == 5 && !line.contains("| test |");
    let rows: Vec<_> = PAGE.lines().filter(is_row).collect();
    let nameless: Vec<_> = rows
        .iter()
        .filter(|row| tests_named(row).next().is_none())
        .collect();
    assert!(
        rows.len() > 30 && nameless.is_empty(),
        "{} rows, {nameless:?}",
        rows.len()
    );
}
