//! The system's clock is wrong when the gateway starts, and is set while it runs: it says so, marks it, and nothing waits for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tests::{Build, Gateway, Scene, run_command, so, until_ok};

const SOON: Duration = Duration::from_secs(30);
const DEVICE: &str = "fire-main-1";
const HISTORY: &str = "/api/v1/devices/fire-main-1/history?point=main_pressure";

/// A clock of one process' own, which is off by as much as a file says.
struct Clock {
    file: PathBuf,
}

impl Clock {
    fn off_by(folder: &Path, seconds: i64) -> Self {
        let clock = Self {
            file: folder.join("clock"),
        };
        clock.set(seconds);
        clock
    }

    fn set(&self, seconds: i64) {
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("{seconds:+}")).expect("a file for the clock");
        std::fs::rename(&next, &self.file).expect("the clock's file in its place");
    }

    /// The gateway under test, whose system clock is this one.
    fn build(&self) -> Build {
        let libraries = std::fs::read_dir("/usr/lib").expect("the system's libraries");
        let library = libraries
            .filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketimeMT.so.1")))
            .find(|path| path.exists())
            .expect("Debian's faketime: make test installs it");
        let mut build = Build::under_test();
        build.environment = [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        build
    }
}

fn moment(value: &Value) -> Timestamp {
    let text = value.as_str().unwrap_or_default();
    text.parse().unwrap_or_else(|error| panic!("{value}: {error}"))
}

/// By how much the clock was set after what was recorded until now, as the trend tells it.
fn marked(gateway: &Gateway) -> Option<f64> {
    let to = Timestamp::now() + SignedDuration::from_hours(24);
    let trend = gateway.get(&format!("{HISTORY}&from=2000-01-01T00:00:00Z&to={to}"));
    trend["clock_steps"].get(0)?["seconds"].as_f64()
}

fn started(scene: &Scene, off_by_seconds: i64) -> (Clock, Gateway) {
    let mut site = scene.draft();
    site.connection("pump_room", &scene.modbus_url(), "500ms", "2s");
    site.device(DEVICE, "fire-main", "pump_room", "1")
        .leak_rule("3s")
        .write(&scene.site());
    let clock = Clock::off_by(scene.folder(), off_by_seconds);
    let mut gateway = Gateway::launch_build(&clock.build(), &scene.site(), &scene.data(), &scene.address());
    gateway.wait_until_ready();
    (clock, gateway)
}

/// The leak is found by the clock as it is now, and its ticket opened.
fn finds_a_leak(gateway: &Gateway, simulator: &tests::Simulator) {
    let begun = Timestamp::now();
    simulator.inject(DEVICE, "main_leak");
    let ticket = until_ok("the ticket", SOON, || {
        let tickets = gateway.tickets_of(DEVICE);
        tickets.first().cloned().ok_or_else(|| "none".to_owned())
    });
    let (opened, now) = (moment(&ticket["opened_at"]), Timestamp::now());
    assert!((begun..=now).contains(&opened), "{begun} {ticket:#} {now}");
}

fn says_and_marks(scene: &Scene, gateway: &Gateway, seconds: f64) {
    until_ok("the step to be said", SOON, || {
        let alarms = gateway.alarms();
        let said = alarms.iter().any(|alarm| alarm["rule"] == "clock-set");
        so(said, || format!("{alarms:#?}"))
    });
    until_ok("what was recorded before to be marked", SOON, || {
        let by = marked(gateway);
        so(by.is_some_and(|by| (by - seconds).abs() < 2.0), || {
            format!("{by:?}")
        })
    });
    let (site, data) = (
        scene.site().display().to_string(),
        scene.data().display().to_string(),
    );
    let (from, to) = ("2000-01-01T00:00:00Z", "2099-01-01T00:00:00Z");
    let exported = run_command(&[
        "export", "--site", &site, "--data", &data, "--from", from, "--to", to,
    ]);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let rows: Vec<Vec<&str>> = exported
        .stdout
        .lines()
        .skip(1)
        .map(|row| row.split(',').collect())
        .collect();
    let now = Timestamp::now();
    let (mut before, mut after) = (0, 0);
    for row in &rows {
        let at: Timestamp = row[0].parse().expect("a time");
        let is_right = now.duration_since(at).unsigned_abs() < Duration::from_secs(600);
        assert_eq!(row[6].is_empty(), is_right, "{row:?}");
        if is_right {
            after += 1;
        } else {
            before += 1;
        }
    }
    assert!(before > 0 && after > 0, "{before} before, {after} after");
}

/// A gateway whose clock is off by so many seconds at its start, and is set then.
fn nothing_waits_for_the_clock(off_by_seconds: i64) {
    let scene = Scene::new();
    let (clock, gateway) = started(&scene, off_by_seconds);
    let simulator = scene.simulate();
    gateway.wait_until_good(DEVICE);
    clock.set(0);
    until_ok("samples of now", SOON, || {
        let pressure = gateway.device(DEVICE)["points"]["main_pressure"].clone();
        let age = Timestamp::now().duration_since(moment(&pressure["at"]));
        so(age.unsigned_abs() < Duration::from_secs(5), || {
            format!("{pressure}")
        })
    });
    finds_a_leak(&gateway, &simulator);
    says_and_marks(&scene, &gateway, -off_by_seconds as f64);
}

#[test]
fn a_clock_that_was_ahead_at_the_start_and_is_set_back_holds_nothing_up_is_said_and_marked() {
    nothing_waits_for_the_clock(8 * 3_600);
}

#[test]
fn a_clock_that_was_years_behind_at_the_start_and_is_set_loses_nothing_is_said_and_marked() {
    nothing_waits_for_the_clock(-10 * 365 * 86_400);
}
