//! A child process: kept on a core if asked, read through /proc, and ended with the benchmark whatever ends that.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::trouble::{Outcome, Trouble, While};

/// Linux counts processor time for /proc in hundredths of a second on every architecture that it runs on today.
const TICKS_A_SECOND: f64 = 100.0;

/// Where a process may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    /// On all cores.
    Any,
    /// On this one alone.
    Only(usize),
}

/// A running child process.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command; what it says goes to `NAME.log` in the folder.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(name: &str, command: &Command, core: Core, folder: &Path) -> Outcome<Self> {
        let (mut command, log, output) = prepare(name, command, core, folder)?;
        let child = command.stdin(Stdio::null()).stdout(output).spawn().during(name)?;
        let name = name.to_owned();
        Ok(Self { name, child, log })
    }

    /// The same for a process that is spoken with over its standard input and output.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_spoken_with(
        name: &str,
        command: &Command,
        core: Core,
        folder: &Path,
    ) -> Outcome<(Self, ChildStdin, ChildStdout)> {
        let (mut command, log, _) = prepare(name, command, core, folder)?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .during(name)?;
        let (input, output) = (
            child.stdin.take().during(name)?,
            child.stdout.take().during(name)?,
        );
        let name = name.to_owned();
        Ok((Self { name, child, log }, input, output))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Seconds of processor time that it has used, in itself and in the kernel.
    ///
    /// # Errors
    /// It has ended.
    pub fn cpu_seconds(&self) -> Outcome<f64> {
        let path = format!("/proc/{}/stat", self.id());
        let stat = std::fs::read_to_string(&path).during(&self.name)?;
        cpu_seconds_of(&stat).ok_or_else(|| Trouble::new(format!("{path} is not as proc(5) has it")))
    }

    /// Its memory that is in use now, in MB (of 1,000,000 bytes).
    ///
    /// # Errors
    /// It has ended.
    pub fn resident_mb(&self) -> Outcome<f64> {
        let path = format!("/proc/{}/status", self.id());
        let status = std::fs::read_to_string(&path).during(&self.name)?;
        resident_mb_of(&status).ok_or_else(|| Trouble::new(format!("{} has ended", self.name)))
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// It does not; with the end of what it said.
    pub fn must_run(&mut self) -> Outcome<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            _ => Err(Trouble::new(format!(
                "{} has ended; the end of {}:\n{}",
                self.name,
                self.log.display(),
                last_lines(&self.log())
            ))),
        }
    }

    /// Asks it to end (SIGTERM) and waits until it has, at most for the limit; then it is killed.
    pub fn stop(&mut self, limit: Duration) {
        // The shell's own `kill` is everywhere, and the program of that name is not.
        let _ = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.id())])
            .status();
        let until = Instant::now() + limit;
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill();
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Seconds of processor time that the calling thread has used.
///
/// # Errors
/// The kernel does not tell it.
pub fn own_thread_seconds() -> Outcome<f64> {
    let path = "/proc/thread-self/schedstat";
    let text = std::fs::read_to_string(path).during(path)?;
    let first = text.split_whitespace().next().during(path)?;
    let nanoseconds: f64 = first.parse().during(path)?;
    Ok(nanoseconds / 1e9)
}

/// Every program here replaces the one before it, so that the child's id is that of the command itself: `setpriv` has the kernel kill
/// it when the benchmark ends, the shell gives it all the descriptors that it may have, and `taskset` keeps it on its core.
fn prepare(name: &str, command: &Command, core: Core, folder: &Path) -> Outcome<(Command, PathBuf, File)> {
    let log = folder.join(format!("{name}.log"));
    let output = File::options()
        .create(true)
        .append(true)
        .open(&log)
        .during(log.display())?;
    let errors = output.try_clone().during(log.display())?;
    let mut prepared = Command::new("setpriv");
    prepared.args(["--pdeathsig", "KILL", "--", "sh", "-c"]);
    prepared.args([r#"ulimit -n "$(ulimit -Hn)"; exec "$@""#, "sh"]);
    if let Core::Only(core) = core {
        prepared.args(["taskset", "-c", &core.to_string()]);
    }
    prepared.arg(command.get_program()).args(command.get_args());
    prepared.stderr(errors);
    Ok((prepared, log, output))
}

/// utime and stime, the 14th and 15th field; the second is the name, which may have spaces and is in brackets.
/// Seconds of processor time that the benchmark itself has used, its children's left out.
///
/// # Errors
/// There is no /proc.
pub fn own_cpu_seconds() -> Outcome<f64> {
    let path = "/proc/self/stat";
    let stat = std::fs::read_to_string(path).during(path)?;
    cpu_seconds_of(&stat).ok_or_else(|| Trouble::new(format!("{path} is not as proc(5) has it")))
}

fn cpu_seconds_of(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_A_SECOND)
}

fn resident_mb_of(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1_024.0 / 1_000_000.0)
}

fn last_lines(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    let from = lines.len().saturating_sub(12);
    lines.get(from..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_whatever_the_process_is_called() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 4 0 12345 1 2";
        assert_eq!(cpu_seconds_of(stat), Some(4.0));
        assert_eq!(cpu_seconds_of("7 (a) S"), None);
    }

    #[test]
    fn memory_is_read_in_millions_of_bytes() {
        assert_eq!(
            resident_mb_of("VmPeak:\t 9 kB\nVmRSS:\t   31250 kB\n"),
            Some(32.0)
        );
        assert_eq!(resident_mb_of("Name:\tx\n"), None);
    }
}
