//! What is told of a `devices.csv`, a `devices.xlsx` and a `roster.csv`.

use super::*;
use crate::{DeviceIndex, PointId, Unit};

const FILE: &str = "devices.csv";

fn line(to: &str, expected: &[&str]) {
    check(FILE, "", to, expected);
}

#[test]
fn devices_are_numbered_in_the_files_order_with_consecutive_points() {
    let site = load(&changed(FILE, "", "pump-2,\"泵,二\",pump,room,2,,,,true\n"), []).site;
    let numbers: Vec<_> = site
        .devices
        .values()
        .map(|device| (device.id.as_str(), device.first_point))
        .collect();
    assert_eq!(
        numbers,
        [
            ("pump-1", PointId(0)),
            ("lamp-1", PointId(1)),
            ("pump-2", PointId(2))
        ]
    );
    let [pump, lamp, second] = [0, 1, 2].map(|number| &site.devices[DeviceIndex(number)]);
    assert_eq!(
        (pump.unit.clone(), lamp.unit.clone()),
        (Unit::Modbus(1), Unit::Topic("yard/lamp/1".to_owned()))
    );
    assert_eq!((pump.interval.as_secs(), lamp.interval.as_secs()), (1, 5));
    assert!(pump.in_service && !lamp.in_service);
    assert_eq!(
        (
            pump.building.as_str(),
            pump.location.as_str(),
            second.name.as_str()
        ),
        ("1号楼", "泵房", "泵,二")
    );
    assert_eq!(second.place, Place::new(FILE, 4, 1));
}

#[test]
fn every_mistake_of_a_line_is_told() {
    line(
        "pump-1,\"a,\",pmp,rooom,1,,,1,yes\n",
        &[
            "devices.csv:4:1: id: line 2 has a device `pump-1` already: ids are unique in a site",
            "devices.csv:4:13: profile: unknown profile `pmp`; did you mean `pump`?",
            "devices.csv:4:17: connection: unknown connection `rooom`; did you mean `room`?",
            "devices.csv:4:27: interval: `1` is not a span of time: write a whole number with ms, s, m or h, such as `500ms` or `1s`",
            "devices.csv:4:29: in_service: `yes` is neither `true` nor `false`",
        ],
    );
    line(
        "Pump 2,,pump,room,,,,,\n",
        &[
            "devices.csv:4:1: id: `Pump 2` can't be a name here: write a small letter first, then small letters, digits, `-` and `_`, at most 100, such as `pump_2`",
            "devices.csv:4:8: name: this must not be empty",
            "devices.csv:4:19: unit: `` is no Modbus unit: write 0 to 255",
            "devices.csv:4:23: in_service: `` is neither `true` nor `false`",
        ],
    );
}

#[test]
fn a_unit_is_a_number_or_a_topic_as_its_connection_says() {
    for (unit, problem) in [("256", "256"), ("-1", "-1"), ("+1", "+1"), ("a/b", "a/b")] {
        let told = format!("devices.csv:4:15: unit: `{problem}` is no Modbus unit: write 0 to 255");
        line(&format!("p,泵,pump,room,{unit},,,,true\n"), &[&told]);
        line(
            &format!("p,泵,pump,rxxm,{unit},,,,true\n"),
            &[
                "devices.csv:4:10: connection: unknown connection `rxxm`; known here: broker, room",
                &told,
            ],
        );
    }
    for topic in ["yard/+/1", "yard/#", "$SYS/uptime"] {
        let told = format!(
            "devices.csv:4:17: unit: `{topic}` is not one device's topic: write one without `+`, `#` and a leading `$`"
        );
        line(&format!("l,灯,lamp,broker,{topic},,,,true\n"), &[&told]);
    }
    line(
        "l,灯,lamp,broker,,,,,true\n",
        &["devices.csv:4:17: unit: write the topic that the device publishes to"],
    );
}

#[test]
fn a_profile_fits_its_connection() {
    line(
        "p,泵,pump,broker,a/b,,,,true\n",
        &[
            "devices.csv:4:5: profile: `pump` has Modbus addresses, and connection `broker` is MQTT: choose another of the two",
        ],
    );
    line(
        "l,灯,lamp,room,1,,,,true\n",
        &[
            "devices.csv:4:5: profile: `lamp` has JSON pointers, and connection `room` is Modbus: choose another of the two",
        ],
    );
}

#[test]
fn a_faulty_connection_or_profile_is_not_told_again_for_each_of_its_devices() {
    let loading = load(
        &changed("gateway.toml", "modbus+tcp://192.168.1.20", "modbus+tcq://h"),
        [],
    );
    assert_eq!(
        told(&loading),
        [
            "gateway.toml:4:7: `connections.room.url`: unknown kind of connection `modbus+tcq`; did you mean `modbus+tcp`?"
        ]
    );
    assert!(loading.site.device_by_id("pump-1").is_none() && loading.site.device_by_id("lamp-1").is_some());

    let loading = load(&changed("profiles/pump.toml", "u16", "u61"), []);
    assert_eq!(
        told(&loading),
        ["profiles/pump.toml:9:8: `point.type`: unknown type `u61`; did you mean `u16`?"]
    );
    assert!(loading.site.device_by_id("pump-1").is_none());
    assert!(loading.site.profiles["pump"].point("pressure").is_some());
}

