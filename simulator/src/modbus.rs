//! One Modbus server: every unit behind one connection of the site, to several clients on a socket, or on a serial line.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::field::{Machine, Said};
use crate::frame::{self, CRC_REQUEST_BYTES, Framing, HEADER_BYTES, Header, Request};
use crate::registers::Refusal;
use crate::served::Served;

/// Clients that one server takes at once; another is closed at once.
const MOST_CLIENTS: usize = 64;
/// A client that says nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(600);
/// Rest after a failed accept (too many open files, mostly), so that it is not tried in a circle.
const REST_AFTER_ERROR: Duration = Duration::from_millis(100);

/// The devices behind one connection, by unit; several lines of a site may describe one unit.
pub(crate) type Units = BTreeMap<u8, Vec<Arc<Machine>>>;

/// What one server serves.
pub(crate) struct Server {
    /// The connection's name, for the log.
    pub(crate) connection: String,
    /// Its devices.
    pub(crate) units: Units,
    /// How its frames are written.
    pub(crate) framing: Framing,
    /// Where answers are logged.
    pub(crate) served: Served,
}

/// Serves until it is told to stop.
pub(crate) async fn serve(server: Arc<Server>, listener: TcpListener, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MOST_CLIENTS));
    let clients = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                    tracing::warn!(connection = server.connection, %peer, "refused: {MOST_CLIENTS} clients are connected already");
                    continue;
                };
                let (server, stop) = (Arc::clone(&server), stop.clone());
                clients.spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        ended = talk(&server, stream) => note_end(&server.connection, peer, ended),
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(connection = server.connection, %error, "a client could not be accepted");
                tokio::time::sleep(REST_AFTER_ERROR).await;
            }
        }
    }
    clients.close();
    clients.wait().await;
}

fn note_end(connection: &str, peer: SocketAddr, ended: io::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(connection, %peer, %error, "a client left");
    }
}

/// Serves a serial line until it is told to stop.
pub(crate) async fn serve_line(
    server: &Server,
    line: impl AsyncRead + AsyncWrite + Unpin,
    stop: CancellationToken,
) {
    tokio::select! {
        () = stop.cancelled() => {}
        ended = answer_all(server, line) => {
            if let Err(error) = ended {
                tracing::error!(connection = server.connection, %error, "the line has ended; start the simulator again");
            }
        }
    }
}

async fn talk(server: &Server, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    answer_all(server, stream).await
}

/// Answers one client's requests, one after another, until it leaves.
async fn answer_all(server: &Server, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    while let Some((header, request)) = next_request(server, &mut stream).await? {
        let Some(request) = request else {
            continue;
        };
        let Some((machine, said)) = say(&server.units, &request, Timestamp::now()) else {
            if server.framing == Framing::Header {
                let refusal = frame::answer(header, &request, Err(Refusal::NoSuchUnit));
                stream.write_all(&refusal).await?;
            }
            // On a line nobody answers for a unit that is not there.
            continue;
        };
        match said {
            Said::Silence => {}
            Said::Refused(refusal) => {
                stream
                    .write_all(&frame::answer(header, &request, Err(refusal)))
                    .await?
            }
            Said::Answer(answer) => {
                stream
                    .write_all(&frame::answer(header, &request, Ok(&answer.words)))
                    .await?;
                if server.served.is_kept() {
                    server
                        .served
                        .write(Timestamp::now(), &machine.device().id, &answer.values);
                }
            }
        }
    }
    Ok(())
}

/// A frame that came: its header, if its kind has one, and what it asks, if it is a request.
type Came = (Option<Header>, Option<Request>);

/// The next whole frame; `None` when the client closed between two of them.
async fn next_request(server: &Server, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Came>> {
    match server.framing {
        Framing::Header => Ok(next_frame(stream)
            .await?
            .map(|(header, body)| (Some(header), frame::request(&body)))),
        Framing::Crc => Ok(next_crc_frame(stream).await?.map(|request| (None, Some(request)))),
    }
}

/// The next request with a right check sum; bytes before it that belong to none are passed over.
async fn next_crc_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Request>> {
    let mut window = [0; CRC_REQUEST_BYTES];
    let mut filled = 0;
    loop {
        let rest = window.get_mut(filled..).unwrap_or_default();
        let count = stream.read(rest).await?;
        if count == 0 {
            return Ok(None);
        }
        filled += count;
        if filled == CRC_REQUEST_BYTES {
            if let Some(request) = frame::crc_request(&window) {
                return Ok(Some(request));
            }
            window.rotate_left(1);
            filled -= 1;
        }
    }
}

/// The next whole frame with a header; `None` when the client closed between two of them.
async fn next_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<(Header, Vec<u8>)>> {
    let mut bytes = [0; HEADER_BYTES];
    let read = tokio::time::timeout(IDLE, stream.read_exact(&mut bytes));
    match read.await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Ok(read) => read?,
        Err(_) => return Ok(None),
    };
    let header = frame::header(bytes)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what it sent is not Modbus TCP"))?;
    let mut body = vec![0; usize::from(header.length)];
    tokio::time::timeout(IDLE, stream.read_exact(&mut body)).await??;
    Ok(Some((header, body)))
}

/// What the asked unit says, and which device said it; `None`: there is no such unit.
fn say<'units>(
    units: &'units Units,
    request: &Request,
    now: Timestamp,
) -> Option<(&'units Arc<Machine>, Said)> {
    let machines = units.get(&request.unit)?;
    let has = |machine: &&Arc<Machine>| request.read.is_ok_and(|read| machine.has(&read));
    let machine = machines.iter().find(has).or_else(|| machines.first())?;
    Some((machine, machine.read(request.read, now)))
}
