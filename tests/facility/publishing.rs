//! What the gateway publishes, as a broker that we did not write keeps it: also one that forgot everything.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Dice, Gateway, Mosquitto, Scene, post, so, until_ok};

const SOON: Duration = Duration::from_secs(20);
const STATUS: &str = "facility/test/status";

#[test]
fn devices_alarms_and_tickets_are_kept_by_the_broker_and_go_when_they_are_over() {
    let scene = Scene::new();
    let mosquitto = Mosquitto::start(scene.folder());
    let mut site = scene.draft();
    let mqtt = format!("url = \"{}\"\nhome_assistant = true", mosquitto.url());
    site.table("mqtt", &mqtt)
        .connection("pump_room", &scene.modbus_url(), "500ms", "500ms");
    site.device("fire-main-1", "fire-main", "pump_room", "1")
        .leak_rule("1s")
        .write(&scene.site());
    let simulator = scene.simulate();
    let mut gateway = scene.run();
    gateway.wait_until_good("fire-main-1");
    until_kept(&mosquitto, "a calm device", |kept| {
        let device = json_at(kept, "facility/test/devices/fire-main-1");
        kept.get(STATUS).is_some_and(|status| status == "online")
            && device["problem"] == false
            && device["state"] == "ok"
            && json_at(kept, "facility/test/gateway")["tickets"]["open"] == 0
    });
    let told = mosquitto.retained("homeassistant/#");
    let config = json_at(&told, "homeassistant/binary_sensor/test/fire-main-1_alarm/config");
    assert_eq!(config["state_topic"], "facility/test/devices/fire-main-1");
    assert_eq!(
        told.len(),
        4,
        "one device, and three of the gateway: {:?}",
        told.keys()
    );

    simulator.inject("fire-main-1", "main_leak");
    let alarm = "facility/test/alarms/fire-main-1.fire-water-pressure-low";
    until_kept(&mosquitto, "the alarm and its ticket", |kept| {
        let device = json_at(kept, "facility/test/devices/fire-main-1");
        let ticket = json_at(kept, alarm)["ticket"].as_str().map(ticket_topic);
        json_at(kept, alarm)["state"] == "active_unacked"
            && device["problem"] == true
            && device["severity"] == "critical"
            && ticket.is_some_and(|ticket| json_at(kept, &ticket)["state"] == "open")
            && json_at(kept, "facility/test/gateway")["tickets"]["open"] == 1
    });
    let id = gateway.tickets()[0]["id"].as_str().expect("an id").to_owned();
    let kept = mosquitto.retained("facility/test/#");
    assert_eq!(json_at(&kept, &ticket_topic(&id)), gateway.ticket(&id));
    assert_eq!(json_at(&kept, alarm), gateway.alarms()[0]);

    simulator.clear("fire-main-1", "main_leak");
    until_kept(&mosquitto, "the alarm to have returned", |kept| {
        json_at(kept, alarm)["state"] == "returned_unacked"
    });
    gateway.act(&id, "accept", json!({})).expect_status(200);
    until_kept(&mosquitto, "the alarm to be gone", |kept| {
        !kept.contains_key(alarm) && json_at(kept, &ticket_topic(&id))["state"] == "accepted"
    });
    gateway
        .act(&id, "resolve", json!({ "note": "换了密封圈" }))
        .expect_status(200);
    gateway.act(&id, "close", json!({})).expect_status(200);
    until_kept(&mosquitto, "the ticket to be gone", |kept| {
        !kept.contains_key(&ticket_topic(&id))
            && json_at(kept, "facility/test/devices/fire-main-1")["problem"] == false
    });

    gateway.kill();
    until_kept(&mosquitto, "the last will", |kept| {
        kept.get(STATUS).is_some_and(|status| status == "offline")
    });
    let mut gateway = scene.run();
    until_kept(&mosquitto, "the gateway to be back", |kept| {
        kept.get(STATUS).is_some_and(|status| status == "online")
    });
    gateway.stop();
    until_kept(&mosquitto, "its last words", |kept| {
        kept.get(STATUS).is_some_and(|status| status == "offline")
    });
}

