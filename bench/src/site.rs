//! Writes the site that is measured: devices of every class of the standard, 75 points each, and a rule on every class.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::farm::FarmShape;
use crate::farm::registers::{F32_POINTS, STAMPS, U16_POINTS};
use crate::trouble::{Outcome, While};

/// The classes of the service standard.
const CLASSES: [&str; 8] = [
    "fire_water",
    "water_supply",
    "drainage",
    "power",
    "lighting",
    "elevator",
    "low_current",
    "lightning",
];

/// A farm's devices as a site.
#[derive(Clone, Debug)]
pub struct FarmSite {
    /// The farm.
    pub shape: FarmShape,
    /// Its port.
    pub port: u16,
    /// From one poll to the next.
    pub interval: Duration,
    /// Where telemetry goes, as `http://host:port`; none: local history only.
    pub database: Option<String>,
}

impl FarmSite {
    /// Writes the site's folder.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, folder: &Path) -> Outcome<()> {
        let mut gateway = head(self.database.as_deref());
        let mut devices = devices_head();
        for line in 0..self.shape.lines {
            let (address, port) = (FarmShape::address(line), self.port);
            let interval = self.interval.as_millis();
            let _ = writeln!(
                gateway,
                "[connections.line_{line}]\nurl = \"modbus+tcp://{address}:{port}\"\ninterval = \"{interval}ms\"\ntimeout = \"500ms\"\n"
            );
            for unit in 1..=self.shape.units {
                let class = CLASSES.get(line % CLASSES.len()).unwrap_or(&"power");
                let profile = profile_id(class);
                let _ = writeln!(
                    devices,
                    "dev-{line}-{unit},Device {line}.{unit},{profile},line_{line},{unit},Building {},Plant room,,true",
                    line % 20
                );
            }
        }
        write(folder, "gateway.toml", &gateway)?;
        write(folder, "devices.csv", &devices)?;
        for class in CLASSES {
            write(
                folder,
                &format!("profiles/{}.toml", profile_id(class)),
                &profile(class),
            )?;
        }
        write(folder, "rules/bench.rhai", &rules())
    }
}

/// Topics of one broker as a site: five points a message.
#[derive(Clone, Debug)]
pub struct BrokerSite {
    /// The broker's port.
    pub port: u16,
    /// How many topics there are: [`BrokerSite::topic`].
    pub topics: usize,
    /// Where telemetry goes.
    pub database: String,
}

impl BrokerSite {
    /// The topic of a device.
    pub fn topic(device: usize) -> String {
        format!("bench/cabinet-{device}")
    }

    /// A message of about 130 bytes; no two numbers make the same.
    pub fn message(number: u64) -> String {
        let tenths = number % 100;
        format!(
            r#"{{"number": {number}, "temperature": 23.{tenths:02}, "humidity": 45.{tenths:02}, "voltage": 229.{tenths:02}, "mains_present": true, "model": "QX-2000-S"}}"#
        )
    }

    /// Writes the site's folder.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, folder: &Path) -> Outcome<()> {
        let mut gateway = head(Some(&self.database));
        let port = self.port;
        let _ = writeln!(
            gateway,
            "[connections.broker]\nurl = \"mqtt://127.0.0.1:{port}\"\ninterval = \"1h\"\n"
        );
        let mut devices = devices_head();
        for device in 0..self.topics {
            let topic = Self::topic(device);
            let _ = writeln!(
                devices,
                "cabinet-{device},Cabinet {device},bench-cabinet,broker,{topic},Building 1,Shaft,,true"
            );
        }
        let mut profile = profile_head("low_current");
        for (name, kind) in [
            ("number", "f64"),
            ("temperature", "f64"),
            ("humidity", "f64"),
            ("voltage", "f64"),
            ("mains_present", "bool"),
        ] {
            let _ = writeln!(
                profile,
                "[[point]]\nname = \"{name}\"\ntitle = {{ zh = \"{name}\", en = \"{name}\" }}\naddress = \"/{name}\"\ntype = \"{kind}\"\n"
            );
        }
        write(folder, "gateway.toml", &gateway)?;
        write(folder, "devices.csv", &devices)?;
        write(folder, "profiles/bench-cabinet.toml", &profile)?;
        let rule = rule(
            "low_current",
            "|d| d.temperature > 60.0 || !d.mains_present && d.voltage < 180.0",
        );
        write(folder, "rules/bench.rhai", &rule)
    }
}

