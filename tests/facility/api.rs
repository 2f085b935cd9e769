//! What people outside rely on over HTTP: addresses, shapes, status codes, and a start that waits for nobody.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Gateway, Scene, get, post, so, until_ok};

#[test]
fn the_gateway_is_ready_although_devices_and_database_are_dead() {
    let scene = Scene::new();
    let mut site = scene.draft();
    site.table(
        "influxdb",
        &format!(
            "url = \"http://{}\"\nversion = 1\nbucket = \"facility\"",
            scene.lease()
        ),
    );
    site.connection("pump_room", &scene.modbus_url(), "500ms", "300ms");
    site.connection("broker", &format!("mqtt://{}", scene.lease()), "1s", "300ms");
    site.device("fire-main-1", "fire-main", "pump_room", "1").device(
        "lamp-1",
        "lamp-controller",
        "broker",
        "l/1",
    );
    site.write(&scene.site());
    let mut gateway = scene.run();
    assert_eq!(
        get(&format!("{}/healthz", gateway.url()))
            .expect("an answer")
            .status,
        200
    );
    until_ok("the silence to be seen", Duration::from_secs(15), || {
        let device = gateway.device("fire-main-1");
        so(device["state"] == "offline", || format!("{device:#}"))
    });
    let pressure = gateway.device("fire-main-1")["points"]["main_pressure"].clone();
    assert_eq!(
        (&pressure["value"], &pressure["quality"]),
        (&Value::Null, &json!("missing")),
        "{pressure:#}"
    );
    gateway.stop();
}

#[test]
fn the_page_the_description_and_the_lists_are_where_they_are_promised() {
    let (scene, mut simulator, mut gateway) = running();
    let page = get(&format!("{}/", gateway.url()))
        .expect("an answer")
        .expect_status(200);
    assert!(
        page.head.contains("text/html") && page.body.contains("<html"),
        "{page:?}"
    );
    let description = gateway.get("/openapi.json");
    assert!(
        description["paths"]["/api/v1/tickets"].is_object(),
        "{description:#}"
    );

    let ids: Vec<_> = gateway
        .items("/api/v1/devices")
        .iter()
        .map(|device| device["id"].clone())
        .collect();
    assert_eq!(
        ids,
        ["fire-main-1", "fire-main-2", "sump-1"],
        "devices come by id"
    );
    assert_eq!(gateway.items("/api/v1/devices?class=drainage").len(), 1);
    let first = gateway.get("/api/v1/devices?limit=2");
    assert_eq!(first["items"].as_array().map(Vec::len), Some(2), "{first:#}");
    let next = first["next"].as_str().expect("there is more");
    let rest = gateway.get(&format!("/api/v1/devices?limit=2&after={next}"));
    assert_eq!(
        (&rest["items"][0]["id"], &rest["next"]),
        (&json!("sump-1"), &Value::Null),
        "{rest:#}"
    );
    let few = gateway.get("/api/v1/devices/fire-main-1");
    for field in [
        "name",
        "class",
        "profile",
        "connection",
        "building",
        "location",
        "state",
        "points",
    ] {
        assert!(!few[field].is_null(), "{field} is absent: {few:#}");
    }
    problem(&gateway, "/api/v1/devices/nobody", 404);
    problem(&gateway, "/api/v1/tickets/nobody", 404);
    simulator.stop();
    gateway.stop();
    drop(scene);
}

#[test]
fn a_trend_is_there_without_any_database() {
    let (_scene, _simulator, mut gateway) = running();
    let path = "/api/v1/devices/fire-main-1/history?point=main_pressure";
    until_ok("some history", Duration::from_secs(20), || {
        let history = gateway.get(path);
        let items = history["items"].as_array().cloned().unwrap_or_default();
        let good = items
            .iter()
            .filter(|item| item["quality"] == "good" && item["value"].is_number())
            .count();
        so(good >= 3, || format!("{history:#}"))
    });
    let history = gateway.get(path);
    assert_eq!(
        (&history["point"], &history["unit"]),
        (&json!("main_pressure"), &json!("MPa")),
        "{history:#}"
    );
    gateway.stop();
}

#[test]
fn a_person_reports_a_fault_and_the_ticket_has_its_clock() {
    let (_scene, _simulator, mut gateway) = running();
    let tickets = format!("{}/api/v1/tickets", gateway.url());
    let report = json!({"standard": "repair-report", "summary": "楼道灯不亮", "reporter": "3-502 李女士", "by": "前台"});
    let opened = post(&tickets, &report)
        .expect("an answer")
        .expect_status(201)
        .json();
    assert_eq!(
        (&opened["origin"], &opened["state"]),
        (&json!("person"), &json!("open")),
        "{opened:#}"
    );
    let clock = &opened["clocks"][0];
    assert_eq!(
        (&clock["clock"], &clock["target"]),
        (&json!("respond"), &json!("4h")),
        "{opened:#}"
    );
    let nobody = json!({"standard": "repair-report", "summary": "楼道灯不亮"});
    post(&tickets, &nobody).expect("an answer").expect_status(422);
    let unknown = json!({"standard": "no-such-row", "summary": "楼道灯不亮", "by": "前台"});
    post(&tickets, &unknown).expect("an answer").expect_status(422);
    let id = opened["id"].as_str().expect("an id");
    let without_by = post(&format!("{tickets}/{id}/accept"), &json!({})).expect("an answer");
    assert_eq!(without_by.status, 422, "{without_by:?}");
    gateway.act(id, "arrive", json!({})).expect_status(200);
    gateway.act(id, "resolve", json!({})).expect_status(200);
    let closed = gateway.act(id, "close", json!({})).expect_status(200).json();
    assert_eq!(closed["state"], "closed", "{closed:#}");
    gateway.act(id, "accept", json!({})).expect_status(409);
    gateway.stop();
}

/// A small facility that has been read once.
fn running() -> (Scene, tests::Simulator, Gateway) {
    let scene = Scene::new();
    let mut site = scene.draft();
    site.connection("pump_room", &scene.modbus_url(), "500ms", "2s");
    site.device("sump-1", "sump-pumps", "pump_room", "3")
        .device("fire-main-2", "fire-main", "pump_room", "2")
        .device("fire-main-1", "fire-main", "pump_room", "1")
        .write(&scene.site());
    let simulator = scene.simulate();
    let gateway = scene.run();
    gateway.wait_until_good("fire-main-1");
    (scene, simulator, gateway)
}

#[track_caller]
fn problem(gateway: &Gateway, path: &str, status: u16) {
    let answer = get(&format!("{}{path}", gateway.url()))
        .expect("an answer")
        .expect_status(status);
    assert!(answer.head.contains("application/problem+json"), "{answer:?}");
    let problem = answer.json();
    assert!(
        problem["title"].is_string() && problem["status"] == status,
        "{problem:#}"
    );
}
