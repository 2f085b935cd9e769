//! The fire main breaks: an alarm, one ticket with its clock, and a word to the technician.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Scene, Webhook, so, until, until_ok};

/// The shipped rule's on-delay.
const DELAY: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_secs(1);

#[test]
fn a_broken_fire_main_becomes_one_ticket_that_waits_for_a_person() {
    let scene = Scene::new();
    let webhook = Webhook::start();
    let mut site = scene.draft();
    site.webhook(webhook.url())
        .connection("pump_room", &scene.modbus_url(), "1s", "500ms");
    site.device("fire-main-1", "fire-main", "pump_room", "1").device(
        "sump-1",
        "sump-pumps",
        "pump_room",
        "2",
    );
    site.write(&scene.site());
    let simulator = scene.simulate();
    let mut gateway = scene.run();
    let events = gateway.events();
    gateway.wait_until_good("fire-main-1");
    assert_eq!(gateway.alarms(), Vec::<Value>::new(), "calm before");

    simulator.inject("fire-main-1", "main_leak");
    let broken = Instant::now();
    let limit = DELAY + POLL + Duration::from_secs(2);
    let (told, alert) = webhook.wait_for("the webhook to be told", limit, |alert| {
        alert["event"] == "ticket.opened"
    });
    let took = told - broken;
    assert!(
        took >= DELAY - Duration::from_millis(50),
        "told after {took:?}, before the rule's delay was over"
    );
    println!("told {took:?} after the fault");

    let ticket = the_only(gateway.tickets(), "ticket");
    let id = ticket["id"].as_str().expect("an id").to_owned();
    assert_eq!(alert["clock"], Value::Null, "{alert:#}");
    assert!(alert["key"].is_string(), "{alert:#}");
    for (field, expected) in [
        ("device", "fire-main-1"),
        ("standard", "fire-water"),
        ("origin", "rule"),
        ("state", "open"),
    ] {
        assert_eq!(ticket[field], expected, "{ticket:#}");
        assert_eq!(alert["ticket"][field], expected, "{alert:#}");
    }
    assert_eq!(alert["ticket"]["id"], ticket["id"]);
    let arrive = clock(&ticket, "arrive");
    assert_eq!(
        (&arrive["target"], &arrive["state"]),
        (&json!("30m"), &json!("running")),
        "{ticket:#}"
    );
    assert_eq!(arrive["overdue"], false, "{ticket:#}");
    let alarm = the_only(gateway.alarms(), "alarm");
    for (field, expected) in [
        ("state", "active_unacked"),
        ("condition", "active"),
        ("severity", "critical"),
    ] {
        assert_eq!(alarm[field], expected, "{alarm:#}");
    }
    assert_eq!(
        (&alarm["ticket"], &ticket["alarm"]),
        (&ticket["id"], &alarm["id"])
    );
    assert!(
        alarm["summary"]["zh"]
            .as_str()
            .is_some_and(|text| text.contains("MPa")),
        "{alarm:#}"
    );
    events.wait_for("ticket", POLL, |event| event["id"] == ticket["id"]);

    let refused = gateway.act(&id, "resolve", json!({})).expect_status(409);
    assert!(refused.head.contains("application/problem+json"), "{refused:?}");

    simulator.clear("fire-main-1", "main_leak");
    until_ok("the alarm to have returned", Duration::from_secs(20), || {
        let alarm = the_only(gateway.alarms(), "alarm");
        let returned = alarm["state"] == "returned_unacked" && alarm["condition"] == "clear";
        so(returned, || format!("{alarm:#}"))
    });
    let accepted = gateway.act(&id, "accept", json!({})).expect_status(200).json();
    assert_eq!(accepted["state"], "accepted", "{accepted:#}");
    assert_eq!(
        gateway.alarms(),
        Vec::<Value>::new(),
        "accepting a ticket acknowledges its alarm"
    );
    events.wait_for("alarm", POLL, |event| {
        event["id"] == alarm["id"] && event["state"] == "normal"
    });
    assert_eq!(
        gateway.ticket(&id)["state"],
        "accepted",
        "the ticket waits for a person"
    );

    let arrived = gateway.act(&id, "arrive", json!({})).expect_status(200).json();
    assert_eq!(clock(&arrived, "arrive")["state"], "met", "{arrived:#}");
    gateway
        .act(&id, "resolve", json!({ "note": "换了密封圈" }))
        .expect_status(200);
    let closed = gateway.act(&id, "close", json!({})).expect_status(200).json();
    assert_eq!(closed["state"], "closed", "{closed:#}");
    the_only(gateway.tickets(), "ticket");
    assert_eq!(
        webhook.alerts_of("ticket.opened").len(),
        1,
        "{:#?}",
        webhook.alerts()
    );
    assert_eq!(gateway.device("sump-1")["state"], "ok");
    gateway.stop();
}

/// What was told and what was done is kept: a restart neither repeats nor forgets it.
#[test]
fn a_ticket_outlives_a_restart_and_nobody_is_told_twice() {
    let scene = Scene::new();
    let webhook = Webhook::start();
    let mut site = scene.draft();
    site.webhook(webhook.url())
        .connection("pump_room", &scene.modbus_url(), "500ms", "500ms")
        .leak_rule("1s");
    site.device("fire-main-1", "fire-main", "pump_room", "1")
        .write(&scene.site());
    let simulator = scene.simulate();
    let mut gateway = scene.run();
    gateway.wait_until_good("fire-main-1");
    webhook.refuse_next(2);
    simulator.inject("fire-main-1", "main_leak");
    until("two refusals", Duration::from_secs(20), || {
        (webhook.refusals_left() == 0).then_some(())
    });
    webhook.wait_for(
        "the alert in spite of two refusals",
        Duration::from_secs(60),
        |_| true,
    );
    let before = the_only(gateway.tickets(), "ticket");
    let id = before["id"].as_str().expect("an id").to_owned();
    gateway.act(&id, "accept", json!({})).expect_status(200);
    gateway.stop();

    let mut gateway = scene.run();
    gateway.wait_until_good("fire-main-1");
    let after = the_only(gateway.tickets(), "ticket");
    assert_eq!(
        (&after["id"], &after["state"]),
        (&before["id"], &json!("accepted"))
    );
    assert_eq!(
        clock(&after, "arrive")["due"],
        clock(&before, "arrive")["due"],
        "{after:#}"
    );
    until_ok(
        "the alarm to be acknowledged as before",
        Duration::from_secs(10),
        || {
            let alarms = gateway.alarms();
            let kept = alarms.len() == 1 && alarms[0]["state"] == "active_acked";
            so(kept, || format!("{alarms:#?}"))
        },
    );
    assert_eq!(webhook.alerts().len(), 1, "{:#?}", webhook.alerts());
    gateway.stop();
}

/// The one item of a list that must have one.
#[track_caller]
fn the_only(mut items: Vec<Value>, what: &str) -> Value {
    assert_eq!(items.len(), 1, "not one {what}: {items:#?}");
    items.remove(0)
}

/// A ticket's clock of that name.
#[track_caller]
fn clock(ticket: &Value, name: &str) -> Value {
    let clocks = ticket["clocks"].as_array().expect("clocks");
    clocks
        .iter()
        .find(|clock| clock["clock"] == name)
        .unwrap_or_else(|| panic!("no clock {name}: {ticket:#}"))
        .clone()
}
