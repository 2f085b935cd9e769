//! A real InfluxDB 1.6.7, with authentication, on a folder of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::compare::{Stored, StoredValue};
use crate::http::{Answer, get, post};
use crate::port::Port;
use crate::process::Process;
use crate::wait::{until, until_ok};

const START: Duration = Duration::from_secs(30);
const USER: &str = "gateway";
const PASSWORD: &str = "0123-not-a-number";
/// Whoever looks after the server; the gateway's own password may change.
const KEEPER: &str = "u=keeper&p=keeper";

/// The server; it can be away for a while and come back with what it had.
#[derive(Debug)]
pub struct Influx {
    folder: PathBuf,
    logs: PathBuf,
    http: Port,
    _rpc: Port,
    process: Option<Process>,
}

impl Influx {
    /// Starts it with an empty database.
    pub fn start(folder: &Path) -> Self {
        let (http, rpc, logs) = (Port::lease(), Port::lease(), folder.to_owned());
        let folder = folder.join("influxdb");
        std::fs::create_dir_all(&folder).expect("a folder for InfluxDB");
        let root = folder.display();
        let config = format!(
            r#"reporting-disabled = true
bind-address = "{rpc}"
[meta]
  dir = "{root}/meta"
[data]
  dir = "{root}/data"
  wal-dir = "{root}/wal"
  index-version = "tsi1"
  query-log-enabled = false
[http]
  bind-address = "{http}"
  auth-enabled = true
  log-enabled = false
[monitor]
  store-enabled = false
"#,
            rpc = rpc.address(),
            http = http.address(),
        );
        std::fs::write(folder.join("influx.conf"), config).expect("InfluxDB's configuration");
        let mut influx = Self {
            folder,
            logs,
            http,
            _rpc: rpc,
            process: None,
        };
        influx.come_back();
        // The first user may be made by anybody.
        let statement = "CREATE USER keeper WITH PASSWORD 'keeper' WITH ALL PRIVILEGES";
        post(
            &format!("http://{}/query?q={}", influx.http.address(), encoded(statement)),
            &Value::Null,
        )
        .expect("an answer")
        .expect_status(200);
        influx.tell("CREATE DATABASE facility");
        influx.tell(&format!("CREATE USER {USER} WITH PASSWORD '{PASSWORD}'"));
        influx.tell(&format!("GRANT ALL ON facility TO {USER}"));
        influx
    }

    /// What a site's `[influxdb]` says about it.
    pub fn table(&self) -> String {
        self.table_at(&self.address())
    }

    /// The same, where it is reached at another address.
    pub fn table_at(&self, address: &str) -> String {
        format!(
            "url = \"http://{address}\"\nversion = 1\nbucket = \"facility\"\nuser = \"{USER}\"\npassword = \"{PASSWORD}\""
        )
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.http.address()
    }

