//! The gateway that is measured: its release binary as a process, on a site and a data folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::http;
use crate::process::{Core, Process};
use crate::trouble::{Outcome, Trouble, While};

/// A site of thousands of devices to load, and three stores to open.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(30);

/// A running gateway.
pub struct Gateway {
    /// Its process.
    pub process: Process,
    /// Where it listens, as `host:port`.
    pub address: String,
}

impl Gateway {
    /// Starts the gateway on `FOLDER/site` with its data in `FOLDER/data`, and waits until it is ready.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(folder: &Path, core: Core) -> Outcome<Self> {
        let mut command = Command::new(binary()?);
        command.arg("run").arg("--site").arg(folder.join("site"));
        command.arg("--data").arg(folder.join("data"));
        let log = folder.join("gateway.log");
        // Of a start before this one, which had another port.
        if log.exists() {
            std::fs::rename(&log, folder.join("gateway.before.log")).during(log.display())?;
        }
        let mut process = Process::start("gateway", &command, core, folder)?;
        let address = address_of(&mut process)?;
        http::wait_until_answers(&address, "/readyz", START)?;
        Ok(Self { process, address })
    }

    /// What `/metrics` says now. Rendering it costs the gateway some time, so it is asked outside of what is measured.
    ///
    /// # Errors
    /// It does not answer.
    pub fn metrics(&self) -> Outcome<String> {
        http::get(&self.address, "/metrics")
    }

    /// Ends it in order.
    pub fn stop(mut self) {
        self.process.stop(STOP);
    }
}

/// `FACILITY_GATEWAY`, or the binary beside this one.
fn binary() -> Outcome<PathBuf> {
    match std::env::var_os("FACILITY_GATEWAY") {
        Some(path) => Ok(path.into()),
        None => beside_own("facility-gateway", ""),
    }
}

/// A program of the gateway's, beside this one; `target` is what cargo is told beside the package to build it.
///
/// # Errors
/// It is not there.
pub fn beside_own(program: &str, target: &str) -> Outcome<PathBuf> {
    let own = std::env::current_exe().during("the benchmark's own path")?;
    let program = own.with_file_name(program);
    if program.exists() {
        return Ok(program);
    }
    let build = format!("cargo build --release -p gateway {target}");
    Err(Trouble::new(format!(
        "{} is not there: build it with `{}`",
        program.display(),
        build.trim_end()
    )))
}

/// The one line on its standard output says where it listens.
fn address_of(process: &mut Process) -> Outcome<String> {
    let until = Instant::now() + START;
    while Instant::now() < until {
        process.must_run()?;
        let log = process.log();
        let said = log
            .lines()
            .find_map(|line| line.strip_prefix("listening on http://"));
        if let Some(address) = said {
            return Ok(address.to_owned());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(Trouble::new(format!(
        "the gateway does not listen after {START:?}"
    )))
}
