//! The whole gateway in the zoo: nothing that a misbehaving device says is ever taken for a value that it does not have.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tests::{Scene, Zoo, so, until_ok};

const PROFILE: &str = r#"class = "low_current"
name = { zh = "试验", en = "Trial" }

[[point]]
name = "first"
title = { zh = "甲", en = "A" }
address = "holding:0"
type = "u16"

[[point]]
name = "near"
title = { zh = "乙", en = "B" }
address = "holding:4"
type = "u16"

[[point]]
name = "far"
title = { zh = "丙", en = "C" }
address = "holding:300"
type = "u16"
"#;
const VALUES: [(&str, f64); 3] = [("first", 100.0), ("near", 104.0), ("far", 400.0)];

/// Those that are read right, at least again and again.
const READ: [&str; 12] = [
    "late",
    "wrong_transaction",
    "fragmented",
    "glued",
    "closes",
    "busy",
    "acknowledges",
    "needs_a_pause",
    "needs_a_rest",
    "holes",
    "small",
    "single",
];
/// Those that never say anything that could be taken.
const NEVER: [&str; 7] = [
    "silent",
    "wrong_unit",
    "no_path",
    "no_target",
    "short",
    "long",
    "garbage",
];

/// Polls of each that are looked at.
const POLLS: usize = 10;

#[test]
fn in_the_zoo_every_value_is_right_or_missing() {
    let scene = Scene::new();
    let zoo = Zoo::open(scene.folder());
    let mut site = scene.draft();
    site.file("profiles/trial.toml", PROFILE);
    for animal in READ.iter().chain(&NEVER) {
        let url = zoo.url(animal);
        let manners = match *animal {
            "needs_a_pause" => "pause = \"60ms\"",
            "needs_a_rest" => "pause_after_connect = \"150ms\"",
            _ => "",
        };
        let lines = format!("url = \"{url}\"\ninterval = \"400ms\"\ntimeout = \"200ms\"\n{manners}");
        site.table(&format!("connections.{animal}"), &lines).device(
            &animal.replace('_', "-"),
            "trial",
            animal,
            "1",
        );
    }
    site.write(&scene.site());
    let mut gateway = scene.run();

    let mut seen = BTreeMap::<(String, &str), BTreeSet<String>>::new();
    until_ok(
        "every device of the zoo to be read often",
        Duration::from_secs(60),
        || {
            for device in gateway.items("/api/v1/devices") {
                note(&device, &mut seen);
            }
            let few: Vec<_> = READ
                .iter()
                .flat_map(|animal| VALUES.map(|(point, _)| (animal.replace('_', "-"), point)))
                .filter(|of| seen.get(of).is_none_or(|times| times.len() < POLLS))
                .collect();
            so(few.is_empty(), || format!("read too seldom: {few:?}"))
        },
    );
    for animal in NEVER {
        let device = gateway.device(animal.replace('_', "-").as_str());
        for (point, _) in VALUES {
            let point = &device["points"][point];
            assert_eq!(point["value"], Value::Null, "{animal}: {device:#}");
            assert_eq!(point["quality"], "missing", "{animal}: {device:#}");
        }
    }
    assert!(!zoo.dialled_twice().contains(&"single".to_owned()));
    gateway.stop();
}

/// Notes when each point of a device was read right; any other value ends the test.
#[track_caller]
fn note(device: &Value, seen: &mut BTreeMap<(String, &'static str), BTreeSet<String>>) {
    let id = device["id"].as_str().unwrap_or_default();
    for (point, right) in VALUES {
        let read = &device["points"][point];
        if let Some(value) = read["value"].as_f64() {
            assert_eq!(value, right, "{id} {point}: {device:#}");
            let of = (id.to_owned(), point);
            seen.entry(of).or_default().insert(read["at"].to_string());
        }
    }
}
