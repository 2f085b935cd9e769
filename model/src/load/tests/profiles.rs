//! What is told of a profile.

use super::*;
use crate::{Address, DataType, Order, Range, RegisterTable, SkippedRegisters, Text, TransactionIds};

const FILE: &str = "profiles/pump.toml";

/// The pump's profile with more keys of its one point.
fn point(keys: &str, expected: &[&str]) {
    check(FILE, "", keys, expected);
}

/// The pump's profile with another point.
fn second_point(address: &str, data_type: &str, expected: &[&str]) {
    let text = format!(
        "[[point]]\nname = \"second\"\ntitle = {{ zh = \"二\", en = \"Second\" }}\naddress = \"{address}\"\ntype = \"{data_type}\"\n"
    );
    check(FILE, "", &text, expected);
}

#[test]
fn a_profile_says_all_that_a_profile_can_say() {
    let mut folder = small_site();
    folder.set_text(
        FILE,
        r#"
class = "water_supply"
name = { zh = "水泵", en = "Pump" }

[modbus]
max_registers = 60
max_bits = 100
skip = ["holding:40-47", "input:9"]
transaction_id = "ignore"

[[point]]
name = "energy"
title = { zh = "电量", en = "Energy" }
unit = "kWh"
address = "holding:10"
type = "f32"
order = "CDAB"
scale = 0.1
offset = -40
range = [-10, 1_000.5]
missing = [-1, 0.5]
every = 10
labels = { -1 = { zh = "停", en = "off" } }
"#,
    );
    let loading = load(&folder, []);
    assert_eq!(told(&loading), Vec::<String>::new());
    let profile = &loading.site.profiles["pump"];
    assert_eq!((profile.modbus.max_registers, profile.modbus.max_bits), (60, 100));
    assert_eq!(profile.modbus.transaction_ids, TransactionIds::Ignore);
    let skipped = |table, first, last| SkippedRegisters { table, first, last };
    assert_eq!(
        profile.modbus.skip,
        [
            skipped(RegisterTable::Holding, 40, 47),
            skipped(RegisterTable::Input, 9, 9)
        ]
    );
    let point = &profile.points[0];
    assert_eq!(
        point.address,
        Address::Register {
            table: RegisterTable::Holding,
            number: 10
        }
    );
    assert_eq!(
        (
            point.data_type,
            point.order,
            point.scale.factor(),
            point.offset,
            point.every
        ),
        (DataType::F32, Order::Cdab, 0.1, -40.0, 10)
    );
    assert_eq!(
        (point.range, point.missing.as_slice()),
        (
            Some(Range {
                low: -10.0,
                high: 1_000.5
            }),
            &[-1.0, 0.5][..]
        )
    );
    assert_eq!(point.labels[&-1], Text::new("停", "off"));
}

#[test]
fn a_profile_of_the_sites_own_replaces_the_bundled_one() {
    let mut folder = small_site();
    folder.set_text("profiles/elevator.toml", PUMP);
    let site = load(&folder, []).site;
    assert_eq!(site.profiles["elevator"].class.as_str(), "water_supply");
}

#[test]
fn a_profiles_head() {
    check(
        FILE,
        "class = \"water_supply\"\n",
        "",
        &["profiles/pump.toml:1:1: `class` is missing: write the kind of equipment, such as `water_supply`"],
    );
    check(
        FILE,
        "water_supply",
        "Water-Supply",
        &[
            "profiles/pump.toml:1:9: `class`: `Water-Supply` can't be a name here: write a small letter first, then small letters, digits and `_`, at most 100, such as `water_supply`",
        ],
    );
    check(
        FILE,
        ", en = \"Pump\"",
        "",
        &["profiles/pump.toml:2:8: `name.en` is missing: write the text in English"],
    );
    check(
        FILE,
        "[[point]]",
        "[modbus]\nmax_registers = 126\nskip = [\"holding:9-1\"]\ntransaction_id = \"lax\"\n\n[[point]]",
        &[
            "profiles/pump.toml:5:17: `modbus.max_registers`: write a whole number from 1 to 125",
            "profiles/pump.toml:6:9: `modbus.skip`: `holding:9-1` ends before it begins: write the smaller number first",
            "profiles/pump.toml:7:18: `modbus.transaction_id`: unknown answer `lax`; known here: ignore, strict",
        ],
    );
    check(
        FILE,
        "[[point]]",
        "[point]",
        &["profiles/pump.toml:4:1: `point`: write each one under its own `[[point]]`"],
    );
    let mut folder = small_site();
    folder.set_text("profiles/Own.toml", PUMP);
    assert_eq!(
        told(&load(&folder, [])),
        [
            "profiles/Own.toml:1:1: the file's name is the profile's id, and `Own` can't be a name here: write a small letter first, then small letters, digits, `-` and `_`, at most 100, such as `own`",
        ]
    );
}

