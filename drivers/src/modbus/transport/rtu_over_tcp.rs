//! The frames of a serial line on a socket: what most serial servers pass through as it is.

use std::io;
use std::time::Duration;

use super::super::link::{Frames, OpenLink};
use super::connect;

/// The silence that ends what a serial server may still have under way.
const GAP: Duration = Duration::from_millis(10);

/// Dials.
///
/// # Errors
/// Nobody listens there, the name is unknown, or nothing is heard `within` that time.
pub(super) async fn dial(host: &str, port: u16, within: Duration) -> io::Result<OpenLink> {
    let stream = connect(host, port, within).await?;
    Ok(OpenLink::new(stream, Frames::SumOnSocket { gap: GAP }))
}
