//! A clock runs out: the ticket shows it for good, and people are told once for each clock.

use std::time::Duration;

use serde_json::Value;
use tests::{Scene, Webhook, so, until_ok};

#[test]
fn a_clock_that_ran_out_is_missed_and_told_once() {
    let scene = Scene::new();
    let webhook = Webhook::start();
    let mut site = scene.draft();
    site.webhook(webhook.url())
        .connection("pump_room", &scene.modbus_url(), "500ms", "500ms")
        .leak_rule("1s");
    site.file(
        "standard.toml",
        "[deadlines.fire-water]\narrive = \"3s\"\nresolve = \"5s\"\n",
    );
    site.device("fire-main-1", "fire-main", "pump_room", "1")
        .write(&scene.site());
    let simulator = scene.simulate();
    let mut gateway = scene.run();
    gateway.wait_until_good("fire-main-1");

    simulator.inject("fire-main-1", "main_leak");
    let (opened, _) = wait(&webhook, "the ticket", |alert| alert["event"] == "ticket.opened");
    let (late, overdue) = wait(&webhook, "the first clock", |alert| {
        alert["event"] == "ticket.overdue"
    });
    let after = late - opened;
    assert!(
        after > Duration::from_secs(2) && after < Duration::from_secs(5),
        "told {after:?} after the ticket"
    );
    assert_eq!(overdue["clock"], "arrive", "{overdue:#}");
    let id = overdue["ticket"]["id"].as_str().expect("an id").to_owned();
    missed(&gateway.ticket(&id), "arrive", true);
    let (_, second) = wait(&webhook, "the second clock", |alert| alert["clock"] == "resolve");
    assert_eq!(second["event"], "ticket.overdue");
    assert_ne!(second["key"], overdue["key"], "one key a clock");

    gateway.stop();
    let mut gateway = scene.run();
    gateway.wait_until_good("fire-main-1");
    missed(&gateway.ticket(&id), "resolve", true);
    gateway
        .act(&id, "arrive", serde_json::json!({}))
        .expect_status(200);
    until_ok(
        "the clock to be stopped, and still missed",
        Duration::from_secs(5),
        || {
            let ticket = gateway.ticket(&id);
            let stopped = clock(&ticket, "arrive")["stopped_at"].is_string();
            so(stopped, || format!("{ticket:#}"))
        },
    );
    missed(&gateway.ticket(&id), "arrive", false);
    assert_eq!(
        webhook.alerts_of("ticket.overdue").len(),
        2,
        "{:#?}",
        webhook.alerts()
    );
    gateway.stop();
}

#[track_caller]
fn wait(webhook: &Webhook, what: &str, wanted: impl Fn(&Value) -> bool) -> (std::time::Instant, Value) {
    webhook.wait_for(
        &format!("the webhook to hear of {what}"),
        Duration::from_secs(15),
        wanted,
    )
}

#[track_caller]
fn missed(ticket: &Value, name: &str, overdue: bool) {
    let clock = clock(ticket, name);
    assert_eq!(clock["state"], "missed", "{ticket:#}");
    assert_eq!(clock["overdue"], overdue, "{ticket:#}");
}

fn clock(ticket: &Value, name: &str) -> Value {
    let clocks = ticket["clocks"].as_array().expect("clocks");
    clocks
        .iter()
        .find(|clock| clock["clock"] == name)
        .cloned()
        .unwrap_or_default()
}
