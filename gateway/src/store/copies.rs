//! Spoiled files that were moved aside: the newest of them stay, for whoever wants to know what spoiled them.

use std::path::{Path, PathBuf};

use super::database::beside;

/// So many stay.
pub(super) const KEPT_FILES: usize = 2;
/// What a file is called that was moved aside: `NAME.spoiled-SECONDS.db`.
pub(super) const SPOILED: &str = "spoiled-";

/// Removes those beside a file that are called so, but for the newest; returns which are gone.
pub(super) fn remove_but(path: &Path, what: &str, kept: usize) -> Vec<PathBuf> {
    let mut old = files(path, what);
    old.truncate(old.len().saturating_sub(kept));
    old.retain(|file| {
        for beside in [beside(file, "-wal"), beside(file, "-shm")] {
            // It may not be there.
            let _ = std::fs::remove_file(beside);
        }
        // What stays is tried again the next time.
        std::fs::remove_file(file).is_ok()
    });
    old
}

/// The files beside another that are called so, oldest first.
pub(super) fn files(path: &Path, what: &str) -> Vec<PathBuf> {
    let begins = format!(
        "{}.{what}",
        path.file_stem().unwrap_or_default().to_string_lossy()
    );
    let seconds = |file: &PathBuf| {
        let name = name(file);
        let number = name.strip_prefix(&begins)?.strip_suffix(".db")?;
        number.parse::<i64>().ok()
    };
    let Some(Ok(folder)) = path.parent().map(std::fs::read_dir) else {
        return Vec::new();
    };
    let mut files: Vec<(i64, PathBuf)> = folder
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter_map(|file| Some((seconds(&file)?, file)))
        .collect();
    files.sort();
    files.into_iter().map(|(_, file)| file).collect()
}

/// A file's name, without its folder.
pub(super) fn name(file: &Path) -> String {
    file.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
