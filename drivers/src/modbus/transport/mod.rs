//! The ways to a line of devices, one file each: whoever asks does not know which of them it has.

mod rtu_over_tcp;
pub(crate) mod serial;
mod tcp;
mod tls;

use std::io;
use std::time::Duration;

use model::{Connection, Link};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::link::OpenLink;

/// Dials a connection's link.
///
/// # Errors
/// Nobody listens there, the name is unknown, nothing is heard within the connection's timeout, the port is not there or not
/// ours, or the other side is not whom its certificate should say.
pub(crate) async fn dial(connection: &Connection) -> io::Result<OpenLink> {
    match &connection.link {
        Link::ModbusTcp { host, port } => tcp::dial(host, *port, connection.timeout).await,
        Link::ModbusTls { host, port } => {
            tls::dial(host, *port, connection.timeout, connection.tls.as_ref()).await
        }
        Link::ModbusRtuOverTcp { host, port } => rtu_over_tcp::dial(host, *port, connection.timeout).await,
        Link::ModbusRtu(line) => serial::open(line),
        Link::Mqtt { .. } | Link::Mqtts { .. } => Err(io::Error::other("a broker is no line of devices")),
    }
}

/// Connects a socket, and lets what is written go at once.
async fn connect(host: &str, port: u16, within: Duration) -> io::Result<TcpStream> {
    let stream = in_time(within, TcpStream::connect((host, port))).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn in_time<T>(within: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(within, work)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no connection in time")))
}
