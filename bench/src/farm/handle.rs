//! How the benchmark starts a farm, and asks what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command};

use serde_json::Value;

use super::FarmShape;
use crate::process::{Core, Process};
use crate::trouble::{Outcome, Trouble, While};

/// A running farm, which ends with this.
pub struct Farm {
    /// The port of all its lines.
    pub port: u16,
    process: Process,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What a farm was asked since it was last reset.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Requests.
    pub requests: f64,
    /// Over so many seconds.
    pub seconds: f64,
    /// From one request to the next of the same device, at the median; silent devices are left out.
    pub median_ms: f64,
    /// The longest such interval.
    pub worst_ms: f64,
}

impl Tally {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.requests / self.seconds
    }
}

impl Farm {
    /// Starts one; its log is in the folder.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(shape: FarmShape, core: Core, folder: &Path) -> Outcome<Self> {
        let program = std::env::current_exe().during("the benchmark's own path")?;
        let mut command = Command::new(program);
        command.arg("farm");
        for (option, value) in [
            ("--lines", shape.lines.to_string()),
            ("--units", shape.units.to_string()),
            ("--delay-ms", shape.delay_ms.to_string()),
            ("--silent", shape.silent.to_string()),
        ] {
            command.arg(option).arg(value);
        }
        let (process, orders, answers) = Process::start_spoken_with("farm", &command, core, folder)?;
        let mut farm = Self {
            port: 0,
            process,
            orders,
            answers: BufReader::new(answers),
        };
        let first = farm.hear()?;
        let port = first
            .strip_prefix("listening ")
            .and_then(|port| port.trim().parse().ok());
        farm.port = port.ok_or_else(|| Trouble::new(format!("the farm said {first:?}, not its port")))?;
        Ok(farm)
    }

    /// Seconds of processor time that it has used.
    ///
    /// # Errors
    /// It has ended.
    pub fn cpu_seconds(&self) -> Outcome<f64> {
        self.process.cpu_seconds()
    }

    /// Begins to count anew.
    ///
    /// # Errors
    /// It has ended.
    pub fn reset(&mut self) -> Outcome<()> {
        self.order("reset")?;
        self.hear().map(drop)
    }

    /// What it was asked since it was last reset.
    ///
    /// # Errors
    /// It has ended.
    pub fn tally(&mut self) -> Outcome<Tally> {
        self.order("tally")?;
        let line = self.hear()?;
        let said: Value = serde_json::from_str(&line).during("the farm's tally")?;
        let number = |key: &str| said.get(key).and_then(Value::as_f64).unwrap_or(0.0);
        Ok(Tally {
            requests: number("requests"),
            seconds: number("seconds"),
            median_ms: number("median_ms"),
            worst_ms: number("worst_ms"),
        })
    }

    fn order(&mut self, order: &str) -> Outcome<()> {
        writeln!(self.orders, "{order}").during("the farm does not listen: see farm.log")
    }

    fn hear(&mut self) -> Outcome<String> {
        let mut line = String::new();
        let count = self
            .answers
            .read_line(&mut line)
            .during("the farm does not answer")?;
        if count == 0 {
            return Err(Trouble::new("the farm has ended: see farm.log"));
        }
        Ok(line)
    }
}
