//! A small site, served and read by a Modbus client that is not ours, by a subscriber at its broker, and over the control API.

// Clippy takes the helpers of an integration test for production code.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::{Folder, Link, Site};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use serde_json::Value as Json;
use simulator::{Options, Running, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_modbus::ExceptionCode;
use tokio_modbus::client::{Context, Reader, tcp};
use tokio_modbus::slave::{Slave, SlaveContext};

const GATEWAY: &str = r#"
site = { id = "test", name = "试验小区", timezone = "Asia/Shanghai" }

[connections.pumps]  # two units
url = "modbus+tcp://127.0.0.1:1"
interval = "200ms"

[connections.broker]
url = "mqtt://127.0.0.1:1"
interval = "200ms"
"#;

const DEVICES: &str = "id,name,profile,connection,unit,building,location,interval,in_service
main-1,消防主管,fire-main,pumps,1,,,,true
booster-1,水泵,booster-pump-set,pumps,2,,,,true
riser-1,立管,fire-riser-monitor,broker,test/riser,,,,true
";

/// A test site, served on loopback.
struct Stand {
    running: Running,
    folder: tempfile::TempDir,
}

impl Stand {
    async fn start() -> Self {
        let files = Folder::of_texts([("gateway.toml", GATEWAY), ("devices.csv", DEVICES)]);
        let loading = model::load(&files, []);
        assert_eq!(loading.faults, []);
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            local: Some(folder.path().join("site")),
            control: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            served: Some(folder.path().join("served.jsonl")),
        };
        let running = start(files, Arc::new(loading.site), options).await.unwrap();
        Self { running, folder }
    }

    fn link(&self, connection: &str) -> Link {
        self.running
            .addresses
            .iter()
            .find(|address| address.connection == connection)
            .unwrap()
            .link
            .clone()
    }

    async fn modbus(&self, unit: u8) -> Context {
        let Link::ModbusTcp { host, port } = self.link("pumps") else {
            panic!("not Modbus")
        };
        let mut client = tcp::connect(format!("{host}:{port}").parse().unwrap())
            .await
            .unwrap();
        client.set_slave(Slave(unit));
        client
    }

    async fn control(&self, method: &str, path: &str, body: &str) -> (u16, Json) {
        let mut stream = TcpStream::connect(self.running.control.unwrap()).await.unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (
            head.split(' ').nth(1).unwrap().parse().unwrap(),
            serde_json::from_str(body).unwrap(),
        )
    }

    /// Stops everything and reads what was served.
    async fn served(self) -> Vec<Json> {
        self.running.stop().await;
        lines(&self.folder.path().join("served.jsonl"))
    }
}

