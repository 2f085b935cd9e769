//! A real Mosquitto broker that drops no message by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::port::Port;
use crate::process::Process;
use crate::wait::until;

const START: Duration = Duration::from_secs(10);

/// The broker.
#[derive(Debug)]
pub struct Mosquitto {
    folder: PathBuf,
    logs: PathBuf,
    port: Port,
    process: Option<Process>,
}

impl Mosquitto {
    /// Starts it on a folder of its own.
    pub fn start(folder: &Path) -> Self {
        Self::start_with_access(folder, None)
    }

    /// The same with an access list, as its `acl_file` has it.
    pub fn start_with_access(folder: &Path, list: Option<&str>) -> Self {
        let (logs, folder, port) = (folder.to_owned(), folder.join("mosquitto"), Port::lease());
        std::fs::create_dir_all(&folder).expect("a folder for Mosquitto");
        // By default it silently drops what a slow or absent subscriber has not fetched after 1,000 messages, and
        // it would leave the user that started it, and with it the kernel's promise to end it with the test.
        let mut config = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nuser root\nmax_queued_messages 0\n\
             max_inflight_messages 1000\npersistence true\npersistence_location {}/\nautosave_interval 1\n",
            port.number(),
            folder.display()
        );
        if let Some(list) = list {
            let path = folder.join("access");
            std::fs::write(&path, list).expect("Mosquitto's access list");
            config += &format!("acl_file {}\n", path.display());
        }
        std::fs::write(folder.join("mosquitto.conf"), config).expect("Mosquitto's configuration");
        let mut mosquitto = Self {
            folder,
            logs,
            port,
            process: None,
        };
        mosquitto.come_back();
        mosquitto
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.port.address()
    }

    /// Whether it takes connections.
    pub fn answers(&self) -> bool {
        self.port.answers()
    }

    /// Its process; panics while there is none.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("Mosquitto to have been started")
    }

    /// What a connection dials.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.port.address())
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Holds it still: it takes bytes as far as the kernel does, and acknowledges nothing more.
    pub fn freeze(&self) {
        if let Some(process) = &self.process {
            process.freeze();
        }
    }

    /// Ends it without a word, and with it all that it knew: sessions and kept messages.
    pub fn kill_and_forget(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
        // It is written now and then, also soon after a start.
        let _ = std::fs::remove_file(self.folder.join("mosquitto.db"));
    }

    /// The messages that it keeps below a filter, by topic.
    #[track_caller]
    pub fn retained(&self, filter: &str) -> BTreeMap<String, String> {
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &self.port.number().to_string()]);
        command.args([
            "-q",
            "1",
            "--retained-only",
            "-W",
            "1",
            "-F",
            "%t %p",
            "-t",
            filter,
        ]);
        let finished = Process::finish("mosquitto_sub", &command, START);
        let messages = finished.stdout.lines().filter_map(|line| line.split_once(' '));
        messages
            .map(|(topic, message)| (topic.to_owned(), message.to_owned()))
            .collect()
    }

    /// Ends it in order: its sessions are on disk.
    #[track_caller]
    pub fn go_away(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.stop(Duration::from_secs(10));
        }
    }

    /// Starts it again, and waits until it listens.
    #[track_caller]
    pub fn come_back(&mut self) {
        self.launch();
        until("Mosquitto to listen", START, || {
            self.process().must_run();
            self.answers().then_some(())
        });
    }

    /// Removes what it has written down, as a person does when it cannot read that any more.
    pub fn forget(&self) {
        let _ = std::fs::remove_file(self.folder.join("mosquitto.db"));
    }

    /// Starts it without waiting.
    pub fn launch(&mut self) {
        let mut command = Command::new("/usr/sbin/mosquitto");
        command.arg("-c").arg(self.folder.join("mosquitto.conf"));
        self.process = Some(Process::start("mosquitto", &command, &self.logs));
    }

    /// Publishes a message, as a stranger would.
    #[track_caller]
    pub fn publish(&self, topic: &str, message: &str) {
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &self.port.number().to_string()]);
        command.args(["-q", "1", "-t", topic, "-m", message]);
        let finished = Process::finish("mosquitto_pub", &command, START);
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }
}
