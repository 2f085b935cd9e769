//! A Modbus server for tests, on a socket or a serial line, that may misbehave in every way: it sends exactly the bytes that a
//! test tells it to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::modbus::link::sum_frames::sum;

/// What the server does about a request.
pub(crate) enum Deed {
    Send(Vec<u8>),
    Wait(Duration),
    Close,
}

/// A read request as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// Counts over all connections, from 0.
    pub(crate) number: u32,
    pub(crate) transaction: u16,
    pub(crate) unit: u8,
    pub(crate) function: u8,
    pub(crate) first: u16,
    pub(crate) count: u16,
    pub(crate) framing: Framing,
}

/// How frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// With the header of Modbus TCP.
    Header,
    /// With a check sum.
    Crc,
}

impl Request {
    fn of_crc([unit, function, a, b, c, d, ..]: [u8; 8], number: u32) -> Self {
        Self {
            framing: Framing::Crc,
            ..Self::of([0, 0, 0, 0, 0, 6, unit, function, a, b, c, d], number)
        }
    }

    fn of([t, u, _, _, _, _, unit, function, a, b, c, d]: [u8; 12], number: u32) -> Self {
        let (transaction, first) = (u16::from_be_bytes([t, u]), u16::from_be_bytes([a, b]));
        Self {
            number,
            transaction,
            unit,
            function,
            first,
            count: u16::from_be_bytes([c, d]),
            framing: Framing::Header,
        }
    }

    /// A whole frame around a PDU, with any transaction id.
    pub(crate) fn frame(self, transaction: u16, pdu: &[u8]) -> Vec<u8> {
        if self.framing == Framing::Crc {
            let mut frame = vec![self.unit];
            frame.extend(pdu);
            frame.extend(sum(&frame).to_le_bytes());
            return frame;
        }
        let length = (pdu.len() as u16 + 1).to_be_bytes();
        let mut frame = transaction.to_be_bytes().to_vec();
        frame.extend([0, 0, length[0], length[1], self.unit]);
        frame.extend(pdu);
        frame
    }

    /// The right answer when each register holds its own number plus a hundred times its unit.
    pub(crate) fn right(self) -> Vec<u8> {
        self.registers(self.transaction, self.count)
    }

    /// The same with so many registers, whatever was asked for.
    pub(crate) fn registers(self, transaction: u16, count: u16) -> Vec<u8> {
        let mut pdu = vec![self.function, (count * 2) as u8];
        for number in 0..count {
            pdu.extend((self.first + number + 100 * u16::from(self.unit)).to_be_bytes());
        }
        self.frame(transaction, &pdu)
    }

    pub(crate) fn refusal(self, code: u8) -> Vec<u8> {
        self.frame(self.transaction, &[self.function | 0x80, code])
    }
}

#[derive(Clone, Default)]
struct Hooks {
    deaf: Duration,
    open: Arc<AtomicU32>,
    most: Arc<AtomicU32>,
}

pub(crate) struct RawServer {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl RawServer {
    /// Serves on a free loopback port; requests of one connection are answered one after another, as a gateway with one line does.
    pub(crate) async fn start(behave: impl Fn(Request) -> Vec<Deed> + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), behave)
    }

    /// The same, deaf for so long after each connection.
    pub(crate) async fn start_settling(
        deaf: Duration,
        behave: impl Fn(Request) -> Vec<Deed> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hooks = Hooks {
            deaf,
            ..Hooks::default()
        };
        Self::with(listener, Framing::Header, hooks, behave)
    }

    /// The same; `open` counts the connections that are open, and `most` how many were at once.
    pub(crate) async fn start_counting(
        open: Arc<AtomicU32>,
        most: Arc<AtomicU32>,
        behave: impl Fn(Request) -> Vec<Deed> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hooks = Hooks {
            open,
            most,
            ..Hooks::default()
        };
        Self::with(listener, Framing::Header, hooks, behave)
    }

    /// The same with check sums instead of headers.
    pub(crate) async fn start_crc(behave: impl Fn(Request) -> Vec<Deed> + Send + Sync + 'static) -> Self {
        Self::with(
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            Framing::Crc,
            Hooks::default(),
            behave,
        )
    }

    pub(crate) fn on(
        listener: TcpListener,
        behave: impl Fn(Request) -> Vec<Deed> + Send + Sync + 'static,
    ) -> Self {
        Self::with(listener, Framing::Header, Hooks::default(), behave)
    }

    fn with(
        listener: TcpListener,
        framing: Framing,
        hooks: Hooks,
        behave: impl Fn(Request) -> Vec<Deed> + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU32::new(0));
        let accepted = connections.clone();
        let (behave, requests) = (Arc::new(behave), Arc::new(AtomicU32::new(0)));
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                let (behave, requests, hooks) = (behave.clone(), requests.clone(), hooks.clone());
                tokio::spawn(async move {
                    let open = hooks.open.fetch_add(1, Ordering::SeqCst) + 1;
                    hooks.most.fetch_max(open, Ordering::SeqCst);
                    if !hooks.deaf.is_zero() {
                        tokio::time::sleep(hooks.deaf).await;
                        // What has come until now is not heard.
                        let _ = stream.try_read(&mut [0; 512]);
                    }
                    serve(&mut stream, framing, &*behave, &requests).await;
                    hooks.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            address,
            connections,
            task,
        }
    }

    /// How many connections were made to it.
    pub(crate) fn connections(&self) -> u32 {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers what comes on a stream until it ends.
pub(crate) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    framing: Framing,
    behave: &(dyn Fn(Request) -> Vec<Deed> + Sync),
    requests: &AtomicU32,
) {
    while let Some(request) = next_request(&mut stream, framing, requests).await {
        for deed in behave(request) {
            match deed {
                Deed::Send(bytes) if stream.write_all(&bytes).await.is_ok() => {}
                Deed::Wait(time) => tokio::time::sleep(time).await,
                Deed::Send(_) | Deed::Close => return,
            }
        }
    }
}

async fn next_request(
    stream: &mut (impl AsyncRead + Unpin),
    framing: Framing,
    requests: &AtomicU32,
) -> Option<Request> {
    let number = |requests: &AtomicU32| requests.fetch_add(1, Ordering::SeqCst);
    if framing == Framing::Crc {
        let mut bytes = [0; 8];
        stream.read_exact(&mut bytes).await.ok()?;
        assert_eq!(sum(&bytes), 0, "a request with a right check sum");
        return Some(Request::of_crc(bytes, number(requests)));
    }
    let mut bytes = [0; 12];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(Request::of(bytes, number(requests)))
}
