//! Reads a secret: `KEY` holds it, or `KEY_file` names the file that does. No message ever repeats one.

use super::folder::Folder;
use super::names::said;
use super::source::Spot;
use super::table::Table;
use crate::Secret;

/// The secret of a key, if there is one. A variable for one of the two keys wins over the other in the file.
pub(super) fn secret(table: &Table<'_>, folder: &Folder, key: &str) -> Option<Secret> {
    let file_key = format!("{key}_file");
    let plain = table.parsed(key, said);
    let file = table.parsed(&file_key, said);
    let is_variable = |spot| matches!(spot, Spot::Variable(_));
    match (plain, file) {
        (None, None) => None,
        (Some(plain), None) => Some(Secret::new(plain.value)),
        (Some(plain), Some(file)) if is_variable(plain.spot) && !is_variable(file.spot) => {
            Some(Secret::new(plain.value))
        }
        (Some(plain), Some(file)) if is_variable(plain.spot) == is_variable(file.spot) => {
            table.fault_of(
                &file_key,
                file.spot,
                format!("`{key}` is there, too: keep one of the two"),
            );
            Some(Secret::new(plain.value))
        }
        (_, Some(file)) => match folder.secret(file.value) {
            Ok(text) if !text.trim().is_empty() => Some(Secret::new(text)),
            Ok(_) => {
                table.fault_of(&file_key, file.spot, "that file is empty");
                None
            }
            Err(why) => {
                table.fault_of(&file_key, file.spot, why);
                None
            }
        },
    }
}
