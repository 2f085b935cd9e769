//! A real process with its log, which ends with the test that started it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::wait::until;

/// How much of a log is told when a test fails.
const TAIL_BYTES: u64 = 6_000;

/// A running process, the head of a process group of its own.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// What a command that ended by itself left.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

impl Process {
    /// Starts a command whose output goes to `NAME.log` in the folder (a later start there adds to it).
    ///
    /// `setpriv` has the kernel kill the process when the test's thread ends, whatever ends it.
    pub fn start(name: &str, command: &Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log file");
        let errors = output.try_clone().expect("a log file's second handle");
        let child = bound_to_this_thread(command)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self {
            name: name.to_owned(),
            child,
            log,
        }
    }

    /// Runs a command to its end and returns what it said; panics if it takes longer than the limit.
    pub fn finish(name: &str, command: &Command, limit: Duration) -> Finished {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (out, err) = (folder.path().join("stdout"), folder.path().join("stderr"));
        let mut child = bound_to_this_thread(command)
            .stdin(Stdio::null())
            .stdout(File::create(&out).expect("a file for stdout"))
            .stderr(File::create(&err).expect("a file for stderr"))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let read =
            |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                return Finished {
                    code: status.code(),
                    stdout: read(&out),
                    stderr: read(&err),
                };
            }
            if begun.elapsed() > limit {
                signal_group(child.id(), "KILL");
                panic!("{name} still ran after {limit:?}\n{}\n{}", read(&out), read(&err));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Panics if it has ended although nobody asked it to.
    #[track_caller]
    pub fn must_run(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("{} ended by itself: {status}\n{}", self.name, self.log_tail());
        }
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    #[track_caller]
    pub fn stop(&mut self, limit: Duration) -> ExitStatus {
        signal(self.child.id(), "TERM");
        let child = &mut self.child;
        until(&format!("{} to end after SIGTERM", self.name), limit, || {
            child.try_wait().ok().flatten()
        })
    }

    /// Ends it at once (SIGKILL), and everything in its group with it.
    pub fn kill(&mut self) {
        // The process itself first: nothing lies between the caller's decision and its end.
        let _ = self.child.kill();
        let _ = self.child.wait();
        signal_group(self.child.id(), "KILL");
    }

    /// Ends it at once (SIGKILL), and leaves its group to what it had prepared for that.
    pub fn kill_alone(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it where it is (SIGSTOP): it neither runs nor ends.
    pub fn freeze(&self) {
        signal(self.child.id(), "STOP");
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        signal(self.child.id(), "CONT");
    }

    /// Everything that it has written so far.
    pub fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The end of what it has written so far.
    pub fn log_tail(&self) -> String {
        let mut tail = Vec::new();
        if let Ok(mut file) = File::open(&self.log) {
            let length = file.metadata().map(|metadata| metadata.len()).unwrap_or(0);
            let _ = file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)));
            let _ = file.read_to_end(&mut tail);
        }
        String::from_utf8_lossy(&tail).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("──── the end of {}'s log ────\n{}", self.name, self.log_tail());
        }
    }
}

/// The same command, killed by the kernel when this thread ends.
fn bound_to_this_thread(command: &Command) -> Command {
    let mut bound = Command::new("setpriv");
    bound
        .args(["--pdeathsig", "KILL", "--"])
        .arg(command.get_program())
        .args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(key, value),
            None => bound.env_remove(key),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        bound.current_dir(folder);
    }
    bound
}

fn signal(process: u32, signal: &str) {
    shell_kill(&format!("kill -{signal} {process}"));
}

fn signal_group(process: u32, signal: &str) {
    shell_kill(&format!("kill -{signal} -{process}"));
}

/// The shell's own `kill` is on every Debian, and the program of that name is not.
fn shell_kill(line: &str) {
    let _ = Command::new("sh")
        .args(["-c", line])
        .stderr(Stdio::null())
        .status();
}
