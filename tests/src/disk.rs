//! A small disk of its own that a test can fill and empty again.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system in memory, mounted over a folder; mounting needs root.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one of so many MiB at a folder that is made for it.
    pub fn mount(folder: &Path, mebibytes: u32) -> Self {
        std::fs::create_dir_all(folder).expect("a folder to mount at");
        let mut mount = Command::new("mount");
        mount
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={mebibytes}m"),
                "facility-test",
            ])
            .arg(folder);
        let status = mount.status().expect("mount runs");
        assert!(
            status.success(),
            "a small disk could not be mounted (it needs root): {status}"
        );
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Writes until nothing more fits.
    pub fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("a file for ballast");
        for block in [vec![0_u8; 65_536], vec![0_u8; 512], vec![0_u8; 1]] {
            while ballast.write_all(&block).is_ok() {}
        }
    }

    /// Makes room again.
    pub fn make_room(&self) {
        std::fs::remove_file(self.ballast()).expect("the ballast to be there");
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there keeps it until it ends.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}
