//! What a profile has: its class, its name, what its Modbus side can take, and its points.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::address::{address, skipped};
use super::document::read_document;
use super::environment::Overrides;
use super::names::{check_name, one_of};
use super::places::check_places;
use super::point_toml::{self, ReadPoint};
use super::quantity::duration_within;
use super::table::Table;
use crate::{
    Address, Class, Fault, ModbusLimits, MqttForm, MqttPayload, Profile, SkippedRegisters, TransactionIds,
};

/// The most points of one profile.
const MOST_POINTS: usize = 10_000;

/// Whether a device keeps the transaction ids of requests, as a profile says it.
const TRANSACTION_IDS: [(&str, TransactionIds); 2] = [
    ("strict", TransactionIds::Strict),
    ("ignore", TransactionIds::Ignore),
];

const PAYLOADS: [(&str, MqttPayload); 2] =
    [("json", MqttPayload::Json), ("sparkplug", MqttPayload::Sparkplug)];

/// Reads a profile as far as it is right; it may be used only when there is no fault.
pub(super) fn read(id: &str, file: &str, text: &str) -> (Profile, Vec<Fault>) {
    read_document(file, text, &Overrides::default(), |root| {
        let class = root.parsed("class", |class| {
            check_name(class).map(|()| Class(Arc::from(class)))
        });
        let class = root.needed("class", "the kind of equipment, such as `water_supply`", class);
        let name = root.bilingual("name");
        let name = root.needed("name", "`{ zh = \"…\", en = \"…\" }`", name);
        let modbus = root.table("modbus", modbus);
        let mqtt = root.table("mqtt", mqtt);
        let points = points(root);
        check_places(root, &points, modbus.as_ref());
        Profile {
            id: id.to_owned(),
            class: class.map_or_else(|| Class(Arc::from("unknown")), |given| given.value),
            name: name.map(|given| given.value).unwrap_or_default(),
            modbus: modbus.unwrap_or_default(),
            mqtt: mqtt.unwrap_or_default(),
            points: points.into_iter().map(|read| read.point).collect(),
        }
    })
}

fn modbus(table: &Table<'_>) -> ModbusLimits {
    let default = ModbusLimits::default();
    let most = |key, bound, default| {
        let given = table.whole(key, 1..=bound);
        given
            .and_then(|given| u16::try_from(given.value).ok())
            .unwrap_or(default)
    };
    let transaction_ids = table.parsed("transaction_id", |text| one_of("answer", text, &TRANSACTION_IDS));
    ModbusLimits {
        max_registers: most("max_registers", 125, default.max_registers),
        max_bits: most("max_bits", 2_000, default.max_bits),
        skip: skip(table),
        transaction_ids: transaction_ids.map_or(default.transaction_ids, |given| given.value),
    }
}

fn mqtt(table: &Table<'_>) -> MqttForm {
    let payload = table.parsed("payload", |text| one_of("kind of payload", text, &PAYLOADS));
    let payload = payload.map_or(MqttPayload::default(), |given| given.value);
    let pointer = |key| {
        let given = table.parsed(key, |text| match address(text) {
            Ok(Address::Pointer(pointer)) => Ok(pointer),
            _ => Err("write a JSON pointer, such as `/data`".to_owned()),
        });
        given.map(|given| given.value)
    };
    let (items, time) = (pointer("items"), pointer("time"));
    let stale_after = table.parsed("stale_after", |text| {
        duration_within(text, Duration::from_secs(1), Duration::from_hours(24 * 7))
    });
    if payload == MqttPayload::Sparkplug {
        for key in ["items", "time"] {
            table.fault_if_given(key, "a Sparkplug message says this itself: leave it out");
        }
    }
    MqttForm {
        payload,
        items,
        time,
        stale_after: stale_after.map(|given| given.value),
    }
}

fn skip(table: &Table<'_>) -> Vec<SkippedRegisters> {
    let mut spans = Vec::new();
    for item in table.array("skip").map_or(Vec::new(), |given| given.value) {
        let text = item
            .string()
            .ok_or_else(|| "write texts such as \"holding:40-47\"".to_owned());
        match text.and_then(|text| skipped(text.value)) {
            Ok(span) => spans.push(span),
            Err(text) => table.fault_of("skip", item.spot, text),
        }
    }
    spans
}

fn points<'site>(root: &Table<'site>) -> Vec<ReadPoint<'site>> {
    let mut points: Vec<ReadPoint<'_>> = root
        .tables("point", point_toml::read)
        .into_iter()
        .flatten()
        .collect();
    root.needed("point", "at least one `[[point]]`", points.first());
    if points.len() > MOST_POINTS {
        let text = format!(
            "this profile has {} points; the most is {MOST_POINTS}",
            points.len()
        );
        root.fault(root.spot(), text);
        points.truncate(MOST_POINTS);
    }
    let mut names = BTreeSet::new();
    for ReadPoint { point, name_spot, .. } in &points {
        if !names.insert(&point.name) {
            let text = format!(
                "there is a point `{}` already: names are unique in a profile",
                point.name
            );
            root.fault(*name_spot, text);
        }
    }
    points
}
