//! Modbus TCP inside TLS (Modbus/TCP Security), with a certificate of ours if the connection has one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use model::Tls;
use tokio_rustls::TlsConnector;

use super::super::link::{Frames, OpenLink};
use super::{connect, in_time};
use crate::tls;

/// Dials and shakes hands. A handshake takes several messages each way, so it gets three times the connection's timeout.
///
/// # Errors
/// Nobody listens there, nothing is heard in time, a certificate can't be read, or the other side's is not to be trusted.
pub(super) async fn dial(host: &str, port: u16, within: Duration, tls: Option<&Tls>) -> io::Result<OpenLink> {
    let config = tls::client(&tls.cloned().unwrap_or_default()).map_err(io::Error::other)?;
    let name = tls::server_name(host).map_err(io::Error::other)?;
    let stream = connect(host, port, within).await?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = in_time(within * 3, handshake).await?;
    Ok(OpenLink::new(stream, Frames::Header))
}
