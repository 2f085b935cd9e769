//! Modbus with those who did not write it with us: pymodbus and libmodbus are read by our driver, mbpoll reads our simulator.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Libmodbus, Process, Pymodbus, Scene, so, until_ok};

/// What `tests/peers/pymodbus_server.py` serves, as an engineer would write it down.
const PYMODBUS: &str = r#"class = "low_current"
name = { zh = "外来设备", en = "Foreign device" }
point = [
    { name = "unsigned", title = { zh = "甲", en = "A" }, unit = "V", address = "holding:0", type = "u16", scale = 0.1 },
    { name = "signed", title = { zh = "乙", en = "B" }, unit = "", address = "holding:1", type = "i16" },
    { name = "float_abcd", title = { zh = "丙", en = "C" }, unit = "", address = "holding:2", type = "f32" },
    { name = "float_cdab", title = { zh = "丁", en = "D" }, unit = "", address = "holding:4", type = "f32", order = "CDAB" },
    { name = "wide_badc", title = { zh = "戊", en = "E" }, unit = "", address = "holding:6", type = "u32", order = "BADC" },
    { name = "wide_dcba", title = { zh = "己", en = "F" }, unit = "", address = "holding:8", type = "i32", order = "DCBA" },
    { name = "behind_a_gap", title = { zh = "庚", en = "G" }, unit = "", address = "holding:20", type = "f32" },
    { name = "no_value", title = { zh = "辛", en = "H" }, unit = "", address = "holding:22", type = "u16", missing = [65535] },
    { name = "too_high", title = { zh = "壬", en = "I" }, unit = "", address = "holding:23", type = "u16", range = [0, 100] },
    { name = "input_near", title = { zh = "癸", en = "J" }, unit = "", address = "input:0", type = "u16", offset = -1.0 },
    { name = "input_far", title = { zh = "子", en = "K" }, unit = "", address = "input:10", type = "i16" },
    { name = "coil_on", title = { zh = "丑", en = "L" }, unit = "", address = "coil:0", type = "bool" },
    { name = "coil_off", title = { zh = "寅", en = "M" }, unit = "", address = "coil:2", type = "bool" },
    { name = "contact_on", title = { zh = "卯", en = "N" }, unit = "", address = "discrete:2", type = "bool" },
    { name = "not_there", title = { zh = "辰", en = "O" }, unit = "", address = "holding:900", type = "u16" },
]
"#;

#[test]
fn a_server_that_we_did_not_write_is_read_right() {
    let scene = Scene::new();
    let pymodbus = Pymodbus::start(scene.folder());
    let mut site = scene.draft();
    site.connection("foreign", &pymodbus.url(), "500ms", "2s")
        .file("profiles/foreign.toml", PYMODBUS);
    site.device("foreign-1", "foreign", "foreign", "1")
        .device("foreign-2", "foreign", "foreign", "2");
    site.write(&scene.site());
    let mut gateway = scene.run();
    for (device, unsigned, input) in [("foreign-1", 123.4, 500.0), ("foreign-2", 246.8, 501.0)] {
        until_ok("the device to be read", Duration::from_secs(15), || {
            let shown = gateway.device(device);
            so(shown["state"] == "degraded", || format!("{shown:#}"))
        });
        let points = gateway.device(device)["points"].clone();
        let numbers = [
            ("unsigned", unsigned),
            ("signed", -5.0),
            ("float_abcd", 21.5),
            ("float_cdab", -0.125),
            ("wide_badc", 3e9),
            ("wide_dcba", -123_456.0),
            ("behind_a_gap", f64::from(1.0e-3_f32)),
            ("input_near", input),
            ("input_far", -1.0),
        ];
        for (point, expected) in numbers {
            let value = good(&points, point).as_f64().expect("a number");
            assert!(
                (value - expected).abs() <= 1e-12 * expected.abs(),
                "{device} {point} is {value}"
            );
        }
        for (point, expected) in [("coil_on", true), ("coil_off", false), ("contact_on", true)] {
            assert_eq!(good(&points, point), &json!(expected), "{device} {point}");
        }
        assert_eq!(
            points["no_value"]["quality"], "missing",
            "{:#}",
            points["no_value"]
        );
        assert_eq!(points["no_value"]["value"], Value::Null);
        assert_eq!(
            points["too_high"]["quality"], "uncertain",
            "{:#}",
            points["too_high"]
        );
        assert_eq!(
            points["not_there"]["quality"], "missing",
            "{:#}",
            points["not_there"]
        );
    }
    gateway.stop();
}

