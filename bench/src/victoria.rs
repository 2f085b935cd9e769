//! A real VictoriaMetrics as the database: it takes the second version of InfluxDB's write API and counts what it took.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::http;
use crate::process::{Core, Process};
use crate::trouble::{Outcome, While};

const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(60);

/// The database; it can go away and come back with what it had.
pub struct Victoria {
    folder: PathBuf,
    port: u16,
    core: Core,
    process: Option<Process>,
    /// Rows that were taken before it last went away, since it counts from its start.
    rows_before: f64,
}

impl Victoria {
    /// Starts it on a folder.
    ///
    /// # Errors
    /// It does not start: Debian's package is `victoria-metrics`.
    pub fn start(folder: &Path, core: Core) -> Outcome<Self> {
        let mut victoria = Self {
            folder: folder.to_owned(),
            port: free_port()?,
            core,
            process: None,
            rows_before: 0.0,
        };
        victoria.come_back()?;
        Ok(victoria)
    }

    /// Where it is, as a site has it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many points it has taken so far.
    ///
    /// # Errors
    /// It is away.
    pub fn rows(&self) -> Outcome<f64> {
        let metrics = http::get(&self.address(), "/metrics")?;
        Ok(self.rows_before + http::sum(&metrics, "vm_rows_inserted_total", "type=\"influx\""))
    }

    /// Seconds of processor time that it has used since it last started.
    ///
    /// # Errors
    /// It is away.
    pub fn cpu_seconds(&self) -> Outcome<f64> {
        self.process.as_ref().during("VictoriaMetrics")?.cpu_seconds()
    }

    /// Ends it; what it took is on its disk.
    ///
    /// # Errors
    /// It is away already.
    pub fn go_away(&mut self) -> Outcome<()> {
        self.rows_before = self.rows()?;
        if let Some(mut process) = self.process.take() {
            process.stop(STOP);
        }
        Ok(())
    }

    /// Starts it again, on the same folder and port.
    ///
    /// # Errors
    /// It does not start.
    pub fn come_back(&mut self) -> Outcome<()> {
        let mut command = Command::new("victoria-metrics");
        command
            .arg(format!(
                "-storageDataPath={}",
                self.folder.join("victoria").display()
            ))
            .arg(format!("-httpListenAddr={}", self.address()))
            .args(["-retentionPeriod=12", "-memory.allowedPercent=25"]);
        self.process = Some(Process::start(
            "victoria-metrics",
            &command,
            self.core,
            &self.folder,
        )?);
        http::wait_until_answers(&self.address(), "/health", START)
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// A port on which nothing listens now.
///
/// # Errors
/// There is none.
pub fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).during("a free port")?;
    Ok(listener.local_addr().during("a free port")?.port())
}
