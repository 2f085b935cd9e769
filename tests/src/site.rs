//! Writes small site folders for tests.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the repository's root")
        .to_owned()
}

/// A site in the making: what it is told is written to the folder by [`SiteDraft::write`].
#[derive(Clone, Debug)]
pub struct SiteDraft {
    gateway: String,
    devices: String,
    files: Vec<(String, String)>,
}

impl SiteDraft {
    /// A site that listens at an address (`127.0.0.1:8080`) and has nothing yet.
    pub fn listening_at(address: &str) -> Self {
        let site = r#"site = { id = "test", name = "测试小区", timezone = "Asia/Shanghai" }"#;
        Self {
            gateway: format!("{site}\nlisten = \"{address}\"\n"),
            devices: "id,name,profile,connection,unit,building,location,interval,in_service\n".to_owned(),
            files: Vec::new(),
        }
    }

    /// Adds a connection: its name, what is dialled, and how long an interval and an answer may be.
    pub fn connection(&mut self, name: &str, url: &str, interval: &str, timeout: &str) -> &mut Self {
        let lines = format!("url = \"{url}\"\ninterval = \"{interval}\"\ntimeout = \"{timeout}\"");
        self.table(&format!("connections.{name}"), &lines)
    }

    /// Adds a table of gateway.toml with its lines.
    pub fn table(&mut self, name: &str, lines: &str) -> &mut Self {
        let _ = writeln!(self.gateway, "\n[{name}]\n{lines}");
        self
    }

    /// Sends alerts to a webhook.
    pub fn webhook(&mut self, url: &str) -> &mut Self {
        self.table("notify.webhook", &format!("url = \"{url}\""))
    }

    /// Adds a device: its id, profile, connection, and unit id or topic.
    pub fn device(&mut self, id: &str, profile: &str, connection: &str, unit: &str) -> &mut Self {
        let _ = writeln!(
            self.devices,
            "{id},设备 {id},{profile},{connection},{unit},1号楼,泵房,,true"
        );
        self
    }

    /// Adds any other file, by its path in the site's folder.
    pub fn file(&mut self, path: &str, text: &str) -> &mut Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    /// Adds a rule that opens a `fire-water` ticket, in the place of the shipped one, for a shorter on-delay.
    pub fn leak_rule(&mut self, after: &str) -> &mut Self {
        let rule = format!(
            r##"rule("fire-water-pressure-low", #{{
    class: "fire_water",
    when: |d| d.main_pressure < 0.15,
    clear: |d| d.main_pressure > 0.18,
    after: "{after}",
    severity: "critical",
    ticket: "fire-water",
    summary: #{{ zh: |d| `消防主管压力 ${{d.main_pressure}} MPa`, en: |d| `Fire main at ${{d.main_pressure}} MPa` }},
}});
"##
        );
        self.file("rules/leak.rhai", &rule)
    }

    /// Writes the site's folder.
    pub fn write(&self, folder: &Path) {
        let own = [
            ("gateway.toml".to_owned(), self.gateway.clone()),
            ("devices.csv".to_owned(), self.devices.clone()),
        ];
        for (path, text) in own.iter().chain(&self.files) {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("the site's folder");
            std::fs::write(path, text).expect("a file of the site");
        }
    }
}
