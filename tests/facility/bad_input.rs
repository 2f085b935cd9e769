//! Nonsense from a device, a broker or a script costs nothing but itself, and is counted.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tests::{Gateway, Influx, Mosquitto, Scene, StoredValue, so, until_ok};

const SOON: Duration = Duration::from_secs(20);

/// A rule that no trial with usual values finds wrong: at one flow only it never ends.
const BROKEN_RULE: &str = r#"rule("endless", #{
    class: "fire_water",
    when: |d| { let spin = d.flow > 94.0 && d.flow < 96.0; while spin { } false },
    after: "1s",
    severity: "low",
    summary: #{ zh: "流量", en: "Flow" },
});
"#;

#[test]
fn a_malformed_frame_costs_only_its_device() {
    let scene = Scene::new();
    let liar = TcpListener::bind("127.0.0.1:0").expect("a port");
    let liar_url = format!("modbus+tcp://{}", liar.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for stream in liar.incoming().flatten() {
            std::thread::spawn(move || answer_with_nonsense(stream));
        }
    });
    let mut site = scene.draft();
    site.connection("pump_room", &scene.modbus_url(), "500ms", "2s");
    site.device("fire-main-1", "fire-main", "pump_room", "1")
        .write(&scene.site());
    let _simulator = scene.simulate();
    // The simulator serves all of a site; the liar is no part of what it sees.
    site.connection("liar", &liar_url, "500ms", "300ms")
        .device("liar-1", "fire-main", "liar", "1");
    site.write(&scene.site());
    let mut gateway = scene.run();
    gateway.wait_until_good("fire-main-1");
    counted(&gateway, "facility_malformed_total", "liar-1");
    let liar = gateway.device("liar-1");
    assert_ne!(liar["state"], "ok", "{liar:#}");
    assert_eq!(liar["points"]["main_pressure"]["value"], json!(null), "{liar:#}");
    still_taken(&gateway, "fire-main-1");
    gateway.stop();
}

#[test]
fn a_wrong_payload_costs_only_its_points() {
    let scene = Scene::new();
    let mosquitto = Mosquitto::start(scene.folder());
    let mut site = scene.draft();
    site.connection("broker", &mosquitto.url(), "1s", "2s")
        .connection("pump_room", &scene.modbus_url(), "500ms", "2s");
    site.device("elevator-1", "elevator-mqtt", "broker", "test/elevator/1");
    site.device("fire-main-1", "fire-main", "pump_room", "1")
        .write(&scene.site());
    let mut simulator = scene.simulate();
    let mut gateway = scene.run();
    gateway.wait_until_good("elevator-1");
    gateway.wait_until_good("fire-main-1");
    // Only what is published here from now on.
    simulator.inject("elevator-1", "no_answer");
    mosquitto.publish("test/elevator/1", "{\"trapped\": ");
    counted(&gateway, "facility_malformed_total", "elevator-1");
    mosquitto.publish(
        "test/elevator/1",
        r#"{"in_service": true, "car": {"floor": "seven", "speed": 1.5}}"#,
    );
    until_ok("the readable point of a half right message", SOON, || {
        let points = gateway.device("elevator-1")["points"].clone();
        let right = points["speed"]["value"] == json!(1.5) && points["floor"]["quality"] == "missing";
        so(right, || format!("{points:#}"))
    });
    still_taken(&gateway, "fire-main-1");
    simulator.stop();
    gateway.stop();
}

