//! An MQTT broker of the simulator's own, for a site that is moved to loopback.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};
use tokio::net::{TcpListener, TcpStream};

const MOST_CLIENTS: usize = 1_000;
const LARGEST_MESSAGE_BYTES: usize = 1 << 20;
/// A segment of the broker's memory; ten of them a topic filter are kept for clients that are away.
const SEGMENT_BYTES: usize = 256 << 10;
const SEGMENTS: usize = 10;
/// It listens within milliseconds; after so long something is wrong.
const STARTS_WITHIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Starts a broker (MQTT 5) on a free loopback port, and gives its address once it listens. It has no way to be stopped: it
/// lives in a thread of its own as long as the process.
///
/// # Errors
/// No port is free, no thread can be made, or it doesn't listen in time.
pub(crate) async fn start() -> io::Result<SocketAddr> {
    // The broker binds by itself, so the free port is found by binding it first and letting go.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?;
    std::thread::Builder::new()
        .name("broker".to_owned())
        .spawn(move || {
            if let Err(error) = Broker::new(config(address)).start() {
                tracing::error!(%address, %error, "the simulator's broker has ended");
            }
        })?;
    let listening = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(STARTS_WITHIN, listening).await?;
    Ok(address)
}

fn config(listen: SocketAddr) -> Config {
    let server = ServerSettings {
        name: "simulator".to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections: ConnectionSettings {
            connection_timeout_ms: 10_000,
            max_payload_size: LARGEST_MESSAGE_BYTES,
            max_inflight_count: 1_000,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    Config {
        id: 0,
        router: RouterConfig {
            max_connections: MOST_CLIENTS,
            max_outgoing_packet_count: 200,
            max_segment_size: SEGMENT_BYTES,
            max_segment_count: SEGMENTS,
            ..RouterConfig::default()
        },
        v4: None,
        v5: Some(HashMap::from([("simulator".to_owned(), server)])),
        ws: None,
        cluster: None,
        console: None,
        bridge: None,
        prometheus: None,
        metrics: None,
    }
}
