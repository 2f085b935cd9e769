//! The gateway as its users meet it: a process, and what it answers over HTTP.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Answer, Events, get, post};
use crate::metrics::Metrics;
use crate::process::{Finished, Process};
use crate::wait::{so, until, until_ok};

/// A debug build on two busy processors, with a site to load and three stores to open.
const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(20);

/// The binary under test: `FACILITY_GATEWAY`, or the one beside this test in the target folder.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("FACILITY_GATEWAY") {
        return path.into();
    }
    let test = std::env::current_exe().expect("this test's path");
    let target = test.ancestors().nth(2).expect("the target folder");
    let binary = target.join("facility-gateway");
    assert!(
        binary.exists(),
        "{} is not there: run `cargo build -p gateway` first",
        binary.display()
    );
    binary
}

/// Which gateway is run, and with what in its environment.
#[derive(Clone, Debug)]
pub struct Build {
    /// Its binary.
    pub binary: PathBuf,
    /// What is added to its environment.
    pub environment: Vec<(String, String)>,
}

impl Build {
    /// The one under test, as it is.
    pub fn under_test() -> Self {
        Self {
            binary: binary(),
            environment: Vec::new(),
        }
    }
}

/// Runs one of the commands that end by themselves.
pub fn run_command(arguments: &[&str]) -> Finished {
    let mut command = Command::new(binary());
    command.args(arguments);
    Process::finish(
        &format!("facility-gateway {}", arguments.join(" ")),
        &command,
        START,
    )
}

/// Proves a data folder's journal, of a running gateway or a dead one, and that a head which was kept is still in it; says what
/// was proven, or why not.
pub fn verify_journal(data: &Path, head: Option<&str>) -> Result<String, String> {
    let data = data.display().to_string();
    let mut arguments = vec!["journal", "verify", "--data", &data];
    arguments.extend(head.iter().flat_map(|head| ["--head", head]));
    let finished = run_command(&arguments);
    match finished.code {
        Some(0) => Ok(finished.stdout.trim_end().to_owned()),
        _ => Err(format!("the journal does not hold: {finished:?}")),
    }
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    url: String,
}

impl Gateway {
    /// Starts `run` on a site that listens at the address, and waits until it is ready.
    #[track_caller]
    pub fn run(site: &Path, data: &Path, address: &str) -> Self {
        let mut gateway = Self::launch(site, data, address);
        gateway.wait_until_ready();
        gateway
    }

    /// Starts `run` without waiting; its log is beside the data folder.
    pub fn launch(site: &Path, data: &Path, address: &str) -> Self {
        Self::launch_build(&Build::under_test(), site, data, address)
    }

    /// Starts `run` of some build without waiting.
    pub fn launch_build(build: &Build, site: &Path, data: &Path, address: &str) -> Self {
        let mut command = Command::new(&build.binary);
        command.envs(build.environment.iter().map(|(key, value)| (key, value)));
        command.arg("run").arg("--site").arg(site).arg("--data").arg(data);
        let logs = data.parent().expect("the data folder's parent");
        Self {
            process: Process::start("gateway", &command, logs),
            url: format!("http://{address}"),
        }
    }

    /// Waits until `/readyz` answers 200; panics if it ends instead.
    #[track_caller]
    pub fn wait_until_ready(&mut self) {
        let (process, url) = (&mut self.process, format!("{}/readyz", self.url));
        until("the gateway to be ready", START, || {
            process.must_run();
            get(&url).ok().filter(|answer| answer.status == 200)
        });
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// GETs a path that must answer 200 with JSON.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        get(&format!("{}{path}", self.url))
            .expect("an answer")
            .expect_status(200)
            .json()
    }

    /// The items of a list.
    #[track_caller]
    pub fn items(&self, path: &str) -> Vec<Value> {
        self.get(path)["items"].as_array().expect("items").clone()
    }

    /// One device as the API shows it.
    #[track_caller]
    pub fn device(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/devices/{id}"))
    }

    /// Every alarm that is not normal.
    #[track_caller]
    pub fn alarms(&self) -> Vec<Value> {
        self.items("/api/v1/alarms")
    }

    /// Every ticket, the newest first.
    #[track_caller]
    pub fn tickets(&self) -> Vec<Value> {
        let mut tickets = Vec::new();
        let mut path = "/api/v1/tickets".to_owned();
        loop {
            let mut part = self.get(&path);
            let Some(items) = part["items"].as_array_mut() else {
                panic!("no items: {part:#}")
            };
            tickets.append(items);
            match part["next"].as_str() {
                Some(next) => path = format!("/api/v1/tickets?after={next}"),
                None => return tickets,
            }
        }
    }

    /// The newest so many tickets.
    #[track_caller]
    pub fn newest_tickets(&self, count: usize) -> Vec<Value> {
        self.items(&format!("/api/v1/tickets?limit={count}"))
    }

    /// Where its journal ends.
    #[track_caller]
    pub fn journal_head(&self) -> String {
        let gateway = self.get("/api/v1/gateway");
        let head = gateway["journal"]["head"].as_str();
        head.unwrap_or_else(|| panic!("no head: {gateway:#}")).to_owned()
    }

    /// The tickets of one device.
    #[track_caller]
    pub fn tickets_of(&self, device: &str) -> Vec<Value> {
        self.tickets()
            .into_iter()
            .filter(|ticket| ticket["device"] == device)
            .collect()
    }

    /// One ticket.
    #[track_caller]
    pub fn ticket(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/tickets/{id}"))
    }

    /// Does something with a ticket, as one person; answers whatever the gateway does.
    #[track_caller]
    pub fn act(&self, ticket: &str, action: &str, mut body: Value) -> Answer {
        body["by"] = json!("王工");
        post(&format!("{}/api/v1/tickets/{ticket}/{action}", self.url), &body).expect("an answer")
    }

    /// What `/metrics` says.
    #[track_caller]
    pub fn metrics(&self) -> Metrics {
        let answer = get(&format!("{}/metrics", self.url))
            .expect("an answer")
            .expect_status(200);
        Metrics::read(&answer.body)
    }

    /// Its stream of events.
    pub fn events(&self) -> Events {
        Events::open(&format!("{}/api/v1/events", self.url))
    }

    /// Waits until a device's points all have a good value.
    #[track_caller]
    pub fn wait_until_good(&self, device: &str) {
        until_ok(&format!("{device} to be read"), START, || {
            let shown = self.device(device);
            so(shown["state"] == "ok", || format!("{device} is {shown:#}"))
        });
    }

    /// Ends it as a person would (SIGTERM), and checks that it ended well.
    #[track_caller]
    pub fn stop(&mut self) {
        let status = self.process.stop(STOP);
        assert!(status.success(), "the gateway ended with {status} after SIGTERM");
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}
