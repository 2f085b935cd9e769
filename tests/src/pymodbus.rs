//! A Modbus server that was not written by us.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::port::Port;
use crate::process::Process;
use crate::site::repository;
use crate::wait::until;

const START: Duration = Duration::from_secs(30);

/// A running pymodbus server with known values.
#[derive(Debug)]
pub struct Pymodbus {
    port: Port,
    _process: Process,
}

impl Pymodbus {
    /// Starts it; its values are in `tests/peers/pymodbus_server.py`.
    pub fn start(folder: &Path) -> Self {
        let python = repository().join(".venv/bin/python");
        assert!(
            python.exists(),
            "{} is not there: run `make test-setup` first",
            python.display()
        );
        let port = Port::lease();
        let mut command = Command::new(python);
        command
            .arg(repository().join("tests/peers/pymodbus_server.py"))
            .arg(port.number().to_string());
        let mut process = Process::start("pymodbus", &command, folder);
        until("pymodbus to listen", START, || {
            process.must_run();
            port.answers().then_some(())
        });
        Self {
            port,
            _process: process,
        }
    }

    /// What a connection dials.
    pub fn url(&self) -> String {
        format!("modbus+tcp://{}", self.port.address())
    }
}
