//! The `demo` command as a process: gateway, simulator and broker together.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::gateway::binary;
use crate::http::{get, post};
use crate::port::Port;
use crate::process::Process;
use crate::wait::until;

/// Three debug builds on two busy processors.
const START: Duration = Duration::from_secs(60);

/// A running demo.
#[derive(Debug)]
pub struct Demo {
    process: Process,
    listen: Port,
    control: Port,
    folder: TempDir,
}

impl Demo {
    /// Starts it, and waits until its gateway and its simulator answer.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with more in its environment.
    #[track_caller]
    pub fn start_with(environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (listen, control) = (Port::lease(), Port::lease());
        let mut command = Command::new(binary());
        command.args([
            "demo",
            "--listen",
            &listen.address(),
            "--control",
            &control.address(),
        ]);
        // Its own temporary folder is then inside ours, and seen to be gone in the end.
        command
            .env("TMPDIR", folder.path())
            .envs(environment.iter().copied());
        let mut process = Process::start("demo", &command, folder.path());
        let ready = format!("http://{}/readyz", listen.address());
        let devices = format!("http://{}/devices", control.address());
        until("the demo to be ready", START, || {
            process.must_run();
            let both = [&ready, &devices]
                .iter()
                .all(|url| get(url).is_ok_and(|answer| answer.status == 200));
            both.then_some(())
        });
        Self {
            process,
            listen,
            control,
            folder,
        }
    }

    /// Where its page is.
    pub fn url(&self) -> String {
        format!("http://{}", self.listen.address())
    }

    /// Where its simulator is told what to do.
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control.address())
    }

    /// GETs a path of its gateway that must answer 200 with JSON.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        get(&format!("{}{path}", self.url()))
            .expect("an answer")
            .expect_status(200)
            .json()
    }

    /// The items of a list.
    #[track_caller]
    pub fn items(&self, path: &str) -> Vec<Value> {
        self.get(path)["items"].as_array().expect("items").clone()
    }

    /// Breaks the first fire main.
    #[track_caller]
    pub fn break_fire_main(&self) {
        let url = format!("{}/devices/fire-main-1/faults", self.control_url());
        post(&url, &json!({"fault": "main_leak"}))
            .expect("an answer")
            .expect_status(200);
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Ends it as a person would, and checks that nothing of it is left: no process, and no folder.
    #[track_caller]
    pub fn stop(&mut self) {
        let _ = self.process.stop(Duration::from_secs(20));
        assert!(
            !self.answers(),
            "a part of the demo still answers after it has ended"
        );
        let entries = std::fs::read_dir(self.folder.path()).expect("the temporary folder");
        let left: Vec<_> = entries.flatten().filter(|entry| entry.path().is_dir()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    /// Kills the process that a person started, and waits until the others have noticed.
    #[track_caller]
    pub fn kill(&mut self) {
        self.process.kill_alone();
        until("the demo's parts to end with it", Duration::from_secs(20), || {
            (!self.answers()).then_some(())
        });
    }

    fn answers(&self) -> bool {
        self.listen.answers() || self.control.answers()
    }
}