/// A frozen broker takes what is sent and acknowledges nothing; killed, it comes back with neither session nor messages. A client's
/// own queue is empty then.
#[test]
fn a_broker_that_lost_its_session_and_its_messages_costs_none() {
    let scene = Scene::new();
    let mut mosquitto = Mosquitto::start(scene.folder());
    let mut site = scene.draft();
    site.table("mqtt", &format!("url = \"{}\"", mosquitto.url()))
        .write(&scene.site());
    let mut gateway = scene.run();
    let mut expected = report(&gateway, 5);
    until_all_are_kept(&mosquitto, &expected);
    until_noted(&gateway);

    mosquitto.freeze();
    expected.extend(report(&gateway, 40));
    let waiting = || gateway.metrics().sum("facility_publications_waiting", &[]);
    until_ok("messages to be on their way", SOON, || {
        so(waiting() >= 40.0, || format!("{} wait", waiting()))
    });
    mosquitto.kill_and_forget();
    mosquitto.come_back();
    until_all_are_kept(&mosquitto, &expected);
    until_noted(&gateway);
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("facility_publisher_reconnects_total", &[]), 1.0);
    let shown = gateway.get("/api/v1/gateway")["mqtt"].clone();
    assert_eq!((&shown["state"], &shown["waiting"]), (&json!("up"), &json!(0)));

    // What is reported while the broker is away outlives a gateway that is killed.
    mosquitto.go_away();
    expected.extend(report(&gateway, 10));
    gateway.kill();
    mosquitto.come_back();
    let mut gateway = scene.run();
    until_all_are_kept(&mosquitto, &expected);
    gateway.stop();
}

/// Neither a ticket that the broker has not heard of, nor one that it keeps though it is over.
#[test]
fn after_kills_the_broker_keeps_exactly_what_is_open() {
    let mut dice = Dice::seeded(8_883);
    let scene = Scene::new();
    let mosquitto = Mosquitto::start(scene.folder());
    let mut site = scene.draft();
    site.table("mqtt", &format!("url = \"{}\"", mosquitto.url()))
        .write(&scene.site());
    let mut gateway = scene.run();
    for _ in 0..4 {
        report(&gateway, 8);
        let tickets = gateway.tickets();
        let open = tickets.iter().filter(|ticket| ticket["state"] == "open");
        for ticket in open.step_by(3) {
            let id = ticket["id"].as_str().expect("an id");
            gateway
                .act(id, "cancel", json!({ "reason": "误报" }))
                .expect_status(200);
        }
        sleep(dice.between(Duration::ZERO, Duration::from_millis(120)));
        gateway.kill();
        gateway = scene.run();
    }
    let tickets = gateway.tickets();
    let open: BTreeMap<_, _> = tickets
        .iter()
        .filter(|ticket| ticket["state"] == "open")
        .map(|ticket| {
            (
                ticket_topic(ticket["id"].as_str().expect("an id")),
                ticket.clone(),
            )
        })
        .collect();
    assert!(open.len() < tickets.len() && open.len() > 10, "{}", open.len());
    until_ok("the open tickets, and no other", SOON, || {
        let kept: BTreeMap<_, _> = mosquitto
            .retained("facility/test/tickets/#")
            .into_iter()
            .map(|(topic, text)| (topic, serde_json::from_str::<Value>(&text).expect("JSON")))
            .collect();
        so(kept == open, || {
            format!("{:?} instead of {:?}", kept.keys(), open.keys())
        })
    });
    println!(
        "{} tickets are kept, {} are not",
        open.len(),
        tickets.len() - open.len()
    );
    gateway.stop();
}

