//! The disk is full for a while: it is told and counted, nothing else stops, and what was counted as taken is there.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tests::{Gateway, Influx, Scene, SmallDisk, get, so, until_ok};

const SOON: Duration = Duration::from_secs(30);
const DEVICE: &str = "fire-main-1";

#[test]
fn a_full_disk_stops_neither_the_polls_nor_the_page_and_the_ticket_comes_with_the_room() {
    let scene = Scene::new();
    let disk = SmallDisk::mount(&scene.data(), 32);
    let influx = Influx::start(scene.folder());
    let mut site = scene.draft();
    site.table("influxdb", &influx.table())
        .connection("pump_room", &scene.modbus_url(), "500ms", "2s");
    site.device(DEVICE, "fire-main", "pump_room", "1")
        .leak_rule("1s")
        .write(&scene.site());
    let simulator = scene.simulate();
    let begun = Timestamp::now();
    let mut gateway = scene.run();
    gateway.wait_until_good(DEVICE);

    disk.fill();
    until_ok("the failure to be counted", SOON, || {
        let failures = gateway
            .metrics()
            .sum("facility_outbox_commit_failures_total", &[]);
        so(failures > 0.0, || format!("of {:?}", gateway.metrics().names()))
    });
    simulator.inject(DEVICE, "main_leak");
    until_ok("the pressure to be shown as it is now", SOON, || {
        let pressure = gateway.device(DEVICE)["points"]["main_pressure"].clone();
        let fallen = pressure["value"].as_f64().is_some_and(|value| value < 0.15) && is_fresh(&pressure);
        so(fallen, || format!("{pressure:#}"))
    });
    let health = get(&format!("{}/healthz", gateway.url())).expect("an answer");
    assert_eq!(health.status, 200, "{health:?}");
    gateway.process().must_run();

    disk.make_room();
    let before = taken(&gateway);
    until_ok("samples to be taken again", SOON, || {
        let now = taken(&gateway);
        so(now > before, || format!("still {now}"))
    });
    until_ok("the ticket of a fault that came meanwhile", SOON, || {
        let tickets = gateway.tickets();
        so(tickets.len() == 1, || format!("{tickets:#?}"))
    });
    let taken = taken(&gateway);
    until_ok("every counted sample to be in the database", SOON, || {
        let stored = influx.stored();
        let samples = stored
            .iter()
            .filter(|((device, _), _)| device == DEVICE)
            .flat_map(|(_, samples)| samples);
        let found = samples.filter(|(at, _)| *at >= begun).count();
        so(found as f64 >= taken, || {
            format!("{taken} were counted, {found} are stored")
        })
    });
    gateway.stop();
}

/// Power fails while the disk is full: the gateway comes up all the same, reads, and opens the ticket.
#[test]
fn a_gateway_that_is_started_on_a_full_disk_reads_and_opens_tickets() {
    let scene = Scene::new();
    let disk = SmallDisk::mount(&scene.data(), 32);
    let mut site = scene.draft();
    site.connection("pump_room", &scene.modbus_url(), "500ms", "2s");
    site.device(DEVICE, "fire-main", "pump_room", "1")
        .leak_rule("1s")
        .write(&scene.site());
    let simulator = scene.simulate();
    let mut gateway = scene.run();
    gateway.wait_until_good(DEVICE);
    disk.fill();
    gateway.kill();
    let mut gateway = scene.run();
    gateway.wait_until_good(DEVICE);
    simulator.inject(DEVICE, "main_leak");
    until_ok("the ticket", SOON, || {
        let tickets = gateway.tickets_of(DEVICE);
        so(tickets.len() == 1, || format!("{tickets:#?}"))
    });
    gateway.stop();
}

fn taken(gateway: &Gateway) -> f64 {
    gateway
        .metrics()
        .sum("facility_samples_taken_total", &[("device", DEVICE)])
}

/// Whether a point was read within the last seconds.
fn is_fresh(point: &Value) -> bool {
    let at = point["at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    at.is_some_and(|at| Timestamp::now().duration_since(at).as_secs() < 5)
}
