//! What simulated devices show, by day and by night, sound and faulty: over the demo site and profiles of a site's own.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::{SignedDuration, ToSpan};
use model::{Device, Folder, Point, Reading, Site, Value};

use crate::device::Simulated;
use crate::fault;

/// What the shipped rules would find wrong: a point's lowest and highest value of normal operation.
const NORMAL: [(&str, f64, f64); 24] = [
    ("main_pressure", 0.3, 0.9),
    ("end_pressure", 0.16, 0.9),
    ("jockey_starts_last_hour", 0.0, 11.0),
    ("tank_level", 30.0, 94.5),
    ("battery_charge", 50.0, 100.0),
    ("turbidity", 0.0, 0.8),
    ("residual_chlorine", 0.2, 1.0),
    ("ph", 6.8, 8.2),
    ("level", 0.05, 1.6),
    ("methane", 0.0, 10.0),
    ("voltage_l1", 200.0, 234.0),
    ("voltage_l2", 200.0, 234.0),
    ("voltage_l3", 200.0, 234.0),
    ("power_factor", 0.0, 0.99),
    ("busbar_temperature_l1", 5.0, 75.0),
    ("busbar_temperature_l3", 5.0, 75.0),
    ("residual_current", 0.0, 200.0),
    ("winding_temperature_c", 20.0, 100.0),
    ("load_percent", 0.0, 90.0),
    ("leakage_current", 0.0, 15.0),
    ("machine_room_temperature", 10.0, 36.0),
    ("cabinet_temperature", 5.0, 38.0),
    ("earth_resistance", 0.1, 3.0),
    ("fault_code", 0.0, 0.0),
];

/// States that would open a ticket.
const HEALTHY: [(&str, bool); 18] = [
    ("passengers_trapped", false),
    ("pump_1_fault", false),
    ("pump_2_running", false),
    ("jockey_fault", false),
    ("auto_mode", true),
    ("outlet_valve_open", true),
    ("main_supply_present", true),
    ("room_flooded", false),
    ("level_high", false),
    ("cover_open", false),
    ("breaker_tripped", false),
    ("fan_fault", false),
    ("mains_present", true),
    ("ups_fault", false),
    ("link_up", true),
    ("spd_healthy", true),
    ("earth_connected", true),
    ("overflow", false),
];

fn morning() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn demo() -> Site {
    model::load(&Folder::demo(), []).site
}

/// One device of each profile of the demo site.
fn one_each(site: &Site) -> Vec<&Device> {
    let mut devices: Vec<&Device> = site.devices.values().collect();
    devices.sort_by(|left, right| left.profile.id.cmp(&right.profile.id));
    devices.dedup_by(|left, right| Arc::ptr_eq(&left.profile, &right.profile));
    devices
}

fn simulated(site: &Site, device: &Device) -> Simulated {
    Simulated::new(device, site.timezone.clone(), morning())
}

fn reading(point: &Point, value: &Value) -> Reading {
    match value {
        Value::Number(_) if point.data_type.is_bool() => Reading::Good(value.clone()),
        Value::Number(number) => point.reading_of_number((number - point.offset) / point.scale.factor()),
        other => Reading::Good(other.clone()),
    }
}

#[test]
fn through_a_whole_day_nothing_in_the_demo_site_looks_like_a_fault() {
    let site = demo();
    assert!(one_each(&site).len() >= 15);
    for device in one_each(&site) {
        let mut simulated = simulated(&site, device);
        for minute in (0..1440).step_by(4) {
            let shown = simulated.show(&device.profile, morning() + minute.minutes());
            for (point, value) in device.profile.points.iter().zip(&shown) {
                let told = format!("{} {} is {value:?} at minute {minute}", device.id, point.name);
                assert!(reading(point, value).is_good(), "{told}");
                for (name, low, high) in NORMAL.iter().filter(|normal| normal.0 == point.name) {
                    assert!(
                        (*low..=*high).contains(&value.as_number().unwrap()),
                        "{told}, beyond normal {name}"
                    );
                }
                let fire_only =
                    point.name != "pump_2_running" || device.profile.class.as_str() == "fire_water";
                for (_, healthy) in HEALTHY
                    .iter()
                    .filter(|healthy| healthy.0 == point.name && fire_only)
                {
                    assert_eq!(*value, Value::Bool(*healthy), "{told}");
                }
            }
        }
    }
}

#[test]
fn every_fault_shows_and_what_it_shows_is_still_plausible() {
    let site = demo();
    for device in one_each(&site) {
        for kind in fault::faults_of(&device.profile) {
            if [fault::NO_ANSWER, fault::GARBLED].contains(&kind.name) {
                continue;
            }
            let (mut normal, mut faulty) = (simulated(&site, device), simulated(&site, device));
            faulty.inject(&device.profile, kind, morning());
            let at = morning() + 90.seconds();
            let (normal, faulty) = (normal.show(&device.profile, at), faulty.show(&device.profile, at));
            assert_ne!(normal, faulty, "{} of {} shows nothing", kind.name, device.id);
            let doubtful: Vec<_> = device
                .profile
                .points
                .iter()
                .zip(&faulty)
                .filter(|(p, v)| !reading(p, v).is_good())
                .collect();
            assert_eq!(
                doubtful.len(),
                usize::from(kind.name == fault::OUT_OF_RANGE),
                "{}: {doubtful:?}",
                kind.name
            );
        }
    }
}