#[test]
fn a_points_keys() {
    check(
        FILE,
        "name = \"pressure\"\n",
        "",
        &[
            "profiles/pump.toml:4:1: `point.name` is missing: write what rules call it, such as `outlet_pressure`",
        ],
    );
    check(
        FILE,
        "\"pressure\"",
        "\"time\"",
        &[
            "profiles/pump.toml:5:8: `point.name`: `time` is what telemetry calls the moment of a reading: choose another name",
        ],
    );
    check(
        FILE,
        "{ zh = \"压力\", en = \"Pressure\" }",
        "\"压力\"",
        &["profiles/pump.toml:6:9: `point.title`: write it in both languages: `{ zh = \"…\", en = \"…\" }`"],
    );
    check(
        FILE,
        "0.001",
        "0",
        &[
            "profiles/pump.toml:10:9: `point.scale`: with 0 every value would be the same: write another number",
        ],
    );
    check(
        FILE,
        "0.001",
        "nan",
        &["profiles/pump.toml:10:9: `point.scale`: write a number"],
    );
    point(
        "range = [2, 1]\n",
        &["profiles/pump.toml:11:9: `point.range`: its low end is above its high end: write [1, 2]"],
    );
    point(
        "range = [2]\n",
        &[
            "profiles/pump.toml:11:9: `point.range`: write two numbers, the lowest and the highest plausible value",
        ],
    );
    point(
        "missing = [65536, \"a\"]\n",
        &[
            "profiles/pump.toml:11:19: `point.missing`: write the raw numbers that mean \"no value\", such as [65535]",
        ],
    );
    point(
        "missing = [65536]\n",
        &["profiles/pump.toml:11:11: `point.missing`: a value of this type is never 65536"],
    );
    point(
        "every = 0\n",
        &["profiles/pump.toml:11:9: `point.every`: write a whole number from 1 to 1000000"],
    );
    point(
        "order = \"CDAB\"\n",
        &["profiles/pump.toml:11:9: `point.order`: only a type over one register has an order: leave it out"],
    );
    point(
        "labels = { on = { zh = \"开\", en = \"on\" }, 1 = \"x\" }\n",
        &[
            "profiles/pump.toml:11:12: `point.labels.on`: a label belongs to a whole number, such as `0`",
            "profiles/pump.toml:11:46: `point.labels.1`: write it in both languages: `{ zh = \"…\", en = \"…\" }`",
        ],
    );
    point(
        "adress = 1\n",
        &["profiles/pump.toml:11:1: unknown key `point.adress`; did you mean `address`?"],
    );
}

#[test]
fn a_sentinel_as_the_sign_has_it() {
    check(
        FILE,
        "u16\"",
        "i16\"\nmissing = [65535]",
        &["profiles/pump.toml:10:11: `point.missing`: a value of this type is never 65535: as i16 it is -1"],
    );
}

#[test]
fn a_state_has_no_scale_and_a_bit_is_a_bool() {
    check(
        FILE,
        "u16\"",
        "bool\"\nrange = [0, 1]",
        &[
            "profiles/pump.toml:10:9: `point.range`: only a number has this: leave it out",
            "profiles/pump.toml:11:9: `point.scale`: only a number has this: leave it out",
        ],
    );
    check(
        FILE,
        "holding",
        "coil",
        &["profiles/pump.toml:9:8: `point.type`: a coil is one bit: write `bool`"],
    );
}

#[test]
fn an_address_in_another_style() {
    check(
        FILE,
        "\"holding:0\"",
        "40001",
        &[
            "profiles/pump.toml:8:11: `point.address`: 40001 is `\"holding:0\"` here: addresses count from zero",
        ],
    );
    check(
        FILE,
        "\"holding:0\"",
        "7",
        &[
            "profiles/pump.toml:8:11: `point.address`: a number alone is no address: write its table, too, such as `\"holding:0\"`",
        ],
    );
    check(
        FILE,
        "holding:0",
        "40001",
        &["profiles/pump.toml:8:11: `point.address`: `40001` is holding:0 here: addresses count from zero"],
    );
    check(
        FILE,
        "holding:0",
        "pressure",
        &[
            "profiles/pump.toml:8:11: `point.address`: `pressure` is no address: write a table and a number from zero, such as `holding:0`, or for MQTT a JSON pointer, such as `/pressure`",
        ],
    );
}

#[test]
fn points_do_not_share_registers_but_for_bits() {
    second_point(
        "holding:0",
        "u16",
        &[
            "profiles/pump.toml:14:11: `second` overlaps `pressure`: two points can't share a register, but for bits",
        ],
    );
    second_point("holding:1", "u32", &[]);
    second_point("input:0", "u16", &[]);
    second_point(
        "holding:65535",
        "u32",
        &["profiles/pump.toml:14:11: `point.address`: the value would reach beyond register 65535"],
    );
    check(
        FILE,
        "holding:0\"\ntype = \"u16\"\nscale = 0.001\n",
        &format!(
            "holding:1\"\ntype = \"f64\"\n{}",
            "[[point]]\nname = \"s\"\ntitle = { zh = \"二\", en = \"S\" }\naddress = \"holding:4\"\ntype = \"u16\"\n"
        ),
        &[
            "profiles/pump.toml:13:11: `s` overlaps `pressure`: two points can't share a register, but for bits",
        ],
    );
    let bits = |one, other| {
        format!(
            "holding:0\"\ntype = \"bit({one})\"\n[[point]]\nname = \"s\"\ntitle = {{ zh = \"二\", en = \"S\" }}\naddress = \"holding:0\"\ntype = \"bit({other})\"\n"
        )
    };
    check(
        FILE,
        "holding:0\"\ntype = \"u16\"\nscale = 0.001\n",
        &bits(0, 1),
        &[],
    );
    check(
        FILE,
        "holding:0\"\ntype = \"u16\"\nscale = 0.001\n",
        &bits(1, 1),
        &[
            "profiles/pump.toml:13:11: `s` overlaps `pressure`: two points can't share a register, but for bits",
        ],
    );
}

