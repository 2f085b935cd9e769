//! A Modbus TCP server for tests that may misbehave in every way: it sends exactly the bytes that a test tells it to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

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
}

impl Request {
    fn of([t, u, _, _, _, _, unit, function, a, b, c, d]: [u8; 12], number: u32) -> Self {
        let (transaction, first) = (u16::from_be_bytes([t, u]), u16::from_be_bytes([a, b]));
        Self {
            number,
            transaction,
            unit,
            function,
            first,
            count: u16::from_be_bytes([c, d]),
        }
    }

    /// A whole frame around a PDU, with any transaction id.
    pub(crate) fn frame(self, transaction: u16, pdu: &[u8]) -> Vec<u8> {
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

    pub(crate) fn on(
        listener: TcpListener,
        behave: impl Fn(Request) -> Vec<Deed> + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU32::new(0));
        let accepted = connections.clone();
        let (behave, requests) = (Arc::new(behave), Arc::new(AtomicU32::new(0)));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                let (behave, requests) = (behave.clone(), requests.clone());
                tokio::spawn(async move { serve(stream, &*behave, &requests).await });
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

async fn serve(mut stream: TcpStream, behave: &(dyn Fn(Request) -> Vec<Deed> + Sync), requests: &AtomicU32) {
    let mut bytes = [0; 12];
    while stream.read_exact(&mut bytes).await.is_ok() {
        for deed in behave(Request::of(bytes, requests.fetch_add(1, Ordering::SeqCst))) {
            match deed {
                Deed::Send(bytes) if stream.write_all(&bytes).await.is_ok() => {}
                Deed::Wait(time) => tokio::time::sleep(time).await,
                Deed::Send(_) | Deed::Close => return,
            }
        }
    }
}
