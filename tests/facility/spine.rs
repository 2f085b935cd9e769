//! Telemetry's way from the simulated devices through the gateway into a real database, also while that is away.

use std::thread::sleep;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tests::{
    Gateway, Influx, Keeping, Leeway, Scene, Simulator, SiteDraft, Stored, Victoria, compare, so, until_ok,
};

const AWAY: Duration = Duration::from_secs(8);
const CATCH_UP: Duration = Duration::from_secs(60);
const CLASSES: [&str; 9] = [
    "fire_water",
    "water_supply",
    "drainage",
    "power",
    "lighting",
    "elevator",
    "low_current",
    "lightning",
    "test_bench",
];

/// A profile of the site's own with every number type, all four register tables, and orders, scales and gaps.
const BENCH: &str = r#"class = "test_bench"
name = { zh = "测试台", en = "Test bench" }
point = [
    { name = "plain", title = { zh = "一", en = "Plain" }, unit = "", address = "holding:0", type = "u16", range = [0, 1000] },
    { name = "signed", title = { zh = "二", en = "Signed" }, unit = "°C", address = "holding:1", type = "i16", scale = 0.1, offset = -10.0, range = [-40.0, 60.0] },
    { name = "wide", title = { zh = "三", en = "Wide" }, unit = "kWh", address = "holding:2", type = "u32", scale = 0.01, range = [0.0, 1000000.0] },
    { name = "swapped", title = { zh = "四", en = "Swapped" }, unit = "", address = "holding:4", type = "i32", order = "CDAB", range = [-100000, 100000] },
    { name = "single", title = { zh = "五", en = "Single" }, unit = "A", address = "holding:60", type = "f32", range = [0.0, 400.0] },
    { name = "single_swapped", title = { zh = "六", en = "Single, swapped" }, unit = "A", address = "input:7", type = "f32", order = "BADC", range = [0.0, 400.0] },
    { name = "reversed", title = { zh = "七", en = "Reversed" }, unit = "", address = "input:9", type = "u32", order = "DCBA", range = [0, 3000000] },
    { name = "relay", title = { zh = "八", en = "Relay" }, unit = "", address = "coil:3", type = "bool" },
    { name = "contact", title = { zh = "九", en = "Contact" }, unit = "", address = "discrete:200", type = "bool" },
    { name = "slow", title = { zh = "十", en = "Slow" }, unit = "", address = "input:100", type = "u16", range = [0, 1000], every = 4 },
]
"#;

#[test]
fn every_served_value_is_in_influxdb_although_it_was_away_for_a_while() {
    let scene = Scene::new();
    let mut influx = Influx::start(scene.folder());
    let (mut simulator, mut gateway) = start(&scene, &influx.table());
    sleep(Duration::from_secs(5));
    let gone = Timestamp::now();
    influx.go_away();
    sleep(AWAY);
    let back = Timestamp::now();
    influx.come_back();
    sleep(Duration::from_secs(3));
    simulator.stop();
    let stored = all_is_stored(&simulator, &gateway, || influx.stored(), Keeping::Exact);
    some_is_from(&stored, gone, back);
    assert_eq!(influx.tag_keys("fire_water"), ["building", "device", "site"]);
    gateway.stop();
}

#[test]
fn every_served_value_is_in_influxdb_although_it_was_down_from_the_start() {
    let scene = Scene::new();
    let mut influx = Influx::start(scene.folder());
    influx.go_away();
    let begun = Timestamp::now();
    let (mut simulator, mut gateway) = start(&scene, &influx.table());
    sleep(AWAY);
    let back = Timestamp::now();
    influx.come_back();
    simulator.stop();
    let stored = all_is_stored(&simulator, &gateway, || influx.stored(), Keeping::Exact);
    some_is_from(&stored, begun, back);
    gateway.stop();
}

#[test]
fn every_served_value_is_in_victoriametrics_although_it_was_down_from_the_start_and_away_later() {
    let scene = Scene::new();
    let mut victoria = Victoria::not_started(scene.folder());
    let begun = Timestamp::now();
    let (mut simulator, mut gateway) = start(&scene, &victoria.table());
    sleep(AWAY / 2);
    let back = Timestamp::now();
    victoria.come_back();
    sleep(Duration::from_secs(3));
    let gone_again = Timestamp::now();
    victoria.go_away();
    sleep(AWAY / 2);
    let back_again = Timestamp::now();
    victoria.come_back();
    simulator.stop();
    let stored = all_is_stored(
        &simulator,
        &gateway,
        || victoria.stored(&CLASSES),
        Keeping::TwelveDigits,
    );
    some_is_from(&stored, begun, back);
    some_is_from(&stored, gone_again, back_again);
    gateway.stop();
}

