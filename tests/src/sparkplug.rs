//! A Sparkplug B edge node on pysparkplug.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::mosquitto::Mosquitto;
use crate::process::Process;
use crate::site::repository;
use crate::wait::until;

const START: Duration = Duration::from_secs(30);

/// A running node with one device; its metrics are in `tests/peers/sparkplug_node.py`.
#[derive(Debug)]
pub struct SparkplugNode {
    process: Process,
}

impl SparkplugNode {
    /// Starts it, and waits until it has given birth.
    pub fn start(broker: &Mosquitto, folder: &Path) -> Self {
        let python = repository().join(".venv/bin/python");
        assert!(
            python.exists(),
            "{} is not there: run `make test-setup` first",
            python.display()
        );
        let mut command = Command::new(python);
        command
            .arg(repository().join("tests/peers/sparkplug_node.py"))
            .arg(broker.port().to_string());
        let mut node = Self {
            process: Process::start("sparkplug", &command, folder),
        };
        until("the node to give birth", START, || {
            node.process.must_run();
            (node.births("connected") > 0).then_some(())
        });
        node
    }

    /// How often it gave birth for that reason: `connected`, or `asked for`.
    pub fn births(&self, why: &str) -> usize {
        let wanted = format!("births: {why}");
        self.process.log().lines().filter(|line| *line == wanted).count()
    }

    /// Tells it what to do, as its own page has it.
    #[track_caller]
    pub fn tell(&self, broker: &Mosquitto, what: &str) {
        broker.publish("control", what);
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}