#[test]
fn a_broken_script_costs_only_its_rule() {
    let scene = Scene::new();
    let mut site = scene.draft();
    site.connection("pump_room", &scene.modbus_url(), "500ms", "2s")
        .leak_rule("1s");
    site.file("rules/endless.rhai", BROKEN_RULE);
    site.device("fire-main-1", "fire-main", "pump_room", "1").device(
        "fire-main-2",
        "fire-main",
        "pump_room",
        "2",
    );
    site.write(&scene.site());
    let simulator = scene.simulate();
    let mut gateway = scene.run();
    gateway.wait_until_good("fire-main-1");
    simulator.hold("fire-main-1", &json!({"flow": 95.0}));
    until_ok("the broken rule to be counted", SOON, || {
        let broken = gateway
            .metrics()
            .sum("facility_rule_failures_total", &[("rule", "endless")]);
        so(broken > 0.0, || format!("of {:?}", gateway.metrics().names()))
    });
    until_ok("the broken rule to be an alarm", SOON, || {
        let alarms = gateway.alarms();
        let told = alarms.iter().any(|alarm| alarm.to_string().contains("endless"));
        so(told, || format!("{alarms:#?}"))
    });
    simulator.inject("fire-main-1", "main_leak");
    until_ok("the sound rule's ticket", SOON, || {
        let tickets = gateway.tickets_of("fire-main-1");
        let opened = tickets.iter().any(|ticket| ticket["standard"] == "fire-water");
        so(opened, || format!("{tickets:#?}"))
    });
    still_taken(&gateway, "fire-main-2");
    gateway.stop();
}

#[test]
fn a_value_beyond_its_range_is_shown_in_doubt_and_is_no_telemetry() {
    let scene = Scene::new();
    let influx = Influx::start(scene.folder());
    let mut site = scene.draft();
    site.table("influxdb", &influx.table());
    site.connection("pump_room", &scene.modbus_url(), "500ms", "2s")
        .leak_rule("1s");
    site.device("fire-main-1", "fire-main", "pump_room", "1")
        .write(&scene.site());
    let simulator = scene.simulate();
    let mut gateway = scene.run();
    gateway.wait_until_good("fire-main-1");
    simulator.hold("fire-main-1", &json!({"main_pressure": 9.9}));
    until_ok("the doubt to be shown", SOON, || {
        let device = gateway.device("fire-main-1");
        let doubted =
            device["state"] == "degraded" && device["points"]["main_pressure"]["quality"] == "uncertain";
        so(doubted, || format!("{device:#}"))
    });
    let doubted_at = Timestamp::now();
    let samples_of = |point: &str| {
        influx
            .stored()
            .remove(&("fire-main-1".to_owned(), point.to_owned()))
    };
    until_ok("the device's other samples of that time", SOON, || {
        let latest = samples_of("flow").and_then(|samples| samples.last().copied());
        so(latest.is_some_and(|(at, _)| at > doubted_at), || {
            format!("{latest:?}")
        })
    });
    let pressures = samples_of("main_pressure").unwrap_or_default();
    assert!(
        pressures
            .iter()
            .all(|(_, value)| *value != StoredValue::Number(9.9)),
        "{pressures:?}"
    );
    gateway.stop();
}

/// Answers each request with the right transaction and unit, and a body that breaks off or claims other lengths.
fn answer_with_nonsense(mut stream: TcpStream) {
    let mut request = [0_u8; 12];
    let mut round = 0_u8;
    while stream.read_exact(&mut request).is_ok() {
        let [high, low, _, _, _, _, unit, function, ..] = request;
        let answer: &[u8] = match round % 3 {
            // Two bytes of data where the request asked for many.
            0 => &[high, low, 0, 0, 0, 5, unit, function, 2, 0xAA, 0xBB],
            // The count of bytes disagrees with the frame's length.
            1 => &[high, low, 0, 0, 0, 5, unit, function, 200, 0xAA, 0xBB],
            // No Modbus at all.
            _ => b"HTTP/1.1 400 Bad Request\r\n\r\n",
        };
        if stream.write_all(answer).is_err() {
            return;
        }
        round = round.wrapping_add(1);
    }
}

#[track_caller]
fn counted(gateway: &Gateway, metric: &str, device: &str) {
    until_ok(&format!("{metric} of {device}"), SOON, || {
        let count = gateway.metrics().sum(metric, &[("device", device)]);
        so(count > 0.0, || format!("it is {count}"))
    });
}

/// Waits until more samples of a device have been taken than now.
#[track_caller]
fn still_taken(gateway: &Gateway, device: &str) {
    let taken = || {
        gateway
            .metrics()
            .sum("facility_samples_taken_total", &[("device", device)])
    };
    let before = taken();
    until_ok(&format!("further samples of {device}"), SOON, || {
        let now = taken();
        so(now > before, || format!("still {now}"))
    });
}
