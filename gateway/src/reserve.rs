//! A megabyte set aside on the data folder's disk: when others have filled it, tickets go on for a while and a gateway still starts.

use std::path::{Path, PathBuf};

use tracing::{info, warn};

/// Enough to open the stores many times, and for hundreds of tickets.
const BYTES: u64 = 1 << 20;
/// Less than this is a full disk: a store that is opened needs some pages.
const FULL_BYTES: u64 = 256 << 10;
/// Set aside again only once so much is free, so that it does not come and go.
const PLENTY_BYTES: u64 = 8 << 20;

/// The reserve of a data folder.
#[derive(Clone, Debug)]
pub struct Reserve {
    folder: PathBuf,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Leave,
    GiveUp,
    SetAside,
}

impl Reserve {
    /// That of a data folder, which need not have one yet.
    pub fn of(data: &Path) -> Self {
        Self {
            folder: data.to_owned(),
        }
    }

    /// Looks at the disk, and gives the room up or sets it aside. Without it the gateway goes on as well as it can.
    pub fn settle(&self) {
        let Ok(disk) = rustix::fs::statvfs(&self.folder) else {
            return;
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let file = self.folder.join("reserve");
        match step(free, file.exists()) {
            Step::Leave => {}
            Step::GiveUp => match std::fs::remove_file(&file) {
                Ok(()) => {
                    let next = "tickets are stored in the last megabyte: free some";
                    warn!(file = %file.display(), "the disk is full, the room that was set aside is given up; {next}");
                }
                Err(error) => warn!(file = %file.display(), %error, "the room set aside cannot be given up"),
            },
            Step::SetAside => match std::fs::write(&file, noise()) {
                Ok(()) => info!(file = %file.display(), "a megabyte is set aside for a full disk"),
                // Half of it would be taken for the whole.
                Err(_) => drop(std::fs::remove_file(&file)),
            },
        }
    }
}

/// What no file system can make smaller, as some do with zeros: the numbers of xorshift.
fn noise() -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..BYTES / 8).flat_map(|_| next()).collect()
}

fn step(free_bytes: u64, is_set_aside: bool) -> Step {
    match is_set_aside {
        true if free_bytes < FULL_BYTES => Step::GiveUp,
        false if free_bytes >= PLENTY_BYTES => Step::SetAside,
        _ => Step::Leave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_set_aside_where_there_is_plenty_and_given_up_on_a_full_disk() {
        for (free, is_set_aside, expected) in [
            (0, true, Step::GiveUp),
            (0, false, Step::Leave),
            (FULL_BYTES, true, Step::Leave),
            (PLENTY_BYTES - 1, false, Step::Leave),
            (PLENTY_BYTES, false, Step::SetAside),
            (PLENTY_BYTES, true, Step::Leave),
        ] {
            assert_eq!(step(free, is_set_aside), expected, "{free} bytes, {is_set_aside}");
        }
    }

    #[test]
    fn what_is_set_aside_takes_its_room_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        Reserve::of(folder.path()).settle();
        assert_eq!(
            std::fs::metadata(folder.path().join("reserve")).unwrap().len(),
            BYTES
        );
    }
}
