//! A test site, served on loopback.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use model::{Folder, Link};
use serde_json::Value as Json;
use simulator::{Options, Running, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_modbus::client::{Context, tcp};
use tokio_modbus::slave::{Slave, SlaveContext};

pub const GATEWAY: &str = r#"
site = { id = "test", name = "试验小区", timezone = "Asia/Shanghai" }

[connections.pumps]  # two units
url = "modbus+tcp://127.0.0.1:1"
interval = "200ms"

[connections.broker]
url = "mqtt://127.0.0.1:1"
interval = "200ms"
"#;

pub const DEVICES: &str = "id,name,profile,connection,unit,building,location,interval,in_service
main-1,消防主管,fire-main,pumps,1,,,,true
booster-1,水泵,booster-pump-set,pumps,2,,,,true
riser-1,立管,fire-riser-monitor,broker,test/riser,,,,true
";

/// A test site, served on loopback.
pub struct Stand {
    pub running: Running,
    pub folder: tempfile::TempDir,
}

impl Stand {
    pub async fn start() -> Self {
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

    pub fn link(&self, connection: &str) -> Link {
        self.running
            .addresses
            .iter()
            .find(|address| address.connection == connection)
            .unwrap()
            .link
            .clone()
    }

    pub async fn modbus(&self, unit: u8) -> Context {
        let Link::ModbusTcp { host, port } = self.link("pumps") else {
            panic!("not Modbus")
        };
        let mut client = tcp::connect(format!("{host}:{port}").parse().unwrap())
            .await
            .unwrap();
        client.set_slave(Slave(unit));
        client
    }

    /// Takes back what was done to a device or a point.
    pub async fn remove(&self, path: &str) {
        assert_eq!(self.control("DELETE", path, "").await.0, 200, "{path}");
    }

    pub async fn control(&self, method: &str, path: &str, body: &str) -> (u16, Json) {
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
    pub async fn served(self) -> Vec<Json> {
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
