//! Reads a secret: `KEY` holds it, or `KEY_file` names the file that does. No message ever repeats one.

use super::field::Given;
use super::folder::Folder;
use super::names::said;
use super::source::Spot;
use super::table::Table;
use crate::Secret;

/// The secret of a key, if there is one. A variable for one of the two keys wins over the other in the file.
pub(super) fn secret(table: &Table<'_>, folder: &Folder, key: &str) -> Option<Secret> {
    let file_key = format!("{key}_file");
    let plain = table.parsed(key, |text| check_secret(text).map(|()| text));
    let file = table.parsed(&file_key, said);
    match (plain, file) {
        (Some(plain), Some(file)) if wins(plain.spot, file.spot) => Some(Secret::new(plain.value)),
        (Some(plain), Some(file)) if !wins(file.spot, plain.spot) => {
            let text = format!("`{key}` is there, too: keep one of the two");
            table.fault_of(&file_key, file.spot, text);
            Some(Secret::new(plain.value))
        }
        (Some(plain), None) => Some(Secret::new(plain.value)),
        (_, Some(file)) => in_file(table, folder, &file_key, file),
        (None, None) => None,
    }
}

/// Whether what stands at `one` goes before what stands at `other`: the environment before the file.
fn wins(one: Spot<'_>, other: Spot<'_>) -> bool {
    matches!((one, other), (Spot::Variable(_), Spot::Offset(_)))
}

fn in_file(table: &Table<'_>, folder: &Folder, file_key: &str, file: Given<'_, &str>) -> Option<Secret> {
    let read = folder
        .secret(file.value)
        .and_then(|text| match check_secret(&text) {
            Ok(()) => Ok(Secret::new(text)),
            Err(wrong) => Err(format!("what stands in `{}` is no secret: {wrong}", file.value)),
        });
    read.map_err(|why| table.fault_of(file_key, file.spot, why)).ok()
}

fn check_secret(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("this must not be empty".to_owned());
    }
    if text.contains(char::is_control) {
        return Err(
            "it has a line's end or another control character in it: write it on one line".to_owned(),
        );
    }
    Ok(())
}