/// Units of one serial line as a site.
#[derive(Clone, Debug)]
pub struct LineSite {
    /// The port's file.
    pub port: String,
    /// Bits a second.
    pub baud: u32,
    /// How many units there are, from 1.
    pub units: u8,
    /// The holding registers of each, from 0, a point a register.
    pub registers: u16,
    /// From one poll of a unit to the next.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl LineSite {
    /// Writes the site's folder.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, folder: &Path) -> Outcome<()> {
        let mut gateway = head(None);
        let Self { port, baud, .. } = self;
        let (interval, timeout) = (self.interval.as_millis(), self.timeout.as_millis());
        let _ = writeln!(
            gateway,
            "[connections.line]\nurl = \"modbus+rtu://{port}?baud={baud}\"\ninterval = \"{interval}ms\"\ntimeout = \"{timeout}ms\"\n"
        );
        let mut devices = devices_head();
        for unit in 1..=self.units {
            let _ = writeln!(
                devices,
                "meter-{unit},Meter {unit},bench-meter,line,{unit},Building 1,Shaft,,true"
            );
        }
        let mut profile = profile_head("power");
        for number in 0..self.registers {
            let _ = writeln!(
                profile,
                "[[point]]\nname = \"whole_{number}\"\ntitle = {{ zh = \"{number}\", en = \"{number}\" }}\naddress = \"holding:{number}\"\ntype = \"u16\"\n"
            );
        }
        write(folder, "gateway.toml", &gateway)?;
        write(folder, "devices.csv", &devices)?;
        write(folder, "profiles/bench-meter.toml", &profile)?;
        write(
            folder,
            "rules/bench.rhai",
            &rule("power", "|d| d.whole_0 > 60000"),
        )
    }
}

fn head(database: Option<&str>) -> String {
    let mut head = "site = { id = \"bench\", name = \"Bench\", timezone = \"Asia/Shanghai\" }\nlisten = \"127.0.0.1:0\"\n\n".to_owned();
    if let Some(url) = database {
        let _ = writeln!(
            head,
            "[influxdb]\nurl = \"{url}\"\nversion = 2\norg = \"property\"\nbucket = \"facility\"\ntoken = \"0123\"\n"
        );
    }
    head
}

fn devices_head() -> String {
    "id,name,profile,connection,unit,building,location,interval,in_service\n".to_owned()
}

fn profile_id(class: &str) -> String {
    format!("bench-{}", class.replace('_', "-"))
}

fn profile_head(class: &str) -> String {
    format!("class = \"{class}\"\nname = {{ zh = \"测量用\", en = \"For measuring\" }}\n\n")
}

fn profile(class: &str) -> String {
    let mut profile = profile_head(class);
    let mut point = |name: &str, address: usize, kind: &str| {
        let _ = writeln!(
            profile,
            "[[point]]\nname = \"{name}\"\ntitle = {{ zh = \"{name}\", en = \"{name}\" }}\naddress = \"holding:{address}\"\ntype = \"{kind}\"\n"
        );
    };
    for number in 0..U16_POINTS {
        match STAMPS.get(number) {
            Some(stamp) => point(stamp, number, "u16"),
            None => point(&format!("whole_{number}"), number, "u16"),
        }
    }
    for number in 0..F32_POINTS {
        point(&format!("measured_{number}"), U16_POINTS + 2 * number, "f32");
    }
    profile
}

/// One rule a class, which reads two points that change at every poll and one that does not, so that it is asked at every poll. The rules
/// of sight that the gateway ships watch every device as well.
fn rules() -> String {
    let condition = "|d| d.measured_0 > 260.0 && d.measured_1 < 100.0 || d.whole_10 > 60000";
    CLASSES.iter().map(|class| rule(class, condition)).collect()
}

fn rule(class: &str, condition: &str) -> String {
    format!(
        "rule(\"bench-{}\", #{{\n    class: \"{class}\",\n    when: {condition},\n    severity: \"low\",\n    summary: #{{ zh: \"测量用\", en: \"For measuring\" }},\n}});\n\n",
        class.replace('_', "-")
    )
}

fn write(folder: &Path, path: &str, text: &str) -> Outcome<()> {
    let path = folder.join(path);
    let parent = path.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).during(parent.display())?;
    std::fs::write(&path, text).during(path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: &Path) -> Vec<String> {
        let folder = model::Folder::read(files).unwrap();
        let model::Loading { site, mut faults } = model::load(&folder, []);
        faults.extend(drivers::check(&site));
        faults.extend(rules::load(&site).1);
        assert!(!site.devices.is_empty());
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_sites_that_are_measured_have_no_fault() {
        let folder = std::env::temp_dir().join(format!("bench-site-{}", std::process::id()));
        let farm = FarmSite {
            shape: FarmShape::of_devices(9),
            port: 1502,
            interval: Duration::from_millis(50),
            database: Some("http://127.0.0.1:8428".into()),
        };
        farm.write(&folder.join("farm")).unwrap();
        assert_eq!(faults(&folder.join("farm")), Vec::<String>::new());
        let broker = BrokerSite {
            port: 1883,
            topics: 3,
            database: "http://127.0.0.1:8428".into(),
        };
        broker.write(&folder.join("broker")).unwrap();
        assert_eq!(faults(&folder.join("broker")), Vec::<String>::new());
        let line = LineSite {
            port: "/dev/ttyS1".into(),
            baud: 9_600,
            units: 30,
            registers: 10,
            interval: Duration::from_secs(2),
            timeout: Duration::from_millis(200),
        };
        line.write(&folder.join("line")).unwrap();
        assert_eq!(faults(&folder.join("line")), Vec::<String>::new());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
