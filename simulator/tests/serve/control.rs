//! What the control API does to its devices.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::{Folder, Site};
use serde_json::Value as Json;
use simulator::{Options, start};
use tokio_modbus::ExceptionCode;
use tokio_modbus::client::Reader;

use crate::stand::{GATEWAY, Stand};

#[tokio::test]
async fn a_leak_is_seen_at_the_next_read_and_ends_when_it_is_cleared() {
    let stand = Stand::start().await;
    let mut client = stand.modbus(1).await;
    assert!(client.read_input_registers(0, 1).await.unwrap().unwrap()[0] > 400);
    let (status, faults) = stand
        .control("POST", "/devices/main-1/faults", r#"{"fault": "main_leak"}"#)
        .await;
    assert_eq!(status, 200);
    let leak = faults["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|fault| fault["fault"] == "main_leak")
        .unwrap();
    assert_eq!(
        (&leak["active"], &leak["class"]),
        (&Json::from(true), &Json::from("fire_water"))
    );
    assert!(leak["summary"]["zh"].is_string() && leak["summary"]["en"].is_string());
    assert_eq!(client.read_input_registers(0, 1).await.unwrap().unwrap(), [50]);
    stand.remove("/devices/main-1/faults/main_leak").await;
    assert!(client.read_input_registers(0, 1).await.unwrap().unwrap()[0] > 400);
    stand.running.stop().await;
}

#[tokio::test]
async fn a_silent_unit_answers_nothing_while_its_neighbour_does() {
    let stand = Stand::start().await;
    let (mut silent, mut neighbour) = (stand.modbus(1).await, stand.modbus(2).await);
    stand
        .control("POST", "/devices/main-1/faults", r#"{"fault": "no_answer"}"#)
        .await;
    let wait = Duration::from_millis(200);
    assert!(
        tokio::time::timeout(wait, silent.read_input_registers(0, 1))
            .await
            .is_err()
    );
    assert!(neighbour.read_coils(0, 1).await.unwrap().is_ok());
    stand
        .control("POST", "/devices/booster-1/faults", r#"{"fault": "garbled"}"#)
        .await;
    assert_eq!(
        neighbour.read_coils(0, 1).await.unwrap(),
        Err(ExceptionCode::ServerDeviceFailure)
    );
    let served = stand.served().await;
    assert!(served.iter().all(|line| line["device"] != "main-1"));
}

#[tokio::test]
async fn a_held_point_stays_where_it_is_until_it_is_released() {
    let stand = Stand::start().await;
    let mut client = stand.modbus(1).await;
    let (status, device) = stand
        .control(
            "POST",
            "/devices/main-1/points",
            r#"{"main_pressure": 0.1, "pump_1_fault": true}"#,
        )
        .await;
    assert_eq!(
        (status, &device["points"]["main_pressure"]["held"]),
        (200, &Json::from(true))
    );
    assert_eq!(client.read_input_registers(0, 1).await.unwrap().unwrap(), [100]);
    assert_eq!(client.read_discrete_inputs(1, 1).await.unwrap().unwrap(), [true]);
    stand.remove("/devices/main-1/points/main_pressure").await;
    assert!(client.read_input_registers(0, 1).await.unwrap().unwrap()[0] > 400);
    stand.running.stop().await;
}

#[tokio::test]
async fn a_refusal_of_the_control_api_names_what_is_known() {
    let stand = Stand::start().await;
    let cases = [
        (
            "POST",
            "/devices/nobody/faults",
            r#"{"fault": "no_answer"}"#,
            404,
            "main-1",
        ),
        (
            "POST",
            "/devices/main-1/faults",
            r#"{"fault": "plague"}"#,
            422,
            "main_leak",
        ),
        ("DELETE", "/devices/main-1/faults/plague", "", 404, "main_leak"),
        (
            "POST",
            "/devices/main-1/faults",
            r#"{"failure": "no_answer"}"#,
            422,
            "fault",
        ),
        ("POST", "/devices/main-1/faults", "no_answer", 400, "not JSON"),
        (
            "POST",
            "/devices/main-1/points",
            r#"{"pressure": 1}"#,
            422,
            "main_pressure",
        ),
        (
            "POST",
            "/devices/main-1/points",
            r#"{"main_pressure": "low"}"#,
            422,
            "a number",
        ),
        (
            "DELETE",
            "/devices/main-1/points/pressure",
            "",
            404,
            "main_pressure",
        ),
        ("GET", "/", "", 404, "/faults"),
        ("PUT", "/faults", "", 405, "method"),
    ];
    for (method, path, body, status, named) in cases {
        let (answered, problem) = stand.control(method, path, body).await;
        assert_eq!(answered, status, "{method} {path} {body}");
        assert_eq!(problem["status"], status);
        assert!(
            problem["detail"].as_str().unwrap().contains(named),
            "{problem} does not say {named:?}"
        );
    }
    stand.running.stop().await;
}

#[tokio::test]
async fn every_device_can_fall_silent_and_every_fire_main_can_leak() {
    let stand = Stand::start().await;
    let (_, faults) = stand.control("GET", "/faults", "").await;
    let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for fault in faults["items"].as_array().unwrap() {
        of.entry(fault["device"].as_str().unwrap())
            .or_default()
            .push(fault["fault"].as_str().unwrap());
    }
    assert_eq!(of.len(), 3);
    assert!(of.values().all(|faults| faults.contains(&"no_answer")));
    assert!(
        ["main-1", "riser-1"]
            .iter()
            .all(|device| of[device].contains(&"main_leak"))
    );
    assert!(!of["booster-1"].contains(&"main_leak"));
    let (_, devices) = stand.control("GET", "/devices", "").await;
    assert_eq!(devices["items"].as_array().unwrap().len(), 3);
    stand.running.stop().await;
}

#[tokio::test]
async fn the_control_api_stays_on_this_machine() {
    let site = model::load(
        &Folder::of_texts([("gateway.toml", GATEWAY), ("devices.csv", "")]),
        [],
    )
    .site;
    let options = Options {
        control: Some(SocketAddr::from(([0, 0, 0, 0], 0))),
        local: None,
        served: None,
    };
    let site = Site {
        connections: model::Dense::default(),
        ..site
    };
    assert!(
        start(Folder::default(), Arc::new(site), options)
            .await
            .unwrap_err()
            .to_string()
            .contains("loopback")
    );
}
