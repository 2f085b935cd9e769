//! Whatever names and values a site has, an independent parser of line protocol reads back what was written.

// Clippy takes the helpers of an integration test for production code.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use gateway::telemetry::LineRenderer;
use jiff::Timestamp;
use model::{Batch, Class, Dense, Device, DeviceIndex, Folder, PointId, Reading, Sample, Site, Value};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};

const SEED: [u8; 32] = *b"line protocol, read by strangers";
const LINES: usize = 2_000;
const MOST_POINTS: usize = 8;

/// What one line is made of.
#[derive(Clone, Debug)]
struct Case {
    class: String,
    site: String,
    building: String,
    device: String,
    points: BTreeMap<String, Value>,
    at: i64,
}

#[test]
fn a_parser_that_we_did_not_write_reads_back_every_name_and_value() {
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &SEED));
    let cases: Vec<Case> = (0..LINES)
        .map(|_| case().new_tree(&mut runner).expect("a case").current())
        .collect();
    let mut lines = String::new();
    let mut expected = Vec::new();
    let mut site = site();
    for case in &cases {
        name_all(&mut site, case);
        let count = LineRenderer::new(&site).render(&mut lines, &batch(case));
        let good = case.points.values().filter(|value| is_writable(value)).count();
        assert_eq!(count, good as u64, "{case:?}");
        if good > 0 {
            expected.push((case, parsed(case)));
        }
    }
    assert!(expected.len() > LINES * 9 / 10);
    let read = read_by_a_stranger(&lines);
    assert_eq!(read.len(), expected.len());
    for (read, (case, expected)) in read.iter().zip(&expected) {
        assert_eq!(read, expected, "{case:?}");
    }
}

/// Names as people might write them, and as nobody should.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9_]{0,12}",
        "[ ,=\"'\\\\#/a-z1-9]{1,12}",
        "[\\\\]{1,3}",
        "[消防泵房1号楼 ,=（）°µ]{1,8}",
        "[\n\r\t a-c\u{0}\u{7f}\u{85}\u{2028}]{1,6}",
        "\\PC{1,10}",
    ]
}

fn number() -> impl Strategy<Value = f64> {
    // Not the subnormal ones: this parser takes what C says of them for an error, and no database does.
    let subnormal = |number: &f64| !number.is_subnormal();
    prop_oneof![
        prop::num::f64::ANY.prop_filter("subnormal", subnormal),
        prop::num::f32::ANY.prop_map(f64::from),
        any::<i32>().prop_map(f64::from),
        (0..65_536_u32).prop_map(|raw| f64::from(raw) / 1000.0),
        prop::sample::select(vec![
            0.0,
            -0.0,
            f64::MAX,
            f64::MIN_POSITIVE,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1e21,
            1e-7,
            9_007_199_254_740_993.0,
        ]),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => number().prop_map(Value::Number),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => name().prop_map(|text| Value::Text(text.into())),
        1 => Just(Value::Text("".into())),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let points = prop::collection::btree_map(name(), value(), 1..=MOST_POINTS);
    let building = prop_oneof![name(), Just(String::new())];
    // A class is a small letter first, then small letters, digits and `_`: a `#` there would begin a comment.
    let class = "[a-z][a-z0-9_]{0,12}";
    (class, name(), building, name(), points, any::<i64>()).prop_map(
        |(class, site, building, device, points, at)| Case {
            class,
            site,
            building,
            device,
            points: distinct(points),
            at,
        },
    )
}

/// Names that are written alike are one field; a profile's names are different ones.
fn distinct(points: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut written = BTreeMap::new();
    for (name, value) in points {
        written.entry(as_written(&name)).or_insert((name, value));
    }
    written.into_values().collect()
}

/// What becomes of a name or text: control characters cannot be written.
fn without_control(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// And a name cannot end in a backslash, so that it has none at all.
fn as_written(name: &str) -> String {
    without_control(name).replace('\\', "/")
}

fn is_writable(value: &Value) -> bool {
    !matches!(value, Value::Number(number) if !number.is_finite())
}

/// What the parser must say of a case.
fn parsed(case: &Case) -> Json {
    let tags = [
        ("site", &case.site),
        ("building", &case.building),
        ("device", &case.device),
    ];
    let tags: BTreeMap<&str, String> = tags
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(tag, value)| (tag, as_written(value)))
        .collect();
    let fields: BTreeMap<String, Json> = case
        .points
        .iter()
        .filter(|(_, value)| is_writable(value))
        .map(|(name, value)| {
            let value = match value {
                Value::Number(number) => json!(number),
                Value::Bool(state) => json!(state),
                Value::Text(text) => json!(without_control(text)),
            };
            (as_written(name), value)
        })
        .collect();
    json!({ "measurement": case.class, "tags": tags, "fields": fields, "time": case.at })
}

/// A site with one device.
fn site() -> Site {
    let folder = Folder::of_texts([
        (
            "gateway.toml",
            "site = { id = \"huayuan\", name = \"花园小区\", timezone = \"Asia/Shanghai\" }\n\
             [connections.line]\nurl = \"modbus+tcp://127.0.0.1:1\"\n",
        ),
        (
            "devices.csv",
            "id,name,profile,connection,unit,building,location,interval,in_service\nx,x,one,line,1,,,,true\n",
        ),
        (
            "profiles/one.toml",
            "class = \"x\"\nname = { zh = \"x\", en = \"x\" }\n[[point]]\nname = \"x\"\n\
             title = { zh = \"x\", en = \"x\" }\nunit = \"\"\naddress = \"holding:0\"\ntype = \"f64\"\n",
        ),
    ]);
    let mut site = model::load(&folder, []).site;
    site.profiles.retain(|id, _| id == "one");
    site
}

/// Gives it names that a site could not be loaded with: the renderer must do without that.
fn name_all(site: &mut Site, case: &Case) {
    let mut device: Device = site.devices.values().next().expect("a device").clone();
    let mut profile = device.profile.as_ref().clone();
    let point = profile.points.first().expect("a point").clone();
    profile.class = Class(case.class.as_str().into());
    profile.points = case
        .points
        .keys()
        .map(|name| {
            let mut point = point.clone();
            point.name.clone_from(name);
            point
        })
        .collect();
    let profile = Arc::new(profile);
    device.profile = Arc::clone(&profile);
    device.building.clone_from(&case.building);
    device.id.clone_from(&case.device);
    site.id.clone_from(&case.site);
    site.profiles.insert(profile.id.clone(), profile);
    site.devices = Dense::new(vec![device]);
}

fn batch(case: &Case) -> Batch {
    let samples = case.points.values().zip(0..).map(|(value, point)| Sample {
        point: PointId(point),
        reading: Reading::Good(value.clone()),
    });
    Batch {
        device: DeviceIndex(0),
        at: Timestamp::from_nanosecond(i128::from(case.at)).expect("a time"),
        order: 0,
        samples: samples.collect(),
    }
}

fn read_by_a_stranger(lines: &str) -> Vec<Json> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the repository");
    let python = repository.join(".venv/bin/python");
    assert!(
        python.exists(),
        "{} is not there: run `make test-setup` first",
        python.display()
    );
    let mut process = Command::new(python)
        .arg(repository.join("tests/peers/line_protocol.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python");
    let mut input = process.stdin.take().expect("its input");
    input.write_all(lines.as_bytes()).expect("to be read");
    drop(input);
    let output = process.wait_with_output().expect("its output");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}