/// What `tests/peers/libmodbus_server.c` serves.
const LIBMODBUS: &str = r#"class = "low_current"
name = { zh = "外来设备", en = "Foreign device" }
point = [
    { name = "unsigned", title = { zh = "甲", en = "A" }, unit = "V", address = "holding:0", type = "u16", scale = 0.1 },
    { name = "signed", title = { zh = "乙", en = "B" }, unit = "", address = "holding:1", type = "i16" },
    { name = "float_abcd", title = { zh = "丙", en = "C" }, unit = "", address = "holding:2", type = "f32" },
    { name = "float_cdab", title = { zh = "丁", en = "D" }, unit = "", address = "holding:4", type = "f32", order = "CDAB" },
    { name = "float_badc", title = { zh = "戊", en = "E" }, unit = "", address = "holding:6", type = "f32", order = "BADC" },
    { name = "float_dcba", title = { zh = "己", en = "F" }, unit = "", address = "holding:8", type = "f32", order = "DCBA" },
    { name = "wide_abcd", title = { zh = "庚", en = "G" }, unit = "", address = "holding:10", type = "u32" },
    { name = "wide_cdab", title = { zh = "辛", en = "H" }, unit = "", address = "holding:12", type = "i32", order = "CDAB" },
    { name = "widest", title = { zh = "壬", en = "I" }, unit = "", address = "holding:14", type = "u64" },
    { name = "decimal", title = { zh = "癸", en = "J" }, unit = "", address = "holding:18", type = "bcd" },
    { name = "label", title = { zh = "子", en = "K" }, unit = "", address = "holding:20", type = "string(8)" },
    { name = "third_bit", title = { zh = "丑", en = "L" }, unit = "", address = "holding:24", type = "bit(3)" },
    { name = "fourth_bit", title = { zh = "寅", en = "M" }, unit = "", address = "holding:24", type = "bit(4)" },
    { name = "input_near", title = { zh = "卯", en = "N" }, unit = "", address = "input:0", type = "u16" },
    { name = "input_far", title = { zh = "辰", en = "O" }, unit = "", address = "input:10", type = "i16" },
    { name = "coil_on", title = { zh = "巳", en = "P" }, unit = "", address = "coil:3", type = "bool" },
    { name = "coil_off", title = { zh = "午", en = "Q" }, unit = "", address = "coil:1", type = "bool" },
    { name = "contact_on", title = { zh = "未", en = "R" }, unit = "", address = "discrete:2", type = "bool" },
]
"#;

#[test]
fn libmodbus_is_read_right_over_tcp_and_over_a_serial_line() {
    for serve in [Libmodbus::tcp, Libmodbus::serial] {
        let scene = Scene::new();
        let libmodbus = serve(scene.folder());
        let mut site = scene.draft();
        site.connection("foreign", libmodbus.url(), "500ms", "1s")
            .file("profiles/foreign.toml", LIBMODBUS);
        site.device("foreign-1", "foreign", "foreign", "1")
            .write(&scene.site());
        let mut gateway = scene.run();
        gateway.wait_until_good("foreign-1");
        let points = gateway.device("foreign-1")["points"].clone();
        let expected = json!({
            "unsigned": 123.4, "signed": -5.0,
            "float_abcd": 21.5, "float_cdab": -0.125, "float_badc": f64::from(0.001_f32), "float_dcba": f64::from(3.5e10_f32),
            "wide_abcd": 3e9, "wide_cdab": -123_456.0, "widest": ((1_u64 << 40) + 5) as f64,
            "decimal": 1234.0, "label": "PUMP-7A", "third_bit": true, "fourth_bit": false,
            "input_near": 501.0, "input_far": -1.0, "coil_on": true, "coil_off": false, "contact_on": true,
        });
        let expected = expected.as_object().expect("an object");
        assert_eq!(points.as_object().map(serde_json::Map::len), Some(expected.len()));
        for (name, value) in expected {
            assert_eq!(good(&points, name), value, "{name} at {}", libmodbus.url());
        }
        how_it_is_read_is_shown(&gateway);
        gateway.stop();
    }
}

