//! The simulated devices of a site, as a process with its control API and its record of what was served.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::gateway::binary;
use crate::http::{delete, get, post};
use crate::port::Port;
use crate::process::Process;
use crate::served::{Served, served_in};
use crate::wait::until;

const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(10);

/// A running `simulate`.
#[derive(Debug)]
pub struct Simulator {
    process: Process,
    command: Command,
    folder: PathBuf,
    control: Port,
    served: PathBuf,
}

impl Simulator {
    /// Serves a site's devices at the addresses that the site names.
    pub fn serve(site: &Path, folder: &Path) -> Self {
        Self::start(site, None, folder)
    }

    /// Serves a site's devices at free ports, and writes the moved site to a folder.
    pub fn serve_moved(site: &Path, moved: &Path, folder: &Path) -> Self {
        Self::start(site, Some(moved), folder)
    }

    fn start(site: &Path, moved: Option<&Path>, folder: &Path) -> Self {
        let control = Port::lease();
        let served = folder.join("served.jsonl");
        let mut command = Command::new(binary());
        command
            .arg("simulate")
            .arg("--site")
            .arg(site)
            .arg("--served")
            .arg(&served);
        command.args(["--control", &control.address()]);
        if let Some(moved) = moved {
            command.arg("--local").arg(moved);
        }
        let mut process = Process::start("simulator", &command, folder);
        let devices = format!("http://{}/devices", control.address());
        until("the simulator to serve", START, || {
            process.must_run();
            let written = moved.is_none_or(|moved| moved.join("gateway.toml").exists());
            get(&devices)
                .ok()
                .filter(|answer| answer.status == 200 && written)
        });
        Self {
            process,
            command,
            folder: folder.to_owned(),
            control,
            served,
        }
    }

    /// Where its control API is.
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control.address())
    }

    /// Starts it again without waiting, after it was killed; it has forgotten its faults.
    pub fn launch(&mut self) {
        self.process = Process::start("simulator", &self.command, &self.folder);
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Lets a device have a fault.
    #[track_caller]
    pub fn inject(&self, device: &str, fault: &str) {
        let url = format!("{}/devices/{device}/faults", self.control_url());
        post(&url, &json!({ "fault": fault }))
            .expect("an answer")
            .expect_status(200);
    }

    /// Takes a fault away.
    #[track_caller]
    pub fn clear(&self, device: &str, fault: &str) {
        let url = format!("{}/devices/{device}/faults/{fault}", self.control_url());
        let status = delete(&url).expect("an answer").status;
        assert!((200..300).contains(&status), "DELETE {url} answered {status}");
    }

    /// Holds points of a device at values.
    #[track_caller]
    pub fn hold(&self, device: &str, points: &Value) {
        let url = format!("{}/devices/{device}/points", self.control_url());
        post(&url, points).expect("an answer").expect_status(200);
    }

    /// What it has served so far.
    pub fn served(&self) -> Vec<Served> {
        served_in(&self.served)
    }

    /// Ends it, so that everything served is in its record.
    #[track_caller]
    pub fn stop(&mut self) {
        let _ = self.process.stop(STOP);
    }
}
