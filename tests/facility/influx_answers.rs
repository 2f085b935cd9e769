//! A database answers as InfluxDB's documentation says that it does: what is then told, waited for, kept and set aside.

use std::time::Duration;

use serde_json::Value;
use tests::{Answers, Gateway, Scene, so, until_ok};

const SOON: Duration = Duration::from_secs(30);
const DEVICE: &str = "fire-main-1";

#[test]
fn each_documented_refusal_is_told_or_waited_for_and_nothing_that_was_counted_is_lost() {
    let answers = Answers::start();
    let scene = Scene::new();
    let mut site = scene.draft();
    let influxdb = format!(
        "url = \"http://{}\"\nversion = 2\norg = \"property\"\nbucket = \"facility\"\ntoken = \"0123\"",
        answers.address()
    );
    site.table("influxdb", &influxdb)
        .connection("pump_room", &scene.modbus_url(), "100ms", "2s");
    site.device(DEVICE, "fire-main", "pump_room", "1")
        .write(&scene.site());
    let mut simulator = scene.simulate();
    let mut gateway = scene.run();
    until_ok("something to be written", SOON, || {
        so(!answers.taken().is_empty(), || "nothing yet".to_owned())
    });
    let first = answers.written().remove(0).head;
    for part in [
        "post /api/v2/write?",
        "org=property",
        "bucket=facility",
        "precision=ns",
    ] {
        assert!(first.contains(part), "{first}");
    }
    assert!(
        first.contains("content-encoding: gzip") && first.contains("authorization: token 0123"),
        "{first}"
    );

    for (name, said) in [
        ("401", "unauthorized access"),
        ("400-organization", "organization not found"),
    ] {
        answers.give(Answers::recorded(name));
        until_ok("the alarm to say why", SOON, || {
            let alarm = denied(&gateway);
            let told = alarm["condition"] == "active" && alarm["summary"]["en"].to_string().contains(said);
            so(told, || format!("{name}: {alarm:#}"))
        });
        answers.give(Answers::recorded("204"));
        until_ok("the alarm to be over", SOON, || {
            let alarm = denied(&gateway);
            so(alarm["condition"] != "active", || format!("{name}: {alarm:#}"))
        });
    }

    is_left_alone_for_as_long_as_it_asks(&answers, &gateway, "429", 2);
    answers.give(Answers::recorded("204"));
    until_ok("the database to be written to", SOON, || state_is(&gateway, "ok"));
    is_left_alone_for_as_long_as_it_asks(&answers, &gateway, "503", 3);

    // What waited while the server was away is too large for it in one request.
    answers.choose(|bytes| Answers::recorded(if bytes > 500 { "413-cloud" } else { "204" }));
    let before = answers.written().len();
    until_ok("a request that was too large", SOON, || {
        let written = answers.written().split_off(before);
        so(written.iter().any(|one| one.status == 413), || {
            format!("{}", written.len())
        })
    });
    until_ok("the database to be written to", SOON, || state_is(&gateway, "ok"));

    simulator.stop();
    let taken = gateway
        .metrics()
        .sum("facility_samples_taken_total", &[("device", DEVICE)]);
    until_ok("everything that was counted to be written", SOON, || {
        let mut lines = answers.taken();
        lines.sort();
        lines.dedup();
        let samples: usize = lines
            .iter()
            .map(|line| line.split(' ').nth(1).map_or(0, fields))
            .sum();
        so(samples as f64 >= taken, || {
            format!("{taken} were counted, {samples} are written")
        })
    });
    assert!(!scene.data().join("refused").exists(), "no line was refused");
    gateway.stop();
}

fn is_left_alone_for_as_long_as_it_asks(answers: &Answers, gateway: &Gateway, name: &str, seconds: u32) {
    let before = answers.written().len();
    answers.give(Answers::recorded(name).replace("Retry-After: 1", &format!("Retry-After: {seconds}")));
    // The first wait is five seconds, since over http it is not seen for how long the server asks.
    let refused = until_ok("three refusals", SOON, || {
        let mut refused = answers.written().split_off(before);
        refused.retain(|one| one.status != 204);
        so(refused.len() >= 3, || format!("{}", refused.len())).map(|()| refused)
    });
    let waited = refused[2].at.duration_since(refused[1].at).as_secs_f64();
    let asked = f64::from(seconds);
    assert!(
        (asked..asked + 1.0).contains(&waited),
        "{name}: {waited} s instead of {asked} s"
    );
    state_is(gateway, "failing").expect("it is told");
    let destination = gateway.get("/api/v1/gateway")["telemetry"]["destinations"][0].clone();
    assert!(destination["error"].to_string().contains(name), "{destination:#}");
    assert_ne!(denied(gateway)["condition"], "active", "that mends itself");
}

/// How many fields a line's middle part has; these have no text.
fn fields(part: &str) -> usize {
    part.split(',').count()
}

fn denied(gateway: &Gateway) -> Value {
    let alarms = gateway.alarms();
    let mine = alarms
        .into_iter()
        .find(|alarm| alarm["rule"] == "telemetry-denied");
    mine.unwrap_or_default()
}

fn state_is(gateway: &Gateway, state: &str) -> Result<(), String> {
    let destination = gateway.get("/api/v1/gateway")["telemetry"]["destinations"][0].clone();
    so(destination["state"] == state, || format!("{destination:#}"))
}