#[test]
fn credentials_that_are_good_no_longer_raise_an_alarm_and_cost_no_sample() {
    let scene = Scene::new();
    let influx = Influx::start(scene.folder());
    let (mut simulator, mut gateway) = start(&scene, &influx.table());
    let alarm = |gateway: &Gateway| {
        let alarms = gateway.alarms();
        let mine = alarms
            .into_iter()
            .find(|alarm| alarm["rule"] == "telemetry-denied");
        mine.unwrap_or_default()
    };
    until_ok("something to be stored", CATCH_UP, || {
        let stored = influx.stored();
        so(!stored.is_empty(), || "nothing yet".to_owned())
    });
    let begun = Timestamp::now();
    influx.change_password();
    until_ok("the alarm", CATCH_UP, || {
        let alarm = alarm(&gateway);
        let told = alarm["condition"] == "active" && alarm["summary"]["en"].to_string().contains("401");
        so(told, || format!("{:#?}", gateway.alarms()))
    });
    sleep(Duration::from_secs(3));
    let mended = Timestamp::now();
    influx.restore_password();
    until_ok("the alarm to be over", CATCH_UP, || {
        let alarm = alarm(&gateway);
        so(alarm["condition"] != "active", || format!("{alarm:#}"))
    });
    simulator.stop();
    let stored = all_is_stored(&simulator, &gateway, || influx.stored(), Keeping::Exact);
    some_is_from(&stored, begun, mended);
    gateway.stop();
}

/// Simulates a small site at free ports, and runs the gateway on what the simulator wrote of it.
fn start(scene: &Scene, influxdb: &str) -> (Simulator, Gateway) {
    site(scene, influxdb).write(&scene.site());
    let moved = scene.folder().join("moved");
    let simulator = Simulator::serve_moved(&scene.site(), &moved, scene.folder());
    let gateway = Gateway::run(&moved, &scene.data(), &scene.address());
    (simulator, gateway)
}

fn site(scene: &Scene, influxdb: &str) -> SiteDraft {
    let mut site = scene.draft();
    site.table("influxdb", influxdb);
    for connection in ["pump_room", "roof", "street"] {
        // The ports are moved; a long timeout keeps a busy machine from hiding what this test is about.
        site.connection(connection, "modbus+tcp://192.0.2.1:502", "500ms", "2s");
    }
    site.device("fire-main-1", "fire-main", "pump_room", "1")
        .device("fire-main-2", "fire-main", "pump_room", "2")
        .device("booster-1", "booster-pump-set", "pump_room", "3")
        .device("sump-1", "sump-pumps", "pump_room", "4")
        .device("elevator-1", "elevator", "roof", "1")
        .device("cabinet-1", "distribution-cabinet", "roof", "2")
        .device("meter-1", "power-meter", "roof", "3")
        .device("lighting-1", "lighting-circuit", "street", "17")
        .device("ups-1", "ups-cabinet", "street", "18")
        .device("spd-1", "spd-monitor", "street", "19")
        .device("bench-1", "bench", "street", "20")
        .file("profiles/bench.toml", BENCH);
    site
}

/// Waits until what is stored is what was served, and returns it.
#[track_caller]
fn all_is_stored(
    simulator: &Simulator,
    gateway: &Gateway,
    read_back: impl Fn() -> Stored,
    keeping: Keeping,
) -> Stored {
    let served = simulator.served();
    let metrics = gateway.metrics();
    let timeouts = |device: &str| metrics.sum("facility_poll_timeouts_total", &[("device", device)]) as usize;
    let leeway = Leeway {
        keeping,
        within: SignedDuration::from_secs(5),
        missed: &timeouts,
    };
    let (stored, agreed) = until_ok("all that was served to be stored, once", CATCH_UP, || {
        let stored = read_back();
        compare(&served, &stored, &leeway).map(|agreed| (stored, agreed))
    });
    println!("{agreed} stored samples are the served ones");
    assert!(agreed > 1_000, "only {agreed} samples were compared");
    assert!(stored.contains_key(&("bench-1".to_owned(), "slow".to_owned())));
    stored
}

/// At 2 polls a second, there must be samples of the time in which the database was away.
#[track_caller]
fn some_is_from(stored: &Stored, from: Timestamp, to: Timestamp) {
    let samples = &stored[&("fire-main-1".to_owned(), "main_pressure".to_owned())];
    let of_that_time = samples.iter().filter(|(at, _)| *at > from && *at < to).count();
    assert!(of_that_time >= 4, "{of_that_time} samples from {from} to {to}");
}
