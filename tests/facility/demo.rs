//! The demo: one command shows a whole property, and what happens when its fire main breaks.

use std::collections::BTreeSet;
use std::time::Duration;

use tests::{Demo, so, until_ok};

#[test]
fn the_demo_shows_a_whole_property_and_its_broken_fire_main() {
    let mut demo = Demo::start();
    until_ok(
        "every device of the demo to be read",
        Duration::from_secs(60),
        || {
            let devices = demo.items("/api/v1/devices");
            let not_yet: Vec<_> = devices.iter().filter(|device| device["state"] != "ok").collect();
            so(not_yet.is_empty(), || {
                format!("{} are not ok: {not_yet:#?}", not_yet.len())
            })
        },
    );
    let devices = demo.items("/api/v1/devices");
    let points: usize = devices
        .iter()
        .filter_map(|device| Some(device["points"].as_object()?.len()))
        .sum();
    let classes: BTreeSet<_> = devices.iter().map(|device| device["class"].to_string()).collect();
    assert!(
        devices.len() >= 60 && points >= 800,
        "{} devices with {points} points",
        devices.len()
    );
    assert_eq!(classes.len(), 8, "{classes:?}");

    demo.break_fire_main();
    until_ok("the demo to print the alert", Duration::from_secs(15), || {
        let log = demo.log();
        so(log.contains("ticket.opened") && log.contains("0.15 MPa"), || log)
    });
    // In the middle of a month the demo's planned work has tickets, too.
    let mut tickets = demo.items("/api/v1/tickets");
    tickets.retain(|ticket| ticket["origin"] == "rule");
    assert_eq!(tickets.len(), 1, "{tickets:#?}");
    assert_eq!(tickets[0]["standard"], "fire-water", "{tickets:#?}");
    demo.stop();
}

#[test]
fn a_killed_demo_takes_its_parts_with_it_and_obeys_the_environment() {
    let mut demo = Demo::start_with(&[("FACILITY__SITE__NAME", "0123")]);
    let gateway = demo.get("/api/v1/gateway");
    assert_eq!(
        gateway["site"]["name"], "0123",
        "taken as it is written: {gateway:#}"
    );
    demo.kill();
}