fn lines(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn what_a_client_decodes_is_what_was_logged_as_served() {
    let stand = Stand::start().await;
    let mut client = stand.modbus(1).await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        let words = client.read_input_registers(0, 9).await.unwrap().unwrap();
        expected.push(f64::from(words[0]) / 1000.0);
        let coils = client.read_coils(0, 2).await.unwrap().unwrap();
        assert_eq!(coils, [true, false]);
        let states = client.read_discrete_inputs(0, 11).await.unwrap().unwrap();
        assert_eq!((states.len(), states[8], states[10]), (11, true, false));
        assert_eq!(
            client.read_holding_registers(0, 2).await.unwrap().unwrap(),
            [420, 500]
        );
    }
    let served = stand.served().await;
    let main: Vec<_> = served.iter().filter(|line| line["device"] == "main-1").collect();
    assert_eq!(main.len(), 20);
    let pressures: Vec<_> = main
        .iter()
        .filter_map(|line| line["values"]["main_pressure"].as_f64())
        .collect();
    assert_eq!(pressures, expected);
    assert!(
        main[0]["values"].get("jockey_starts").is_some(),
        "a point wholly inside the read is logged"
    );
    assert_eq!(
        main[1]["values"],
        serde_json::json!({"auto_mode": true, "start_command": false})
    );
    assert!(main[0]["at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_read_outside_the_registers_and_a_strange_unit_are_refused() {
    let stand = Stand::start().await;
    let mut client = stand.modbus(1).await;
    assert_eq!(
        client.read_input_registers(0, 10).await.unwrap(),
        Err(ExceptionCode::IllegalDataAddress)
    );
    assert_eq!(
        client.read_input_registers(0, 61).await.unwrap(),
        Err(ExceptionCode::IllegalDataValue)
    );
    client.set_slave(Slave(9));
    assert_eq!(
        client.read_input_registers(0, 1).await.unwrap(),
        Err(ExceptionCode::GatewayTargetDevice)
    );
    client.set_slave(Slave(2));
    let gap = client.read_holding_registers(0, 14).await.unwrap().unwrap();
    assert_eq!((gap[3], gap[7], gap[11]), (0, 0, 0));
    stand.running.stop().await;
}

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
    assert_eq!(
        stand
            .control("DELETE", "/devices/main-1/faults/main_leak", "")
            .await
            .0,
        200
    );
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
    assert_eq!(
        stand
            .control("DELETE", "/devices/main-1/points/main_pressure", "")
            .await
            .0,
        200
    );
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
async fn a_wireless_device_publishes_what_is_logged_as_served() {
    let stand = Stand::start().await;
    let Link::Mqtt { host, port } = stand.link("broker") else {
        panic!("not MQTT")
    };
    let (client, mut events) = AsyncClient::new(MqttOptions::new("test", host, port), 10);
    client.subscribe("test/#", QoS::AtLeastOnce).await.unwrap();
    let mut received = Vec::new();
    while received.len() < 3 {
        if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.unwrap() {
            let message: Json = serde_json::from_slice(&publish.payload).unwrap();
            received.push(message["pressure_kpa"].as_f64().unwrap());
        }
    }
    drop(events);
    let served = stand.served().await;
    let pressures: Vec<_> = served
        .iter()
        .filter_map(|line| line["values"]["main_pressure"].as_f64())
        .collect();
    let first = pressures
        .iter()
        .position(|pressure| *pressure == received[0] / 1000.0)
        .unwrap();
    let expected: Vec<_> = received.iter().map(|kilopascal| kilopascal / 1000.0).collect();
    assert_eq!(pressures[first..first + 3], expected);
}

#[tokio::test]
async fn the_moved_site_names_the_addresses_that_are_served() {
    let stand = Stand::start().await;
    let site = stand.folder.path().join("site");
    let moved = model::load(&Folder::read(&site).unwrap(), []);
    assert_eq!(moved.faults, []);
    let links: Vec<_> = moved
        .site
        .connections
        .values()
        .map(|connection| connection.link.clone())
        .collect();
    assert_eq!(links, [stand.link("broker"), stand.link("pumps")]);
    let text = std::fs::read_to_string(site.join("gateway.toml")).unwrap();
    assert!(text.contains("# two units"));
    stand.running.stop().await;
}

#[tokio::test]
async fn an_address_in_use_is_told_with_its_connection() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let gateway = GATEWAY.replace(
        "modbus+tcp://127.0.0.1:1\"",
        &format!("modbus+tcp://127.0.0.1:{port}\""),
    );
    let site: Site = model::load(
        &Folder::of_texts([("gateway.toml", gateway.as_str()), ("devices.csv", DEVICES)]),
        [],
    )
    .site;
    let error = start(Folder::default(), Arc::new(site), Options::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("pumps") && error.contains(&port.to_string()),
        "{error}"
    );
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

#[tokio::test]
async fn what_is_not_modbus_ends_that_client_and_no_other() {
    let stand = Stand::start().await;
    let mut client = stand.modbus(1).await;
    let Link::ModbusTcp { host, port } = stand.link("pumps") else {
        panic!("not Modbus")
    };
    let mut stranger = TcpStream::connect((host.as_str(), port)).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(matches!(stranger.read(&mut [0; 16]).await, Ok(0) | Err(_)));
    assert!(client.read_input_registers(0, 1).await.unwrap().is_ok());
    stand.running.stop().await;
}

#[tokio::test]
async fn one_client_too_many_is_turned_away_and_finds_room_later() {
    let stand = Stand::start().await;
    let mut clients = Vec::new();
    for _ in 0..64 {
        let mut client = stand.modbus(1).await;
        assert!(client.read_input_registers(0, 1).await.unwrap().is_ok());
        clients.push(client);
    }
    let mut late = stand.modbus(1).await;
    assert!(late.read_input_registers(0, 1).await.is_err());
    clients.clear();
    let mut tries = 0;
    while stand.modbus(1).await.read_input_registers(0, 1).await.is_err() {
        tries += 1;
        assert!(tries < 100, "no room although everybody left");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stand.running.stop().await;
}

#[tokio::test]
async fn a_serial_line_is_moved_to_a_pseudo_terminal_and_answers_there() {
    let gateway = GATEWAY.replace(
        "modbus+tcp://127.0.0.1:1",
        "modbus+rtu:///dev/ttyS9?baud=9600&parity=none",
    );
    let files = Folder::of_texts([("gateway.toml", gateway.as_str()), ("devices.csv", DEVICES)]);
    let loading = model::load(&files, []);
    assert_eq!(loading.faults, []);
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        local: Some(folder.path().join("site")),
        ..Options::default()
    };
    let running = start(files, Arc::new(loading.site), options).await.unwrap();
    let moved = running
        .addresses
        .iter()
        .find(|address| address.connection == "pumps")
        .unwrap();
    let Link::ModbusRtu(line) = &moved.link else {
        panic!("{} is no line", moved.link)
    };
    use tokio_serial::SerialPortBuilderExt;
    let mut port = tokio_serial::new(&line.path, line.baud)
        .open_native_async()
        .unwrap();
    // Unit 1, holding registers 0 and 1; the sum as mbpoll sends it. A byte of noise before it is passed over.
    port.write_all(&[0xff, 1, 3, 0, 0, 0, 2, 0xc4, 0x0b])
        .await
        .unwrap();
    let mut answer = [0; 9];
    port.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[..3], [1, 3, 4]);
    let text = std::fs::read_to_string(folder.path().join("site/gateway.toml")).unwrap();
    assert!(text.contains(&moved.link.to_string()), "{text}");
    running.stop().await;
}
