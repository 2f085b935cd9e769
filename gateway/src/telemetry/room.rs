//! Room on the data folder's disk: the last of it is kept for what people do.

use std::path::{Path, PathBuf};

/// Telemetry is stored only while more than this is left, or a twentieth of a small disk: tickets need room when nothing else has any.
const KEPT_BYTES: u64 = 64 << 20;
const KEPT_SHARE: u64 = 20;
/// Of a file's own room: more than its write-ahead log grows to.
const ENOUGH_IN_FILE_BYTES: u64 = 8 << 20;

/// The disk that a data folder is on.
#[derive(Clone, Debug)]
pub struct Room {
    folder: PathBuf,
    look: fn(&Path) -> Option<Space>,
}

/// How large a disk is, and how much of it is free, in bytes.
pub(super) struct Space {
    pub(super) total: u64,
    pub(super) free: u64,
}

impl Room {
    /// The disk of a folder.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            look,
        }
    }

    /// The disk of a folder, as large and as full as a test says.
    #[cfg(test)]
    pub(super) fn of(folder: &Path, look: fn(&Path) -> Option<Space>) -> Self {
        Self {
            folder: folder.to_owned(),
            look,
        }
    }

    /// Why telemetry is not stored now, if there is too little room. A disk that does not say is taken to have room. A file never
    /// gives back to the disk what was removed from it: where `free_in_file` bytes of it can be used again, it needs none of the disk's.
    pub fn too_little(&self, free_in_file: impl FnOnce() -> u64) -> Option<String> {
        let Space { total, free } = (self.look)(&self.folder)?;
        let kept = kept(total);
        (free < kept && free_in_file() < ENOUGH_IN_FILE_BYTES).then(|| {
            format!(
                "only {} MiB are free on the disk of {}, and the last {} MiB are kept for tickets: free some",
                free >> 20,
                self.folder.display(),
                kept >> 20
            )
        })
    }
}

fn look(folder: &Path) -> Option<Space> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(Space {
        total: disk.f_blocks.saturating_mul(disk.f_frsize),
        free: disk.f_bavail.saturating_mul(disk.f_frsize),
    })
}

fn kept(total_bytes: u64) -> u64 {
    KEPT_BYTES.min(total_bytes / KEPT_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_disk_keeps_64_mebibytes_and_a_small_one_a_twentieth() {
        assert_eq!(kept(100 << 30), 64 << 20);
        assert_eq!(kept(100 << 20), 5 << 20);
    }
}
