//! The outbox was spoiled while the database was away, and the gateway was killed before it had taken the old one over.

use std::time::Duration;

use jiff::Timestamp;
use tests::{Gateway, Influx, Scene, so, until_ok};

const SOON: Duration = Duration::from_secs(30);
const DEVICE: &str = "fire-main-1";

#[test]
fn what_waited_in_an_outbox_that_was_moved_aside_reaches_the_database_after_the_next_start() {
    let scene = Scene::new();
    let mut influx = Influx::start(scene.folder());
    let mut site = scene.draft();
    site.table("influxdb", &influx.table())
        .connection("pump_room", &scene.modbus_url(), "200ms", "2s");
    site.device(DEVICE, "fire-main", "pump_room", "1")
        .write(&scene.site());
    let _simulator = scene.simulate();
    influx.go_away();
    let begun = Timestamp::now();
    let mut gateway = scene.run();
    until_ok("some samples to wait", SOON, || {
        let taken = taken(&gateway);
        so(taken >= 20.0, || format!("{taken}"))
    });
    let taken = taken(&gateway);
    gateway.kill();
    let killed = Timestamp::now();
    // As a gateway leaves it that is killed when it has just moved a spoiled outbox aside; its log has the old name still.
    let at = |name: &str| scene.data().join(name);
    std::fs::rename(at("outbox.db"), at("outbox.spoiled-1795000000.db")).expect("the outbox");

    let mut gateway = scene.run();
    gateway.wait_until_good(DEVICE);
    influx.come_back();
    until_ok(
        "every sample that had been counted to be in the database",
        SOON,
        || {
            let stored = influx.stored();
            let samples = stored
                .iter()
                .filter(|((device, _), _)| device == DEVICE)
                .flat_map(|(_, samples)| samples);
            let found = samples.filter(|(at, _)| begun <= *at && *at <= killed).count();
            so(found as f64 >= taken, || {
                format!("{taken} were counted, {found} are stored")
            })
        },
    );
    assert!(at("outbox.taken-over-1795000000.db").exists(), "it is done with");
    gateway.stop();
}

fn taken(gateway: &Gateway) -> f64 {
    gateway
        .metrics()
        .sum("facility_samples_taken_total", &[("device", DEVICE)])
}
