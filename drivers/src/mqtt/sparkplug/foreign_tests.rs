//! Messages that an independent implementation wrote (pysparkplug 0.6.1), and what becomes of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{DataType, Link, Missing, MqttPayload, Profile, Reading, Site, Unit, Value};

use super::nodes::{Brought, Nodes, Place};
use crate::test_site::{connection, point_in_json, profile, site};

pub(crate) const NBIRTH: &str = "0880d095ffbc3112120a0562645365711880d095ffbc312004580712220a104e6f64652f54656d7065726174757265\
                      10011880d095ffbc312009650000ac411800";
pub(crate) const DBIRTH: &str = "0880d095ffbc3112250a0f4f75746c65742f5072657373757265100a1880d095ffbc31200a69e17a14ae47e1da3f12\
                      160a0752756e6e696e67100b1880d095ffbc31200b700112180a054472696674100c1880d095ffbc31200350feffffff\
                      0f121a0a055374617465100d1880d095ffbc31200c7a06e6ada3e5b8b812140a054c6576656c100e1880d095ffbc3120\
                      0638011801";
const DDATA: &str =
    "08e8d795ffbc311212100a18e8d795ffbc3169000000000000e03f120f100c18e8d795ffbc3150fdffffff0f1802";
/// Two values from when the node could not send, 60 s and 30 s old, and one of now.
pub(crate) const DDATA_HISTORICAL: &str = "08e8dcd89fd93112250a0f4f75746c65742f507265737375726518a080d59fd931200a280169d7a3703d0ad7d33f12250a\
                                0f4f75746c65742f507265737375726518d0ead69fd931200a2801697b14ae47e17ad43f12230a0f4f75746c65742f5072\
                                6573737572651880d5d89fd931200a69000000000000e03f1802";
const DDEATH: &str = "08d0df95ffbc311803";
const NDEATH: &str = "08b8e795ffbc3112120a0562645365711880d095ffbc3120045807";

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

pub(crate) fn plant() -> Site {
    let points = vec![
        point_in_json("/Outlet/Pressure", DataType::F64),
        point_in_json("/Running", DataType::Bool),
        point_in_json("/Drift", DataType::I32),
        point_in_json("/State", DataType::String(20)),
        point_in_json("/Level", DataType::U16),
        point_in_json("/NotThere", DataType::F64),
    ];
    let sparkplug = |points| {
        let mut profile = Profile::clone(&profile(points));
        profile.mqtt.payload = MqttPayload::Sparkplug;
        Arc::new(profile)
    };
    let node = sparkplug(vec![point_in_json("/Node/Temperature", DataType::F32)]);
    let link = Link::Mqtt {
        host: "b".into(),
        port: 1883,
    };
    let units = [
        (Unit::Topic("spBv1.0/plant/pumps/set-1".into()), sparkplug(points)),
        (Unit::Topic("spBv1.0/plant/pumps".into()), node),
    ];
    site(connection(link), units)
}

fn nodes(site: &Site) -> Nodes<'_> {
    Nodes::new(site.devices.values().enumerate())
}

fn take(nodes: &mut Nodes<'_>, topic: &str, hex: &str, second: u64) -> Brought {
    nodes
        .take(
            &format!("spBv1.0/plant/{topic}"),
            &bytes(hex),
            Duration::from_secs(second),
        )
        .unwrap()
}

fn good(number: f64) -> Reading {
    Reading::Good(Value::Number(number))
}

#[test]
fn a_birth_says_everything_and_data_what_has_changed() {
    let site = plant();
    let mut nodes = nodes(&site);
    let born = take(&mut nodes, "NBIRTH/pumps", NBIRTH, 0);
    assert_eq!(born.devices, [(1, BTreeMap::from([(0, good(21.5))]))]);
    assert_eq!((nodes.is_alive(1), nodes.is_alive(0)), (Some(true), Some(false)));
    let born = take(&mut nodes, "DBIRTH/pumps/set-1", DBIRTH, 1);
    let expected = [
        good(0.42),
        Reading::Good(Value::Bool(true)),
        good(-2.0),
        Reading::Good(Value::Text("正常".into())),
        Reading::Missing(Missing::NoValue),
        Reading::Missing(Missing::Absent),
    ];
    assert_eq!(born.devices, [(0, (0..).zip(expected).collect())]);
    let data = take(&mut nodes, "DDATA/pumps/set-1", DDATA, 2);
    assert_eq!(
        data.devices,
        [(0, BTreeMap::from([(0, good(0.5)), (2, good(-3.0))]))]
    );
    assert_eq!(data.rebirth, None);
}