#[test]
fn what_the_site_no_longer_has_is_taken_away_at_the_broker() {
    let scene = Scene::new();
    let mosquitto = Mosquitto::start(scene.folder());
    let publishing = |more: &str| {
        let mut site = scene.draft();
        site.table("mqtt", &format!("url = \"{}\"\n{more}", mosquitto.url()));
        site
    };
    publishing("home_assistant = \"ha\"")
        .connection("pump_room", &scene.modbus_url(), "1s", "100ms")
        .device("fire-main-1", "fire-main", "pump_room", "1")
        .write(&scene.site());
    let mut gateway = scene.run();
    until_kept(&mosquitto, "the device", |kept| {
        json_at(kept, "facility/test/devices/fire-main-1")["problem"] == Value::Null
            && kept.contains_key("facility/test/devices/fire-main-1")
    });
    until_ok("Home Assistant to be told", SOON, || {
        let told = mosquitto.retained("ha/#");
        so(told.len() == 4, || format!("{:?}", told.keys()))
    });
    gateway.stop();

    publishing("prefix = \"plant/one\"").write(&scene.site());
    let mut gateway = scene.run();
    until_ok("only what there is now", SOON, || {
        let kept = mosquitto.retained("#");
        let topics: Vec<_> = kept.keys().map(String::as_str).collect();
        so(topics == ["plant/one/gateway", "plant/one/status"], || {
            format!("{topics:?}")
        })
    });
    gateway.stop();
}

/// Mosquitto 2.0.11 closes the connection over a topic that it forbids, so that a message behind it would wait for ever.
#[test]
fn a_topic_that_the_broker_forbids_holds_up_no_other() {
    let scene = Scene::new();
    let list = "topic readwrite facility/test/status\ntopic readwrite facility/test/tickets/#\n";
    let mosquitto = Mosquitto::start_with_access(scene.folder(), Some(list));
    let mut site = scene.draft();
    site.table("mqtt", &format!("url = \"{}\"", mosquitto.url()))
        .write(&scene.site());
    let mut gateway = scene.run();
    let expected = report(&gateway, 5);
    until_all_are_kept(&mosquitto, &expected);
    let kept = mosquitto.retained("facility/test/#");
    assert_eq!(kept.len(), 6, "the gateway's own page is forbidden: {kept:#?}");
    let shown = gateway.get("/api/v1/gateway")["mqtt"].clone();
    assert!(shown["waiting"].as_u64() > Some(0), "{shown:#}");
    gateway.stop();
}

fn ticket_topic(id: &str) -> String {
    format!("facility/test/tickets/{id}")
}

fn json_at(kept: &BTreeMap<String, String>, topic: &str) -> Value {
    kept.get(topic).map_or(Value::Null, |text| {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{topic}: {error}: {text}"))
    })
}

/// Reports so many faults; the topics of their tickets.
#[track_caller]
fn report(gateway: &Gateway, count: usize) -> Vec<String> {
    let url = format!("{}/api/v1/tickets", gateway.url());
    let reported = |number: usize| {
        let body = json!({"standard": "repair-report", "summary": format!("楼道灯不亮 {number}"), "reporter": "李女士", "by": "前台"});
        let ticket = post(&url, &body).expect("an answer").expect_status(201).json();
        ticket_topic(ticket["id"].as_str().expect("an id"))
    };
    (0..count).map(reported).collect()
}

#[track_caller]
fn until_kept(mosquitto: &Mosquitto, what: &str, is_so: impl Fn(&BTreeMap<String, String>) -> bool) {
    until_ok(what, SOON, || {
        let kept = mosquitto.retained("facility/test/#");
        so(is_so(&kept), || format!("{kept:#?}"))
    });
}

#[track_caller]
fn until_all_are_kept(mosquitto: &Mosquitto, topics: &[String]) {
    until_kept(mosquitto, "every ticket to be kept by the broker", |kept| {
        topics.iter().all(|topic| json_at(kept, topic)["state"] == "open")
            && kept.get(STATUS).is_some_and(|status| status == "online")
    });
}

#[track_caller]
fn until_noted(gateway: &Gateway) {
    until_ok("nothing to wait", SOON, || {
        let waiting = gateway.metrics().sum("facility_publications_waiting", &[]);
        so(waiting == 0.0, || format!("{waiting} wait"))
    });
}
