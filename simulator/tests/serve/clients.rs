//! Clients that are strangers, or too many.

use std::time::Duration;

use model::Link;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_modbus::client::Reader;

use crate::stand::Stand;

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
