//! Modbus TCP on a plain socket.

use std::io;
use std::time::Duration;

use super::super::link::{Frames, OpenLink};
use super::connect;

/// Dials.
///
/// # Errors
/// Nobody listens there, the name is unknown, or nothing is heard `within` that time.
pub(super) async fn dial(host: &str, port: u16, within: Duration) -> io::Result<OpenLink> {
    let stream = connect(host, port, within).await?;
    Ok(OpenLink::new(stream, Frames::Header))
}
