//! What was served, as JSON lines in a file: so that what a gateway stored can be compared with what it was told.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use model::Value;
use serde_json::{Map, Value as Json, json};
use tokio_util::sync::CancellationToken;

/// A line is on disk at the latest so long after it was written.
const FLUSH_EVERY: Duration = Duration::from_millis(50);
/// What is kept in memory at most before it goes to the file, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// The log of what was served; without a file it takes lines and keeps none.
#[derive(Clone, Default)]
pub(crate) struct Served(Option<Arc<Log>>);

struct Log {
    path: PathBuf,
    file: Mutex<BufWriter<File>>,
    /// Whether the last try failed: a full disk is told once, not with every line.
    failing: AtomicBool,
}

impl Served {
    /// A log that appends to a file.
    ///
    /// # Errors
    /// The file can't be opened.
    pub(crate) fn append_to(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let file = Mutex::new(BufWriter::with_capacity(BUFFER_BYTES, file));
        Ok(Self(Some(Arc::new(Log {
            path: path.to_owned(),
            file,
            failing: AtomicBool::new(false),
        }))))
    }

    /// Whether lines are kept at all.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Writes what a device just said.
    pub(crate) fn write(&self, at: Timestamp, device: &str, values: &[(String, Value)]) {
        let Some(log) = &self.0 else { return };
        log.tell(|file| file.write_all(line(at, device, values).as_bytes()));
    }

    /// Brings everything that was written onto disk.
    pub(crate) fn flush(&self) {
        let Some(log) = &self.0 else { return };
        log.tell(Write::flush);
    }

    /// Flushes again and again until it is told to stop, and a last time then.
    pub(crate) async fn keep_flushed(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(FLUSH_EVERY) => {}
            }
            self.flush();
        }
    }
}

impl Log {
    fn tell(&self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = write(&mut file);
        let failed_before = self.failing.swap(written.is_err(), Ordering::Relaxed);
        if let (Err(error), false) = (written, failed_before) {
            tracing::error!(file = %self.path.display(), %error, "what is served can't be written; make room on its disk");
        }
    }
}

/// One line: `{at, device, values}`, with nanoseconds in UTC.
fn line(at: Timestamp, device: &str, values: &[(String, Value)]) -> String {
    let values: Map<String, Json> = values
        .iter()
        .map(|(point, value)| (point.clone(), json_of(value)))
        .collect();
    let mut line = json!({ "at": format!("{at:.9}"), "device": device, "values": values }).to_string();
    line.push('\n');
    line
}

/// A value as JSON shows it: a number, a state or a text.
pub(crate) fn json_of(value: &Value) -> Json {
    match value {
        Value::Number(number) => json!(number),
        Value::Bool(state) => json!(state),
        Value::Text(text) => json!(text.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_who_and_what_to_the_nanosecond() {
        let at: Timestamp = "2026-03-01T08:00:00.5Z".parse().unwrap();
        let values = [
            ("pressure".to_owned(), Value::Number(0.153)),
            ("on".to_owned(), Value::Bool(true)),
        ];
        assert_eq!(
            line(at, "fire-main-1", &values),
            "{\"at\":\"2026-03-01T08:00:00.500000000Z\",\"device\":\"fire-main-1\",\
             \"values\":{\"pressure\":0.153,\"on\":true}}\n"
        );
    }

    #[test]
    fn lines_are_appended_and_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("served.jsonl");
        std::fs::write(&path, "earlier\n").unwrap();
        let served = Served::append_to(&path).unwrap();
        served.write(Timestamp::UNIX_EPOCH, "a", &[]);
        served.flush();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    }
}