    /// Its process; panics while there is none.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("InfluxDB to have been started")
    }

    /// Ends it; what it has taken is on its disk.
    #[track_caller]
    pub fn go_away(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.stop(Duration::from_secs(20));
        }
    }

    /// Starts it again on the same folder and port, and waits until it answers.
    #[track_caller]
    pub fn come_back(&mut self) {
        self.launch();
        let ping = format!("http://{}/ping", self.http.address());
        until("InfluxDB to answer", START, || {
            self.process().must_run();
            get(&ping).ok().filter(|answer| answer.status == 204)
        });
    }

    /// Starts it without waiting.
    pub fn launch(&mut self) {
        self.cut_torn_logs();
        let mut command = Command::new("influxd");
        command.arg("-config").arg(self.folder.join("influx.conf"));
        self.process = Some(Process::start("influxd", &command, &self.logs));
    }

    /// Cuts what a full disk left half written off its write-ahead logs. InfluxDB 1.6.7 cuts it off only after it has opened the log
    /// to append at the old end: what it takes from then on lies behind a hole, and the next start but one throws it away.
    fn cut_torn_logs(&self) {
        for log in files(&self.folder.join("wal")) {
            let bytes = std::fs::read(&log).unwrap_or_default();
            let whole = whole_entries(&bytes);
            if whole < bytes.len() {
                let file = File::options().write(true).open(&log).expect("a write-ahead log");
                file.set_len(whole as u64).expect("a shorter log");
            }
        }
    }

    /// Gives the gateway's user another password, so that the one that the site has is good no longer.
    pub fn change_password(&self) {
        self.tell(&format!("SET PASSWORD FOR {USER} = 'another'"));
    }

    /// Gives it the site's again.
    pub fn restore_password(&self) {
        self.tell(&format!("SET PASSWORD FOR {USER} = '{PASSWORD}'"));
    }

    /// Everything that is in it.
    pub fn stored(&self) -> Stored {
        let answer = self.ask("SELECT * FROM /.*/ GROUP BY device").json();
        let mut stored = Stored::new();
        for series in answer["results"][0]["series"].as_array().into_iter().flatten() {
            read_series(series, &mut stored);
        }
        stored
    }

    /// The tag keys of one measurement, sorted.
    pub fn tag_keys(&self, measurement: &str) -> Vec<String> {
        let answer = self.ask(&format!("SHOW TAG KEYS FROM {measurement}")).json();
        let values = answer["results"][0]["series"][0]["values"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        values
            .iter()
            .filter_map(|row| Some(row[0].as_str()?.to_owned()))
            .collect()
    }

    fn ask(&self, statement: &str) -> Answer {
        let statement = encoded(statement);
        let url = format!(
            "http://{}/query?db=facility&epoch=ns&{KEEPER}&q={statement}",
            self.http.address()
        );
        until_ok("InfluxDB to answer a query", START, || get(&url)).expect_status(200)
    }

    fn tell(&self, statement: &str) {
        let url = format!(
            "http://{}/query?{KEEPER}&q={}",
            self.http.address(),
            encoded(statement)
        );
        post(&url, &Value::Null).expect("an answer").expect_status(200);
    }
}

/// How many bytes of a write-ahead log are whole entries: each a byte, a length of four, and so many bytes.
fn whole_entries(log: &[u8]) -> usize {
    let mut whole = 0;
    while let Some([_, a, b, c, d]) = log.get(whole..whole + 5) {
        let end = whole + 5 + u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        if end > log.len() {
            break;
        }
        whole = end;
    }
    whole
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

fn read_series(series: &Value, stored: &mut Stored) {
    let device = series["tags"]["device"].as_str().unwrap_or_default();
    let columns: Vec<_> = series["columns"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for row in series["values"].as_array().into_iter().flatten() {
        let nanoseconds = row[0].as_i64().expect("a time in nanoseconds");
        let at = Timestamp::from_nanosecond(i128::from(nanoseconds)).expect("a time");
        for (column, point) in columns.iter().enumerate().skip(1) {
            let value = match &row[column] {
                Value::Number(number) => StoredValue::Number(number.as_f64().expect("a number")),
                Value::Bool(state) => StoredValue::Bool(*state),
                // Another device's field, a row without this field, or a tag.
                _ => continue,
            };
            stored
                .entry((device.to_owned(), (*point).to_owned()))
                .or_default()
                .push((at, value));
        }
    }
}

/// Percent-encodes all that is not plainly allowed in a query string.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_whole_up_to_its_last_whole_entry() {
        let log = [
            &[1, 0, 0, 0, 2, 9, 9][..],
            &[1, 0, 0, 0, 1, 9],
            &[1, 0, 0, 0, 4, 9],
        ]
        .concat();
        assert_eq!(whole_entries(&log), 13);
        assert_eq!(whole_entries(&log[..13]), 13);
        assert_eq!(whole_entries(&log[..3]), 0);
    }
}