#[test]
fn a_leak_takes_the_pressure_at_once_and_nothing_else() {
    let site = demo();
    for device in one_each(&site)
        .into_iter()
        .filter(|device| device.profile.class.as_str() == "fire_water")
    {
        let profile = &device.profile;
        let leak = fault::faults_of(profile)
            .find(|fault| fault.name == "main_leak")
            .unwrap();
        let (mut sound, mut leaking) = (simulated(&site, device), simulated(&site, device));
        leaking.inject(profile, leak, morning());
        let (at, _) = profile.point("main_pressure").unwrap();
        for second in 0..120 {
            let now = morning() + SignedDuration::from_secs(second);
            let mut expected = sound.show(profile, now);
            expected[at] = Value::Number(0.05);
            assert_eq!(leaking.show(profile, now), expected);
        }
        leaking.clear("main_leak");
        assert_eq!(
            leaking.show(profile, morning() + 130.seconds()),
            sound.show(profile, morning() + 130.seconds())
        );
    }
}

#[test]
fn a_stuck_sensor_keeps_its_value_while_the_others_move() {
    let site = demo();
    let (_, device) = site.device_by_id("cabinet-01").unwrap();
    let mut cabinet = simulated(&site, device);
    let stuck = fault::faults_of(&device.profile)
        .find(|fault| fault.name == fault::SENSOR_STUCK)
        .unwrap();
    let before = cabinet.show(&device.profile, morning());
    cabinet.inject(&device.profile, stuck, morning());
    let after = cabinet.show(&device.profile, morning() + 60.seconds());
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
}

#[test]
fn a_device_that_nobody_read_for_a_day_and_a_clock_that_was_set_back_do_no_harm() {
    let site = demo();
    for device in one_each(&site) {
        let mut simulated = simulated(&site, device);
        for now in [morning() + 24.hours(), morning(), morning() + 24.hours()] {
            for (point, value) in device
                .profile
                .points
                .iter()
                .zip(simulated.show(&device.profile, now))
            {
                assert!(
                    reading(point, &value).is_good(),
                    "{} {} is {value:?}",
                    device.id,
                    point.name
                );
            }
        }
    }
}

/// A device of the site's own profile, in the texts of its two files.
fn own(profile: &str) -> Site {
    let gateway = "site = { id = \"own\", name = \"own\", timezone = \"UTC\" }\n\
                   [connections.line]\nurl = \"modbus+tcp://127.0.0.1:1\"\n";
    let devices = "id,name,profile,connection,unit,building,location,interval,in_service\nown-1,own,own,line,1,,,,true\n";
    let files = [
        ("gateway.toml", gateway),
        ("devices.csv", devices),
        ("profiles/own.toml", profile),
    ];
    let loading = model::load(&Folder::of_texts(files), []);
    assert_eq!(loading.faults, []);
    loading.site
}

#[test]
fn a_class_and_points_that_no_model_knows_are_served_with_plausible_values_of_every_type() {
    let mut profile = String::from("class = \"greenhouse\"\nname = { zh = \"温室\", en = \"Greenhouse\" }\n");
    let types = [
        "u16",
        "i16",
        "u32",
        "i32",
        "u64",
        "i64",
        "f32",
        "f64",
        "bcd",
        "string(8)",
        "bit(3)",
        "bool",
    ];
    for (at, data_type) in types.iter().enumerate() {
        let address = at * 4;
        profile += &format!(
            "[[point]]\nname = \"thing_{at}\"\ntitle = {{ zh = \"物\", en = \"Thing\" }}\nunit = \"\"\n\
             address = \"holding:{address}\"\ntype = \"{data_type}\"\n"
        );
        if (2..8).contains(&at) {
            profile += "order = \"DCBA\"\n";
        }
        if at < 9 {
            profile += "range = [10, 5000]\n";
        }
    }
    let site = own(&profile);
    let (_, device) = site.device_by_id("own-1").unwrap();
    let mut simulated = simulated(&site, device);
    let first = simulated.show(&device.profile, morning());
    let later = simulated.show(&device.profile, morning() + 10.minutes());
    for (point, value) in device.profile.points.iter().zip(&later) {
        assert!(reading(point, value).is_good(), "{} is {value:?}", point.name);
    }
    assert_ne!(first[0], later[0]);
    assert!(matches!(
        (&later[9], &later[10]),
        (Value::Text(_), Value::Bool(_))
    ));
}

#[test]
fn a_fire_main_in_kilopascal_leaks_in_kilopascal() {
    let site = own(
        "class = \"fire_water\"\nname = { zh = \"主管\", en = \"Main\" }\n[[point]]\nname = \"main_pressure\"\n\
         title = { zh = \"压力\", en = \"Pressure\" }\nunit = \"kPa\"\naddress = \"holding:0\"\ntype = \"u16\"\nrange = [0, 1600]\n",
    );
    let (_, device) = site.device_by_id("own-1").unwrap();
    let mut simulated = simulated(&site, device);
    let sound = simulated.show(&device.profile, morning())[0].as_number().unwrap();
    assert!((400.0..520.0).contains(&sound));
    let leak = fault::faults_of(&device.profile)
        .find(|fault| fault.name == "main_leak")
        .unwrap();
    simulated.inject(&device.profile, leak, morning());
    assert_eq!(simulated.show(&device.profile, morning()), [Value::Number(50.0)]);
}