#[test]
fn every_point_can_be_read() {
    second_point(
        "/pressure",
        "f64",
        &[
            "profiles/pump.toml:14:11: the points before this one stand in registers: a profile has one kind of address",
        ],
    );
    check(
        FILE,
        "[[point]]",
        "[modbus]\nskip = [\"holding:0-3\"]\n[[point]]",
        &[
            "profiles/pump.toml:10:11: `pressure` stands in holding:0-3, which `modbus.skip` says is never read",
        ],
    );
    check(FILE, "[[point]]", "[modbus]\nmax_registers = 1\n[[point]]", &[]);
    check(
        FILE,
        "u16\"\nscale = 0.001",
        "string(6)\"\n[modbus]\nmax_registers = 2",
        &["profiles/pump.toml:8:11: `pressure` takes more registers than one answer may have here (2)"],
    );
    check(
        FILE,
        "\"pressure\"",
        "\"Pressure\"",
        &[
            "profiles/pump.toml:5:8: `point.name`: `Pressure` can't be a name here: write a small letter first, then small letters, digits and `_`, at most 100, such as `pressure`",
        ],
    );
}

#[test]
fn a_message_has_neither_order_nor_turns() {
    let lamp = |to: &str, expected: &[&str]| check("profiles/lamp.toml", "type = \"bool\"", to, expected);
    lamp(
        "type = \"f64\"\norder = \"ABCD\"\nevery = 2",
        &[
            "profiles/lamp.toml:9:9: `point.order`: JSON has no order of bytes: leave it out",
            "profiles/lamp.toml:10:9: `point.every`: a message has all its points at once: leave it out",
        ],
    );
    lamp(
        "type = \"bit(1)\"",
        &["profiles/lamp.toml:8:8: `point.type`: JSON has no such type: write `f64`, `bool` or `string(n)`"],
    );
    lamp(
        "type = \"bool\"\n[modbus]\nmax_bits = 1",
        &["profiles/lamp.toml:9:1: a profile with JSON pointers has no `[modbus]`: leave it out"],
    );
    lamp(
        "type = \"bool\"\n[[point]]\nname = \"b\"\ntitle = { zh = \"二\", en = \"b\" }\naddress = \"/lit\"\ntype = \"f64\"",
        &["profiles/lamp.toml:12:11: `lit` stands at `/lit` already"],
    );
}

#[test]
fn how_a_message_is_read() {
    const LAMP: &str = "profiles/lamp.toml";
    let form = "[mqtt]\nitems = \"/data\"\ntime = \"/t\"\nstale_after = \"30s\"\n\n[[point]]";
    let loading = load(&changed(LAMP, "[[point]]", form), []);
    assert_eq!(told(&loading), Vec::<String>::new());
    let expected = crate::MqttForm {
        payload: crate::MqttPayload::Json,
        items: Some("/data".into()),
        time: Some("/t".into()),
        stale_after: Some(std::time::Duration::from_secs(30)),
    };
    assert_eq!(loading.site.profiles["lamp"].mqtt, expected);
    check(
        LAMP,
        "[[point]]",
        "[mqtt]\npayload = \"sparkplug\"\ntime = \"/t\"\n\n[[point]]",
        &["profiles/lamp.toml:6:8: `mqtt.time`: a Sparkplug message says this itself: leave it out"],
    );
    check(
        LAMP,
        "[[point]]",
        "[mqtt]\nitems = \"data\"\n\n[[point]]",
        &["profiles/lamp.toml:5:9: `mqtt.items`: write a JSON pointer, such as `/data`"],
    );
}

#[test]
fn a_point_that_is_a_meter_says_what_it_counts() {
    let loading = load(
        &changed(
            "profiles/pump.toml",
            "scale = 0.001\n",
            "scale = 0.1\nmeter = \"water\"\n",
        ),
        [],
    );
    assert_eq!(told(&loading), Vec::<String>::new());
    let meter = |name: &str| loading.site.profiles["pump"].point(name).unwrap().1.meter;
    assert_eq!(meter("pressure"), Some(crate::Metered::Water));
    check(
        "profiles/lamp.toml",
        "type = \"bool\"\n",
        "type = \"bool\"\nmeter = \"light\"\n",
        &["profiles/lamp.toml:9:9: `point.meter`: unknown kind of meter `light`; known here: energy, water"],
    );
}
