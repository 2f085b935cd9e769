//! Spoiled outboxes beside the new one: their names say which are still to be gone through and which were, and few of these stay.

use std::path::{Path, PathBuf};

use crate::store::copies::{self, KEPT_FILES, SPOILED, files};
use crate::store::database::{Database, beside, rename};

pub(super) use crate::store::copies::name;

/// Up to this version of its tables, whoever moved an outbox aside took it over at once, and left it as `spoiled`.
const TAKEN_OVER_AT_ONCE: i64 = 2;

const TAKEN_OVER: &str = "taken-over-";

/// Those that are still to be gone through, oldest first.
pub(super) fn left_beside(path: &Path) -> Vec<PathBuf> {
    files(path, SPOILED)
}

/// Marks one as gone through, by its name; returns where it is now.
pub(super) fn to_taken_over(aside: &Path) -> std::io::Result<PathBuf> {
    let done = aside.with_file_name(name(aside).replacen(SPOILED, TAKEN_OVER, 1));
    rename(aside, &done)?;
    Ok(done)
}

/// Marks those as gone through that an earlier version of the gateway had taken over, so that nothing of them is sent again. To be called
/// before the outbox is opened, which brings its tables to this version.
pub(super) fn mark_those_of_earlier_versions(path: &Path) {
    let asides = left_beside(path);
    if asides.is_empty() || !is_of_an_earlier_version(path) {
        return;
    }
    for aside in asides {
        match to_taken_over(&aside) {
            Ok(done) => tracing::info!(
                file = %done.display(),
                "a spoiled outbox that an earlier version had taken over is called so now"
            ),
            Err(error) => {
                tracing::warn!(%error, aside = %aside.display(), "what can be read of an old spoiled outbox is sent once more: it cannot be renamed");
            }
        }
    }
    remove_old(path);
}

/// A gateway of this version that was killed while it made the tables left them at an earlier version, too, before it made all of them at
/// once; but with no destination.
fn is_of_an_earlier_version(path: &Path) -> bool {
    let look = |sql: &str| {
        Database::open_reader(path)
            .and_then(|outbox| outbox.run(|connection| connection.query_row(sql, [], |row| row.get(0))))
            .unwrap_or(0_i64)
    };
    (1..=TAKEN_OVER_AT_ONCE).contains(&look("PRAGMA user_version"))
        && look("SELECT count(*) FROM destinations") > 0
}

/// Removes those that were taken over long ago.
pub(super) fn remove_old(path: &Path) {
    for file in remove_but(path, KEPT_FILES) {
        tracing::info!(file = %file.display(), "an outbox that was spoiled and taken over long ago is removed");
    }
}

/// Removes those that were taken over but for the newest; returns which are gone.
pub(super) fn remove_but(path: &Path, kept: usize) -> Vec<PathBuf> {
    copies::remove_but(path, TAKEN_OVER, kept)
}

/// Where a gateway was killed while it moved a spoiled file, its write-ahead log may still have the old name: an SQLite file that is
/// begun anew would remove it.
pub(super) fn finish_moving(path: &Path) -> std::io::Result<()> {
    let log = beside(path, "-wal");
    if path.exists() || !log.exists() {
        return Ok(());
    }
    match files(path, SPOILED).pop() {
        Some(aside) if !beside(&aside, "-wal").exists() => std::fs::rename(log, beside(&aside, "-wal")),
        _ => Ok(()),
    }
}
