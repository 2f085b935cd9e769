//! Sites that are wrong in one thing each, and what is told of them.

mod bundled;
mod devices;
mod environment;
mod gateway;
mod mutations;
mod planned;
mod profiles;
mod publishing;
mod standard;

use super::*;

/// The parts of a small site that is right.
const GATEWAY: &str = r#"site = { id = "yard", name = "小院", timezone = "Asia/Shanghai" }

[connections.room]
url = "modbus+tcp://192.168.1.20"

[connections.broker]
url = "mqtt://192.168.1.10"
"#;

const DEVICES: &str = "id,name,profile,connection,unit,building,location,interval,in_service\n\
                       pump-1,水泵,pump,room,1,1号楼,泵房,,true\n\
                       lamp-1,路灯,lamp,broker,yard/lamp/1,,,5s,false\n";

const PUMP: &str = r#"class = "water_supply"
name = { zh = "水泵", en = "Pump" }

[[point]]
name = "pressure"
title = { zh = "压力", en = "Pressure" }
unit = "MPa"
address = "holding:0"
type = "u16"
scale = 0.001
"#;

const LAMP: &str = r#"class = "lighting"
name = { zh = "路灯", en = "Lamp" }

[[point]]
name = "lit"
title = { zh = "亮灯", en = "Lit" }
address = "/lit"
type = "bool"
"#;

fn small_site() -> Folder {
    Folder::of_texts([
        ("gateway.toml", GATEWAY),
        ("devices.csv", DEVICES),
        ("profiles/pump.toml", PUMP),
        ("profiles/lamp.toml", LAMP),
    ])
}

/// The faults as `check` prints them.
fn told(loading: &Loading) -> Vec<String> {
    loading.faults.iter().map(ToString::to_string).collect()
}

/// The small site with `from` replaced by `to` in one file, or `to` added at the file's end.
fn changed(file: &str, from: &str, to: &str) -> Folder {
    let mut folder = small_site();
    let text = folder.text(file).unwrap_or("").to_owned();
    assert!(text.contains(from), "`{from}` is not in {file}");
    folder.set_text(
        file,
        if from.is_empty() {
            text + to
        } else {
            text.replacen(from, to, 1)
        },
    );
    folder
}

/// Loads the changed small site and compares everything that is told.
fn check(file: &str, from: &str, to: &str, expected: &[&str]) {
    assert_eq!(
        told(&load(&changed(file, from, to), [])),
        expected,
        "{file}: {from} -> {to}"
    );
}

#[test]
fn a_small_site_loads_whole() {
    let loading = load(&small_site(), []);
    assert_eq!(told(&loading), Vec::<String>::new());
    let site = loading.site;
    assert_eq!(
        (site.id.as_str(), site.name.as_str(), site.point_count()),
        ("yard", "小院", 2)
    );
    assert_eq!(site.timezone.iana_name(), Some("Asia/Shanghai"));
    assert_eq!(site.listen.to_string(), "127.0.0.1:8080");
}

#[test]
fn a_site_without_its_two_files_is_told_both() {
    let loading = load(&Folder::default(), []);
    assert_eq!(
        told(&loading),
        [
            "devices.csv:1:1: this file is missing: it has the site's devices, one a line",
            "gateway.toml:1:1: this file is missing: it names the site and its connections",
        ]
    );
}

#[test]
fn a_missing_gateway_file_is_told_once_and_not_for_every_device() {
    let folder = Folder::of_texts([
        ("devices.csv", DEVICES),
        ("profiles/pump.toml", PUMP),
        ("profiles/lamp.toml", LAMP),
    ]);
    assert_eq!(
        told(&load(&folder, [])),
        ["gateway.toml:1:1: this file is missing: it names the site and its connections"]
    );
}

#[test]
fn a_file_in_another_encoding_is_told_by_its_name() {
    let gbk_for_water_pump = b"id,name\np,\xCB\xAE\xB1\xC3\n";
    let folder = Folder::of_bytes([
        ("gateway.toml", GATEWAY.as_bytes()),
        ("devices.csv", &gbk_for_water_pump[..]),
    ]);
    assert_eq!(
        told(&load(&folder, [])),
        [
            "devices.csv:2:3: this file seems to be in GBK, not UTF-8: save it again as UTF-8 (in Excel: \"CSV UTF-8\")"
        ]
    );
}

#[test]
fn a_byte_order_mark_moves_no_column() {
    check(
        "devices.csv",
        DEVICES,
        &format!("\u{FEFF}{}", DEVICES.replace("id,name,", "di,name,")),
        &[
            "devices.csv:1:1: the header must be `id,name,profile,connection,unit,building,location,interval,in_service`; here `di` stands for `id`; did you mean `id`?",
        ],
    );
    let with_mark = format!("\u{FEFF}{GATEWAY}");
    check("gateway.toml", GATEWAY, &with_mark, &[]);
}

#[test]
fn mistakes_in_every_file_are_told_at_once_in_the_order_of_places() {
    let mut folder = changed("gateway.toml", "192.168.1.20\"", "192.168.1.20\"\npuase = \"1s\"");
    folder.set_text("roster.csv", "person,role,phone,from,to\n张,lead,,08:00,25:00\n");
    folder.set_text("planned.toml", "[planned.tanks\n");
    folder.set_text("standard.toml", "[deadlines.fire-water]\narrive = \"3\"\n");
    folder.set_text("profiles/lamp.toml", LAMP.replace("bool", "boul"));
    folder.set_text("rules/own.rhai", "no mistake of the loader's");
    assert_eq!(
        told(&load(&folder, [])),
        [
            "gateway.toml:5:1: unknown key `connections.room.puase`; did you mean `pause`?",
            "planned.toml:1:15: this is not TOML: unclosed table, expected `]`",
            "profiles/lamp.toml:8:8: `point.type`: unknown type `boul`; did you mean `bool`?",
            "roster.csv:2:15: to: `25:00` is no time of day: write `08:00`, or `00:00` for midnight",
            "standard.toml:2:10: `deadlines.fire-water.arrive`: `3` is not a target: write a whole number above zero with s, m, h or wd, such as `30m`",
        ]
    );
}

#[test]
fn own_scripts_and_procedures_come_with_the_site() {
    let mut folder = small_site();
    folder.set_text("rules/pumps.rhai", "// rules");
    folder.set_text("rules/procedures/pumps.md", "# 步骤");
    let site = load(&folder, []).site;
    assert_eq!(
        site.scripts,
        [Script {
            file: "rules/pumps.rhai".to_owned(),
            text: "// rules".to_owned()
        }]
    );
    assert_eq!(site.procedures["pumps.md"], "# 步骤");
}
