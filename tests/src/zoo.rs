//! The zoo of misbehaving Modbus devices: one process, a port for each.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process::Process;
use crate::site::repository;
use crate::wait::until;

const START: Duration = Duration::from_secs(20);

/// A running zoo; what each of its devices does is in `tests/peers/zoo.py`.
#[derive(Debug)]
pub struct Zoo {
    process: Process,
}

impl Zoo {
    /// Opens it, and waits until every device listens.
    #[track_caller]
    pub fn open(folder: &Path) -> Self {
        let mut command = Command::new("/usr/bin/python3");
        command.arg(repository().join("tests/peers/zoo.py"));
        let mut process = Process::start("zoo", &command, folder);
        until("the zoo to open", START, || {
            process.must_run();
            process.log().lines().any(|line| line == "open").then_some(())
        });
        Self { process }
    }

    /// Where a device listens.
    #[track_caller]
    pub fn url(&self, animal: &str) -> String {
        let log = self.process.log();
        let port = log
            .lines()
            .find_map(|line| line.strip_prefix(animal)?.strip_prefix(' ')?.parse::<u16>().ok());
        format!("modbus+tcp://127.0.0.1:{}", port.expect("a device of that name"))
    }

    /// Those that were dialled while they had a connection already.
    pub fn dialled_twice(&self) -> Vec<String> {
        let log = self.process.log();
        log.lines()
            .filter_map(|line| line.strip_suffix(" has two connections"))
            .map(str::to_owned)
            .collect()
    }
}