/// The plan, what it follows from, and how long it takes, in the API and in the metrics.
#[track_caller]
fn how_it_is_read_is_shown(gateway: &tests::Gateway) {
    let link = gateway.get("/api/v1/devices/foreign-1/link");
    // Holding registers in one read, though 16 and 19 are nobody's; input registers, coils and contacts in one each.
    let requests = link["plan"]["requests"].as_array().expect("requests");
    assert_eq!(requests.len(), 4, "{link:#}");
    assert_eq!(link["plan"]["limits"]["max_registers"], 125, "{link:#}");
    let connection = gateway.items("/api/v1/connections").remove(0);
    for shown in [&link, &connection] {
        assert!(shown["polls"].as_u64() > Some(0), "{shown:#}");
        assert!(shown["latency_ms"]["p99"].as_f64() > Some(0.0), "{shown:#}");
        assert_eq!(
            (&shown["timeouts"], &shown["refusals"]),
            (&json!(0), &json!(0)),
            "{shown:#}"
        );
    }
    let metrics = gateway.metrics();
    let of_device = [("device", "foreign-1")];
    assert_eq!(metrics.sum("facility_poll_requests", &of_device), 4.0);
    for (name, label) in [
        ("facility_device_latency_seconds", ("device", "foreign-1")),
        ("facility_connection_latency_seconds", ("connection", "foreign")),
    ] {
        assert!(metrics.sum(name, &[label, ("quantile", "0.99")]) > 0.0, "{name}");
    }
}

#[test]
fn a_client_that_we_did_not_write_reads_the_simulator_right() {
    let scene = Scene::new();
    let mut site = scene.draft();
    let url = scene.modbus_url();
    site.connection("bench", &url, "1s", "1s")
        .file("profiles/bench.toml", BENCH);
    site.device("bench-1", "bench", "bench", "7").write(&scene.site());
    let simulator = scene.simulate();
    simulator.hold(
        "bench-1",
        &json!({"pressure": 0.321, "current": 12.5, "energy": 70_000, "relay": true, "contact": false}),
    );
    let port = url.rsplit(':').next().expect("a port");
    assert_eq!(mbpoll(port, &["-t", "3", "-r", "1"]), "321");
    assert_eq!(mbpoll(port, &["-t", "4:float", "-B", "-r", "11"]), "12.5");
    assert_eq!(
        mbpoll(port, &["-t", "4:int", "-r", "13"]),
        "70000",
        "mbpoll's own order is the low word first"
    );
    assert_eq!(mbpoll(port, &["-t", "0", "-r", "6"]), "1");
    assert_eq!(mbpoll(port, &["-t", "1", "-r", "1"]), "0");
}

const BENCH: &str = r#"class = "low_current"
name = { zh = "测试台", en = "Test bench" }
point = [
    { name = "pressure", title = { zh = "甲", en = "A" }, unit = "MPa", address = "input:0", type = "u16", scale = 0.001, range = [0.0, 1.6] },
    { name = "current", title = { zh = "乙", en = "B" }, unit = "A", address = "holding:10", type = "f32", range = [0.0, 100.0] },
    { name = "energy", title = { zh = "丙", en = "C" }, unit = "kWh", address = "holding:12", type = "u32", order = "CDAB", range = [0, 1000000] },
    { name = "relay", title = { zh = "丁", en = "D" }, unit = "", address = "coil:5", type = "bool" },
    { name = "contact", title = { zh = "戊", en = "E" }, unit = "", address = "discrete:0", type = "bool" },
]
"#;

#[track_caller]
fn good<'points>(points: &'points Value, name: &str) -> &'points Value {
    let point = &points[name];
    assert_eq!(point["quality"], "good", "{name}: {point:#}");
    &point["value"]
}

/// One value of unit 7, as mbpoll prints it behind its reference (its references begin at 1).
#[track_caller]
fn mbpoll(port: &str, what: &[&str]) -> String {
    let mut command = Command::new("mbpoll");
    command
        .args(["-m", "tcp", "-p", port, "-a", "7", "-c", "1", "-1"])
        .args(what)
        .arg("127.0.0.1");
    let finished = Process::finish("mbpoll", &command, Duration::from_secs(10));
    let value = finished
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix('[')?.split_once(']'));
    let (_, value) = value.unwrap_or_else(|| panic!("{finished:?}"));
    value.trim_start_matches(':').trim().to_owned()
}
