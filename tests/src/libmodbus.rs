//! A Modbus server on libmodbus, compiled from the C program beside this crate.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::port::Port;
use crate::process::Process;
use crate::site::repository;
use crate::wait::until;

const COMPILE: Duration = Duration::from_secs(60);
const START: Duration = Duration::from_secs(30);

/// A running server with known values; they are in `tests/peers/libmodbus_server.c`.
#[derive(Debug)]
pub struct Libmodbus {
    url: String,
    _port: Option<Port>,
    _process: Process,
}

impl Libmodbus {
    /// Serves Modbus TCP.
    pub fn tcp(folder: &Path) -> Self {
        let port = Port::lease();
        let mut command = compiled(folder);
        command.args(["tcp", &port.number().to_string()]);
        let mut process = Process::start("libmodbus", &command, folder);
        until("libmodbus to listen", START, || {
            process.must_run();
            port.answers().then_some(())
        });
        Self {
            url: format!("modbus+tcp://{}", port.address()),
            _port: Some(port),
            _process: process,
        }
    }

    /// Serves a serial line, as unit 1; the other end of it is a pseudo terminal.
    pub fn serial(folder: &Path) -> Self {
        let mut command = compiled(folder);
        command.arg("rtu");
        let mut process = Process::start("libmodbus", &command, folder);
        let path = until("libmodbus to serve its line", START, || {
            process.must_run();
            let log = process.log();
            log.lines()
                .find(|line| line.starts_with("/dev/"))
                .map(str::to_owned)
        });
        Self {
            url: format!("modbus+rtu://{path}?baud=115200&parity=none"),
            _port: None,
            _process: process,
        }
    }

    /// What a connection dials.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn compiled(folder: &Path) -> Command {
    let program = folder.join("libmodbus_server");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-O1", "-I/usr/include/modbus", "-o"])
        .arg(&program);
    compiler
        .arg(repository().join("tests/peers/libmodbus_server.c"))
        .args(["-lmodbus", "-lpthread"]);
    let finished = Process::finish("cc", &compiler, COMPILE);
    assert_eq!(
        finished.code,
        Some(0),
        "is libmodbus-dev installed (`make test-setup`)? {finished:?}"
    );
    Command::new(program)
}
