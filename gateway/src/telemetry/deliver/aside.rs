//! Lines that a server refused, kept in a file with its reason: it can be written again as it is, once the cause is gone.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::apart::BadLine;

/// A file has so many bytes; then it takes the place of the one before it, so that at most twice as many are kept.
const FILE_BYTES: u64 = 8 << 20;

/// The files of one destination: `DESTINATION.lp`, and `DESTINATION.before.lp` that it was continued from. Reasons stand above their
/// lines as comments, which line protocol has.
#[derive(Clone, Debug)]
pub struct Aside {
    folder: PathBuf,
    destination: String,
    file_bytes: u64,
}

impl Aside {
    /// The files of a destination in a folder, which is made when there is something to keep.
    pub fn new(folder: &Path, destination: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            destination: destination.to_owned(),
            file_bytes: FILE_BYTES,
        }
    }

    /// Where lines are kept now.
    pub fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.lp", self.destination))
    }

    /// Keeps lines of a body; they are on the disk when this returns. Returns how many older lines had to go.
    ///
    /// # Errors
    /// They could not be written.
    pub fn keep(&self, body: i64, lines: &[BadLine], now: Timestamp) -> io::Result<u64> {
        std::fs::create_dir_all(&self.folder)?;
        let path = self.path();
        let gone = match std::fs::metadata(&path) {
            Ok(file) if file.len() >= self.file_bytes => self.turn_over(&path)?,
            _ => 0,
        };
        let mut text = String::new();
        let mut told = None;
        for bad in lines {
            if told != Some(&bad.reason) {
                let reason = bad.reason.replace(['\n', '\r'], " ");
                let _ = writeln!(text, "# {now:.0} body {body}: {reason}");
                told = Some(&bad.reason);
            }
            text.push_str(&bad.line);
            text.push('\n');
        }
        let mut file = File::options().create(true).append(true).open(&path)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        Ok(gone)
    }

    fn turn_over(&self, path: &Path) -> io::Result<u64> {
        let before = self.folder.join(format!("{}.before.lp", self.destination));
        let gone = match File::open(&before) {
            Ok(file) => lines_in(BufReader::new(file)),
            Err(_) => 0,
        };
        std::fs::rename(path, before)?;
        Ok(gone)
    }
}

/// How many lines there are, comments not counted.
fn lines_in(file: impl BufRead) -> u64 {
    let lines = file.split(b'\n').map_while(Result::ok);
    lines.filter(|line| !line.starts_with(b"#")).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(line: &str, reason: &str) -> BadLine {
        BadLine {
            line: line.into(),
            reason: reason.into(),
        }
    }

    #[test]
    fn lines_stand_below_the_reason_that_the_server_gave() {
        let folder = tempfile::tempdir().unwrap();
        let aside = Aside::new(&folder.path().join("refused"), "influxdb");
        let lines = [
            bad("pump a=1 5", "conflict\nof a"),
            bad("pump a=2 6", "conflict\nof a"),
            bad("fan b=1 5", "too old"),
        ];
        assert_eq!(aside.keep(17, &lines, Timestamp::UNIX_EPOCH).unwrap(), 0);
        assert_eq!(
            std::fs::read_to_string(aside.path()).unwrap(),
            "# 1970-01-01T00:00:00Z body 17: conflict of a\npump a=1 5\npump a=2 6\n\
             # 1970-01-01T00:00:00Z body 17: too old\nfan b=1 5\n"
        );
    }

    #[test]
    fn no_more_than_two_files_are_kept_and_lines_that_had_to_go_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let aside = Aside {
            file_bytes: 100,
            ..Aside::new(folder.path(), "influxdb")
        };
        let mut gone = 0;
        for body in 0..50 {
            gone += aside
                .keep(body, &[bad("pump a=1 5", "no")], Timestamp::UNIX_EPOCH)
                .unwrap();
        }
        let kept: u64 = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|file| lines_in(BufReader::new(File::open(file.unwrap().path()).unwrap())))
            .sum();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        assert_eq!(kept + gone, 50);
        assert!(gone > 30);
    }
}
