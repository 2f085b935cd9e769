//! The rules and procedures that come with the gateway.

use std::collections::BTreeMap;

use model::Script;
use rust_embed::RustEmbed;

use crate::case::CaseFiles;

#[derive(RustEmbed)]
#[folder = "standard"]
struct Standard;

/// What faults of a bundled file call its folder.
const FOLDER: &str = "rules/standard";

/// The shipped scripts, in the order of their names.
pub(crate) fn scripts() -> Vec<Script> {
    let mut scripts: Vec<Script> = Standard::iter()
        .filter(|path| path.ends_with(".rhai") && !path.contains('/'))
        .filter_map(|path| {
            Some(Script {
                file: format!("{FOLDER}/{path}"),
                text: text_of(&path)?,
            })
        })
        .collect();
    scripts.sort_by(|left, right| left.file.cmp(&right.file));
    scripts
}

/// The shipped procedures by file name.
pub(crate) fn procedures() -> BTreeMap<String, String> {
    Standard::iter()
        .filter_map(|path| Some((path.strip_prefix("procedures/")?.to_owned(), text_of(&path)?)))
        .collect()
}

/// The cases of the shipped rules, in the order of their names.
pub(crate) fn cases() -> Vec<CaseFiles> {
    let mut cases: Vec<CaseFiles> = Standard::iter()
        .filter_map(|path| {
            let name = path.strip_prefix("cases/")?.strip_suffix("/samples.csv")?;
            Some(CaseFiles {
                name: name.to_owned(),
                folder: format!("{FOLDER}/cases/{name}"),
                samples: text_of(&path)?,
                expected: text_of(&format!("cases/{name}/expected.csv"))?,
                shipped: true,
            })
        })
        .collect();
    cases.sort_by(|left, right| left.name.cmp(&right.name));
    cases
}

/// Whether a file is a shipped one.
pub(crate) fn is_of(file: &str) -> bool {
    file.starts_with(FOLDER)
}

fn text_of(path: &str) -> Option<String> {
    String::from_utf8(Standard::get(path)?.data.into_owned()).ok()
}

#[cfg(test)]
mod tests;
