//! MQTT devices behind a real broker: what they say is stored, also what they said while the gateway was away.

use std::thread::sleep;
use std::time::Duration;

use jiff::SignedDuration;
use tests::{
    Dice, Gateway, Influx, Keeping, Leeway, Mosquitto, Scene, all_are_stored, compare, so, until, until_ok,
};

#[test]
fn every_message_through_mosquitto_is_stored_although_the_gateway_was_restarted() {
    let scene = Scene::new();
    let mosquitto = Mosquitto::start(scene.folder());
    let influx = Influx::start(scene.folder());
    let mut site = scene.draft();
    site.table("influxdb", &influx.table())
        .connection("broker", &mosquitto.url(), "500ms", "2s");
    site.device("elevator-1", "elevator-mqtt", "broker", "test/elevator/1")
        .device("elevator-2", "elevator-mqtt", "broker", "test/elevator/2")
        .device("lamp-1", "lamp-controller", "broker", "test/lamp/1")
        .write(&scene.site());
    // The gateway first: a broker keeps messages only for those who have subscribed.
    let mut gateway = scene.run();
    wait_until_subscribed(&gateway);
    let mut simulator = scene.simulate();
    gateway.wait_until_good("elevator-1");
    gateway.wait_until_good("lamp-1");
    gateway.stop();
    sleep(Duration::from_secs(4));
    let mut gateway = scene.run();
    gateway.wait_until_good("elevator-2");
    sleep(Duration::from_secs(2));
    simulator.stop();
    let served = simulator.served();
    let leeway = Leeway {
        keeping: Keeping::Exact,
        within: SignedDuration::from_secs(30),
        missed: &|_| 0,
    };
    let agreed = until_ok(
        "every message to be stored, once",
        Duration::from_secs(30),
        || compare(&served, &influx.stored(), &leeway),
    );
    println!("{agreed} stored samples are the published ones");
    assert!(agreed > 300, "only {agreed} samples were compared");
    gateway.stop();
}

/// A message is acknowledged once it is on disk: what a killed gateway had not kept, the broker sends again.
#[test]
fn every_message_through_mosquitto_is_stored_although_the_gateway_was_killed() {
    let mut dice = Dice::seeded(1_883);
    let scene = Scene::new();
    let mosquitto = Mosquitto::start(scene.folder());
    let mut influx = Influx::start(scene.folder());
    let mut site = scene.draft();
    site.table("influxdb", &influx.table())
        .connection("broker", &mosquitto.url(), "100ms", "2s");
    for number in 1..=4 {
        site.device(
            &format!("lamp-{number}"),
            "lamp-controller",
            "broker",
            &format!("test/lamp/{number}"),
        );
    }
    site.write(&scene.site());
    let mut gateway = scene.run();
    wait_until_subscribed(&gateway);
    let mut simulator = scene.simulate();
    // What was taken lies on the gateway's own disk while the database is away.
    influx.go_away();
    for _ in 0..4 {
        gateway.wait_until_good("lamp-1");
        sleep(dice.between(Duration::from_millis(200), Duration::from_secs(1)));
        gateway.kill();
        gateway = scene.run();
    }
    influx.come_back();
    gateway.wait_until_good("lamp-4");
    simulator.stop();
    let served = simulator.served();
    let found = until_ok("every message to be stored", Duration::from_secs(30), || {
        all_are_stored(&served, &influx.stored(), Keeping::Exact)
    });
    println!("{found} published samples are stored");
    assert!(found > 1_000, "only {found} samples were compared");
    gateway.stop();
}

#[test]
fn a_broker_that_was_away_is_found_again() {
    let scene = Scene::new();
    let mut mosquitto = Mosquitto::start(scene.folder());
    let mut site = scene.draft();
    site.connection("broker", &mosquitto.url(), "500ms", "2s");
    site.device("lamp-1", "lamp-controller", "broker", "test/lamp/1")
        .write(&scene.site());
    mosquitto.go_away();
    let mut gateway = scene.run();
    let _simulator = scene.simulate();
    assert_ne!(
        gateway.device("lamp-1")["state"],
        "ok",
        "nothing has been heard yet"
    );
    mosquitto.come_back();
    gateway.wait_until_good("lamp-1");
    mosquitto.go_away();
    until_ok("the silence to be seen", Duration::from_secs(20), || {
        let lamp = gateway.device("lamp-1");
        so(lamp["state"] == "offline", || format!("{lamp:#}"))
    });
    mosquitto.come_back();
    gateway.wait_until_good("lamp-1");
    gateway.stop();
}

#[track_caller]
fn wait_until_subscribed(gateway: &Gateway) {
    until("the gateway to have subscribed", Duration::from_secs(10), || {
        let up = gateway
            .metrics()
            .sum("facility_connection_up", &[("connection", "broker")]);
        (up > 0.0).then_some(())
    });
}
