//! A Sparkplug B node that we did not write, through a broker that we did not write.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Gateway, Mosquitto, Scene, SparkplugNode, so, until_ok};

const PUMPS: &str = r#"class = "low_current"
name = { zh = "泵组", en = "Pump set" }

[mqtt]
payload = "sparkplug"

[[point]]
name = "pressure"
title = { zh = "甲", en = "A" }
unit = "MPa"
address = "/Outlet/Pressure"
type = "f64"

[[point]]
name = "running"
title = { zh = "乙", en = "B" }
address = "/Running"
type = "bool"

[[point]]
name = "drift"
title = { zh = "丙", en = "C" }
address = "/Drift"
type = "i32"

[[point]]
name = "state"
title = { zh = "丁", en = "D" }
address = "/State"
type = "string(20)"

[[point]]
name = "level"
title = { zh = "戊", en = "E" }
address = "/Level"
type = "u16"
"#;

/// Far longer than a death may take to be seen.
const INTERVAL: Duration = Duration::from_secs(5);
const AT_ONCE: Duration = Duration::from_secs(3);

#[test]
fn a_node_that_we_did_not_write_is_read_asked_for_its_births_and_its_death_is_seen_at_once() {
    let scene = Scene::new();
    let mosquitto = Mosquitto::start(scene.folder());
    // Before the gateway: its births are missed, and nobody keeps them.
    let mut node = SparkplugNode::start(&mosquitto, scene.folder());
    let mut site = scene.draft();
    let interval = format!("{}s", INTERVAL.as_secs());
    site.connection("broker", &mosquitto.url(), &interval, "2s")
        .file("profiles/pumps.toml", PUMPS);
    site.device("pumps-1", "pumps", "broker", "spBv1.0/plant/pumps/set-1")
        .write(&scene.site());
    let mut gateway = scene.run();

    gateway.wait_until_good("pumps-1");
    assert!(
        node.births("asked for") > 0,
        "only a birth says what a device has, and the first was missed"
    );
    values_are(&gateway, &json!([0.31, true, -2.0, "运行", 56.0]));

    node.tell(&mosquitto, "data 0.5 -3");
    until_values(&gateway, &json!([0.5, true, -3.0, "运行", 56.0]));

    node.tell(&mosquitto, "death");
    until_silent(&gateway);
    node.tell(&mosquitto, "birth");
    until_values(&gateway, &json!([0.31, true, -2.0, "运行", 56.0]));

    node.kill();
    until_silent(&gateway);
    gateway.stop();
}

fn shown(gateway: &Gateway) -> Value {
    let points = gateway.device("pumps-1")["points"].clone();
    let names = ["pressure", "running", "drift", "state", "level"];
    names.iter().map(|name| points[name]["value"].clone()).collect()
}

#[track_caller]
fn values_are(gateway: &Gateway, expected: &Value) {
    assert_eq!(&shown(gateway), expected);
}

#[track_caller]
fn until_values(gateway: &Gateway, expected: &Value) {
    until_ok("the device's values", AT_ONCE, || {
        let shown = shown(gateway);
        so(&shown == expected, || shown.to_string())
    });
}

#[track_caller]
fn until_silent(gateway: &Gateway) {
    until_ok("the death to be seen", AT_ONCE, || {
        let device = gateway.device("pumps-1");
        let points = device["points"].as_object().expect("points");
        let gone = points
            .values()
            .all(|point| point["quality"] == "missing" && point["reason"] == "no_answer");
        so(gone && device["state"] == "offline", || format!("{device:#}"))
    });
}