#[test]
fn a_table_that_is_not_one() {
    check(
        FILE,
        "id,name",
        "id;name",
        &[
            "devices.csv:1:1: the header must be `id,name,profile,connection,unit,building,location,interval,in_service`; here `id;name` stands for `id`; known here: building, connection, id, in_service, interval, location, name, profile, unit",
        ],
    );
    line(
        "pump-2,泵,pump,room\n",
        &[
            "devices.csv:4:1: this line has 4 fields instead of 9: id,name,profile,connection,unit,building,location,interval,in_service",
        ],
    );
    line(
        "pump-2,\"泵,pump,room,1,,,,true\n",
        &[
            "devices.csv:4:8: the quote that opens here is never closed: write another `\"` at the field's end",
        ],
    );
    line(
        "pump-2,\"泵\n二\",pump,room,1,,,,true\n",
        &[
            "devices.csv:4:8: name: a tab, a line's end or another control character stands in this text: leave it out",
        ],
    );
}

#[test]
fn a_file_of_nothing_but_mistakes_is_told_in_bounds() {
    let loading = load(&changed(FILE, "", &"x\n".repeat(2_000)), []);
    assert_eq!(loading.faults.len(), 1_001);
    let last = loading.faults.last().unwrap().to_string();
    assert_eq!(
        last,
        "devices.csv:2004:1: there may be more mistakes in this file: put those before right first"
    );
}

#[test]
fn a_shift_may_go_over_midnight() {
    let mut folder = small_site();
    folder.set_text(
        "roster.csv",
        "person,role,phone,from,to\n张,lead,138,20:00,08:00\n",
    );
    let loading = load(&folder, []);
    assert_eq!(told(&loading), Vec::<String>::new());
    let shift = &loading.site.roster[0];
    assert_eq!(
        (shift.person.as_str(), shift.role.as_str(), shift.phone.as_str()),
        ("张", "lead", "138")
    );
    let covers = |hour| {
        let at = jiff::civil::date(2026, 11, 24).at(hour, 0, 0, 0);
        shift.covers(at, &loading.site.standard.calendar)
    };
    assert!(covers(23) && covers(3) && !covers(12));

    check(
        "roster.csv",
        "",
        "person,role,phone,from,to\n,lead,,8:00,24:00\n",
        &[
            "roster.csv:2:1: person: this must not be empty",
            "roster.csv:2:8: from: `8:00` is no time of day: write `08:00`, or `00:00` for midnight",
            "roster.csv:2:13: to: `24:00` is no time of day: write `08:00`, or `00:00` for midnight",
        ],
    );
}

/// The small site's devices as a workbook, with `to` in the first device's cell of `column`.
fn workbook(column: usize, to: &str) -> Vec<u8> {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.set_name("设备").unwrap();
    for (row, line) in (0..).zip(DEVICES.lines()) {
        for (at, field) in (0..).zip(line.split(',')) {
            let is_changed = row == 1 && usize::from(at) == column;
            sheet.write(row, at, if is_changed { to } else { field }).unwrap();
        }
    }
    workbook.save_to_buffer().unwrap()
}

fn site_with(workbook: &[u8]) -> Folder {
    Folder::of_bytes([
        ("gateway.toml", GATEWAY.as_bytes()),
        ("devices.xlsx", workbook),
        ("profiles/pump.toml", PUMP.as_bytes()),
        ("profiles/lamp.toml", LAMP.as_bytes()),
    ])
}

#[test]
fn devices_kept_as_a_workbook_are_those_of_the_text_file() {
    let by_text = load(&small_site(), []).site;
    let loading = load(&site_with(&workbook(usize::MAX, "")), []);
    assert_eq!(told(&loading), Vec::<String>::new());
    let plain = |site: &Site| -> Vec<_> {
        let without_place = |device: &Device| Device {
            place: Place::default(),
            ..device.clone()
        };
        site.devices.values().map(without_place).collect()
    };
    assert_eq!(
        format!("{:?}", plain(&loading.site)),
        format!("{:?}", plain(&by_text))
    );
}

#[test]
fn a_workbooks_mistake_is_told_at_its_cell() {
    let loading = load(&site_with(&workbook(2, "pmp")), []);
    assert_eq!(
        told(&loading),
        ["devices.xlsx:设备!C2: profile: unknown profile `pmp`; did you mean `pump`?"]
    );
}

#[test]
fn two_lists_of_devices_are_one_too_many() {
    let mut folder = site_with(&workbook(usize::MAX, ""));
    folder.set_text("devices.csv", DEVICES);
    assert_eq!(
        told(&load(&folder, [])),
        ["devices.xlsx:1:1: devices.csv has the site's devices, too: keep one of the two"]
    );
}
