//! Where its connections are: moved to this machine, to a broker, to a pseudo-terminal.

use std::sync::Arc;

use model::{Folder, Link, Site};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use serde_json::Value as Json;
use simulator::{Options, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stand::{DEVICES, GATEWAY, Stand};

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
