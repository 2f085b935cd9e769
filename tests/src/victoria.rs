//! A real VictoriaMetrics, which takes the second version of InfluxDB's write API.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::compare::{Stored, StoredValue};
use crate::http::get;
use crate::port::Port;
use crate::process::Process;
use crate::wait::{until, until_ok};

const START: Duration = Duration::from_secs(30);

/// The server; it can be away for a while and come back with what it had.
#[derive(Debug)]
pub struct Victoria {
    folder: PathBuf,
    http: Port,
    process: Option<Process>,
}

impl Victoria {
    /// Names a place for it, where nothing runs yet.
    pub fn not_started(folder: &Path) -> Self {
        let folder = folder.join("victoria-metrics");
        std::fs::create_dir_all(&folder).expect("a folder for VictoriaMetrics");
        Self {
            folder,
            http: Port::lease(),
            process: None,
        }
    }

    /// What a site's `[influxdb]` says about it.
    pub fn table(&self) -> String {
        let url = format!("http://{}", self.http.address());
        format!("url = \"{url}\"\nversion = 2\norg = \"property\"\nbucket = \"facility\"\ntoken = \"0123\"")
    }

    /// Ends it; what it has taken is on its disk.
    #[track_caller]
    pub fn go_away(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.stop(Duration::from_secs(20));
        }
    }

    /// Starts it, again on the same folder and port.
    #[track_caller]
    pub fn come_back(&mut self) {
        let mut command = Command::new("victoria-metrics");
        command
            .arg(format!("-storageDataPath={}", self.folder.join("data").display()))
            .arg(format!("-httpListenAddr={}", self.http.address()))
            // It keeps a repeated sample twice unless told so; a body may be sent again after a lost answer.
            .args([
                "-dedup.minScrapeInterval=1ms",
                "-search.latencyOffset=0s",
                "-retentionPeriod=12",
            ]);
        let mut process = Process::start("victoria-metrics", &command, &self.folder);
        let health = format!("http://{}/health", self.http.address());
        until("VictoriaMetrics to answer", START, || {
            process.must_run();
            get(&health).ok().filter(|answer| answer.status == 200)
        });
        self.process = Some(process);
    }

    /// Everything that is in it, by device and point (its names are MEASUREMENT_FIELD).
    pub fn stored(&self, measurements: &[&str]) -> Stored {
        let url = format!(
            "http://{}/api/v1/export?match%5B%5D=%7Bdevice!%3D%22%22%7D",
            self.http.address()
        );
        let answer = until_ok("VictoriaMetrics to export", START, || get(&url)).expect_status(200);
        let mut stored = Stored::new();
        for line in answer.body.lines() {
            let series: Value = serde_json::from_str(line).expect("a line of JSON");
            read_series(&series, measurements, &mut stored);
        }
        stored
    }
}

fn read_series(series: &Value, measurements: &[&str], stored: &mut Stored) {
    let name = series["metric"]["__name__"].as_str().unwrap_or_default();
    let device = series["metric"]["device"].as_str().unwrap_or_default();
    let field = |measurement: &&str| name.strip_prefix(*measurement)?.strip_prefix('_');
    let point = measurements
        .iter()
        .find_map(field)
        .unwrap_or_else(|| panic!("{name} is of no class of the site"));
    let times = series["timestamps"].as_array().into_iter().flatten();
    let values = series["values"].as_array().into_iter().flatten();
    let samples = stored.entry((device.to_owned(), point.to_owned())).or_default();
    for (time, value) in times.zip(values) {
        let at = Timestamp::from_millisecond(time.as_i64().expect("milliseconds")).expect("a time");
        samples.push((at, StoredValue::Number(value.as_f64().expect("a number"))));
    }
    samples.sort_by_key(|(at, _)| *at);
}