#[test]
fn values_from_a_time_when_the_node_could_not_send_keep_that_time_and_are_not_taken_for_the_present() {
    let site = plant();
    let mut nodes = nodes(&site);
    take(&mut nodes, "NBIRTH/pumps", NBIRTH, 0);
    take(&mut nodes, "DBIRTH/pumps/set-1", DBIRTH, 0);
    let data = take(&mut nodes, "DDATA/pumps/set-1", DDATA_HISTORICAL, 1);
    assert_eq!(data.devices, [(0, BTreeMap::from([(0, good(0.5))]))]);
    let past = |second: i64, value| {
        let at = Timestamp::from_second(1_707_584_400 - second).unwrap();
        (0, at, BTreeMap::from([(0, good(value))]))
    };
    assert_eq!(data.history, [past(60, 0.31), past(30, 0.32)]);
}

#[test]
fn a_death_is_told_at_once_and_a_nodes_takes_its_devices_with_it() {
    let site = plant();
    let mut nodes = nodes(&site);
    for (topic, hex) in [
        ("NBIRTH/pumps", NBIRTH),
        ("DBIRTH/pumps/set-1", DBIRTH),
        ("DDATA/pumps/set-1", DDATA),
    ] {
        take(&mut nodes, topic, hex, 0);
    }
    let gone = take(&mut nodes, "DDEATH/pumps/set-1", DDEATH, 1);
    let no_answer = Reading::Missing(Missing::NoAnswer);
    assert_eq!(
        gone.devices,
        [(0, (0..6).map(|position| (position, no_answer.clone())).collect())]
    );
    assert_eq!((nodes.is_alive(1), nodes.is_alive(0)), (Some(true), Some(false)));
    let gone = take(&mut nodes, "NDEATH/pumps", NDEATH, 2);
    assert_eq!(gone.devices.len(), 2);
    assert_eq!((nodes.is_alive(1), nodes.is_alive(0)), (Some(false), Some(false)));
}

#[test]
fn data_of_a_node_whose_birth_was_missed_says_nothing_and_asks_for_it_once() {
    let site = plant();
    let mut nodes = nodes(&site);
    let unknown = take(&mut nodes, "DDATA/pumps/set-1", DDATA, 10);
    assert!(unknown.devices.is_empty());
    assert_eq!(unknown.rebirth.as_deref(), Some("spBv1.0/plant/NCMD/pumps"));
    assert_eq!(take(&mut nodes, "DDATA/pumps/set-1", DDATA, 11).rebirth, None);
    assert!(take(&mut nodes, "DDATA/pumps/set-1", DDATA, 16).rebirth.is_some());
}

#[test]
fn a_gap_in_the_sequence_asks_for_a_birth() {
    let site = plant();
    let mut nodes = nodes(&site);
    take(&mut nodes, "NBIRTH/pumps", NBIRTH, 0);
    take(&mut nodes, "DBIRTH/pumps/set-1", DBIRTH, 0);
    assert!(
        take(&mut nodes, "DDEATH/pumps/other", DDEATH, 1)
            .devices
            .is_empty()
    );
    assert!(take(&mut nodes, "DDATA/pumps/set-1", DDATA, 2).rebirth.is_some());
}

#[test]
fn what_is_no_sparkplug_is_malformed_and_a_strangers_message_is_nobodys() {
    let site = plant();
    let mut nodes = nodes(&site);
    let spoiled = take(&mut nodes, "DDATA/pumps/set-1", "0a", 0);
    assert!(
        spoiled.devices[0]
            .1
            .values()
            .all(|reading| *reading == Reading::Missing(Missing::Malformed))
    );
    for topic in [
        "spBv1.0/plant/NCMD/pumps",
        "spBv1.0/other/NDATA/x",
        "spBv1.0/STATE/host",
        "a/b",
    ] {
        assert!(nodes.take(topic, &[], Duration::ZERO).is_none(), "{topic}");
    }
}

#[test]
fn a_place_is_a_group_a_node_and_perhaps_a_device() {
    let place = |text: &str| Place::of(&Unit::Topic(text.into()));
    assert_eq!(place("spBv1.0/g/n/d").unwrap().filter(), "spBv1.0/g/+/n/#");
    assert!(place("spBv1.0/g/n").is_some());
    for wrong in ["spBv1.0/g", "spBv1.0//n", "plant/g/n"] {
        assert_eq!(place(wrong), None, "{wrong}");
    }
}
