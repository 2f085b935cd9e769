//! Why the simulator could not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the simulator could not start: who, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A connection's own address can't be listened on.
    #[error(
        "connection {connection}: can't listen on {address}: {source}; free the address, or move the site to loopback with --local OUT"
    )]
    Listen {
        /// The connection's name.
        connection: String,
        /// `host:port` of its url.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// A serial line can't be served.
    #[error("connection {connection}: the line {path} can't be simulated: {reason}")]
    Line {
        /// The connection's name.
        connection: String,
        /// The port's device file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A connection has TLS, and the simulator has none.
    #[error("connection {connection}: the simulator has no TLS; move the site to loopback with --local OUT")]
    Tls {
        /// The connection's name.
        connection: String,
    },
    /// The control API's address can't be listened on.
    #[error(
        "the control API can't listen on {address}: {source}; name another address, or port 0 for a free one"
    )]
    Control {
        /// What was asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The control API has no authentication, so it stays on this machine.
    #[error(
        "the control API asks nobody who they are, so it listens on loopback only, not on {address}; use 127.0.0.1"
    )]
    NotLoopback {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The broker for the moved site could not be started.
    #[error("the simulator's own broker could not be started: {source}")]
    Broker {
        /// Why.
        source: io::Error,
    },
    /// The file for what was served can't be opened.
    #[error("{path}: what is served can't be written there: {source}")]
    Served {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The moved site can't be written.
    #[error("{out}: the moved site can't be written there: {reason}")]
    Move {
        /// The folder.
        out: PathBuf,
        /// Why.
        reason: String,
    },
}
