//! A small site for tests: a pump and a door, some seconds of their lives, and what rules say of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{
    Address, Batch, Calendar, Class, ConnectionIndex, DataType, Deadlines, Dense, Device, DeviceIndex, Fault,
    Missing, Notify, Order, Place, Point, PointId, Profile, Range, Reading, Sample, Scale, Script, Site,
    Standard, Text, Unit, Value,
};

use crate::load::load_scripts;
use crate::{Judge, Judgement, RuleIndex, Rules, Verdict};

/// The pump: `pressure` (0 to 2), `flow`, `running`, `mode` (a text).
pub(crate) const PUMP: DeviceIndex = DeviceIndex(0);
/// A smaller pump of the same class, with `pressure` alone.
pub(crate) const SMALL_PUMP: DeviceIndex = DeviceIndex(1);
/// A pump that is out of service.
pub(crate) const SPARE_PUMP: DeviceIndex = DeviceIndex(2);

/// A site of three pumps with these own scripts.
pub(crate) fn site(scripts: &[(&str, &str)]) -> Site {
    let number = DataType::F64;
    let pump = [
        ("pressure", number),
        ("flow", number),
        ("running", DataType::Bool),
        ("mode", DataType::String(8)),
    ];
    let profiles = [
        profile("pump", &pump),
        profile("small-pump", &[("pressure", number)]),
    ];
    let devices = vec![
        device("pump-1", &profiles[0], 0, true),
        device("pump-2", &profiles[1], 4, true),
        device("pump-3", &profiles[0], 5, false),
    ];
    Site {
        id: "test".into(),
        name: "Test".into(),
        timezone: jiff::tz::TimeZone::UTC,
        listen: "127.0.0.1:8080".parse().unwrap(),
        connections: Dense::default(),
        profiles: profiles
            .into_iter()
            .map(|profile| (profile.id.clone(), profile))
            .collect(),
        devices: Dense::new(devices),
        influxdb: None,
        destinations: BTreeMap::new(),
        mqtt: None,
        notify: Notify::default(),
        standard: standard(),
        roster: Vec::new(),
        scripts: scripts
            .iter()
            .map(|(file, text)| Script {
                file: (*file).into(),
                text: (*text).into(),
            })
            .collect(),
        procedures: BTreeMap::from([("pump.md".into(), "# 水泵\n看一看\n# Pump\nLook at it\n".into())]),
    }
}

fn profile(id: &str, points: &[(&str, DataType)]) -> Arc<Profile> {
    let points = points.iter().map(|(name, data_type)| Point {
        name: (*name).into(),
        title: Text::default(),
        unit: String::new(),
        address: Address::Pointer(format!("/{name}")),
        data_type: *data_type,
        order: Order::Abcd,
        scale: Scale::ONE,
        offset: 0.0,
        range: Some(Range { low: 0.0, high: 2.0 }),
        missing: Vec::new(),
        every: 1,
        labels: BTreeMap::new(),
        meter: None,
    });
    Arc::new(Profile {
        id: id.into(),
        class: Class("pumps".into()),
        name: Text::default(),
        modbus: model::ModbusLimits::default(),
        mqtt: model::MqttForm::default(),
        points: points.collect(),
    })
}

fn device(id: &str, profile: &Arc<Profile>, first_point: u32, in_service: bool) -> Device {
    Device {
        id: id.into(),
        name: id.into(),
        profile: Arc::clone(profile),
        connection: ConnectionIndex(0),
        unit: Unit::Topic(id.into()),
        building: String::new(),
        location: String::new(),
        interval: Duration::from_secs(1),
        in_service,
        first_point: PointId(first_point),
        place: Place::default(),
    }
}

fn standard() -> Standard {
    let row = Deadlines {
        id: "water-supply".into(),
        covers: Text::default(),
        respond: None,
        arrive: None,
        resolve: None,
        quote: String::new(),
        class: None,
    };
    Standard {
        deadlines: BTreeMap::from([(row.id.clone(), row)]),
        calendar: Calendar::default(),
        ..Standard::default()
    }
}

/// The rules of one own file `rules/own.rhai`, and its faults as they are printed.
pub(crate) fn load_text(text: &str) -> (Rules, Vec<String>) {
    let (rules, faults) = load_scripts(&[], &site(&[("rules/own.rhai", text)]));
    (rules, faults.iter().map(Fault::to_string).collect())
}

/// A rule of the pumps that says nothing but its condition: `keys` as in `when: |d| d.pressure > 1`.
pub(crate) fn rule(id: &str, keys: &str) -> String {
    format!(
        "rule(\"{id}\", #{{ class: \"pumps\", severity: \"low\", summary: #{{ zh: \"一\", en: \"a\" }}, {keys} }});\n"
    )
}

/// A judge of one script's rules on the small site.
pub(crate) fn judge(text: &str) -> Judge {
    let site = site(&[("rules/own.rhai", text)]);
    let (rules, faults) = load_scripts(&[], &site);
    assert_eq!(faults, [], "the script of this test has faults");
    Judge::new(Arc::new(rules), Arc::new(site))
}

/// So many seconds after the test began.
pub(crate) fn second(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// A batch of a pump: its points in the profile's order, as many as are given.
pub(crate) fn batch(device: DeviceIndex, seconds: i64, readings: &[Reading]) -> Batch {
    let first = [0, 4, 5][device.0 as usize];
    let sample = |(position, reading): (usize, &Reading)| Sample {
        point: PointId(first + u32::try_from(position).unwrap()),
        reading: reading.clone(),
    };
    Batch {
        device,
        at: second(seconds),
        order: 0,
        samples: readings.iter().enumerate().map(sample).collect(),
    }
}

pub(crate) fn number(number: f64) -> Reading {
    Reading::Good(Value::Number(number))
}

pub(crate) fn state(on: bool) -> Reading {
    Reading::Good(Value::Bool(on))
}

pub(crate) const SILENCE: Reading = Reading::Missing(Missing::NoAnswer);
pub(crate) const NO_VALUE: Reading = Reading::Missing(Missing::NoValue);

/// A pump whose every point is good, at a pressure.
pub(crate) fn pump_at(pressure: f64) -> Vec<Reading> {
    vec![
        number(pressure),
        number(1.0),
        state(false),
        Reading::Good(Value::Text("auto".into())),
    ]
}

/// What was said of the first rule, in few words.
pub(crate) fn verdicts(judgements: &[Judgement]) -> Vec<&'static str> {
    judgements
        .iter()
        .filter(|judgement| judgement.rule == RuleIndex(0))
        .map(|judgement| match judgement.verdict {
            Verdict::Holds => "holds",
            Verdict::Clear => "clear",
            Verdict::Unknown => "unknown",
            Verdict::Broken(_) => "broken",
        })
        .collect()
}
