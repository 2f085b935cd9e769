//! One Modbus TCP connection: tokio-modbus on a stream that lets only whole answers to the last request through.
//!
//! Without it a late answer would put every later one off by one for good, and the only cure would be a new connection
//! for all units whenever a single one is slow.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use model::{RegisterTable, TransactionIds};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_modbus::client::{Context, Reader};
use tokio_modbus::slave::{Slave, SlaveContext};

use super::frames::{Expected, REQUEST_BYTES, Verdict, frame_length};
use super::plan::Read;

/// What a read brought: exactly as many as were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Of coils or discrete inputs.
    Bits(Vec<bool>),
    /// Of input or holding registers.
    Registers(Vec<u16>),
}

/// Why a read brought nothing.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// No answer in time.
    Timeout,
    /// The device refused with this exception code.
    Refused(u8),
    /// An answer came, but not the one that was asked for.
    Malformed,
    /// The connection is gone.
    Lost(io::Error),
}

/// A connection that is up.
pub(crate) struct Link {
    client: Context,
    ignores_ids: Arc<AtomicBool>,
}

impl Link {
    /// Dials.
    ///
    /// # Errors
    /// Nobody listens there, the name is unknown, or nothing is heard `within` that time.
    pub(crate) async fn dial(host: &str, port: u16, within: Duration) -> io::Result<Self> {
        let stream = timeout(within, TcpStream::connect((host, port)))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no connection in time"))??;
        stream.set_nodelay(true)?;
        let ignores_ids = Arc::new(AtomicBool::new(false));
        let stream = CheckedStream::new(stream, ignores_ids.clone());
        Ok(Self {
            client: tokio_modbus::client::tcp::attach_slave(stream, Slave(0)),
            ignores_ids,
        })
    }

    /// Sends one request to a unit and waits for its answer `within` that time.
    ///
    /// # Errors
    /// [`ReadError`]; after all but `Lost` the link can be used again.
    pub(crate) async fn read(
        &mut self,
        unit: u8,
        read: &Read,
        ids: TransactionIds,
        within: Duration,
    ) -> Result<Answer, ReadError> {
        self.client.set_slave(Slave(unit));
        self.ignores_ids
            .store(ids == TransactionIds::Ignore, Ordering::Relaxed);
        let answered = timeout(within, self.call(read))
            .await
            .map_err(|_| ReadError::Timeout)?;
        let answer = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(exception)) => return Err(ReadError::Refused(exception.into())),
            Err(tokio_modbus::Error::Transport(error)) => return Err(ReadError::Lost(error)),
            Err(tokio_modbus::Error::Protocol(_)) => return Err(ReadError::Malformed),
        };
        let length = match &answer {
            Answer::Bits(bits) => bits.len(),
            Answer::Registers(words) => words.len(),
        };
        if length == usize::from(read.count) {
            Ok(answer)
        } else {
            Err(ReadError::Malformed)
        }
    }

    async fn call(&mut self, read: &Read) -> tokio_modbus::Result<Answer> {
        let (first, count) = (read.first, read.count);
        Ok(match read.table {
            RegisterTable::Coil => self.client.read_coils(first, count).await?.map(Answer::Bits),
            RegisterTable::Discrete => self
                .client
                .read_discrete_inputs(first, count)
                .await?
                .map(Answer::Bits),
            RegisterTable::Input => self
                .client
                .read_input_registers(first, count)
                .await?
                .map(Answer::Registers),
            RegisterTable::Holding => self
                .client
                .read_holding_registers(first, count)
                .await?
                .map(Answer::Registers),
        })
    }
}

/// Bytes that are read from the socket at once; two of the longest frames.
const CHUNK_BYTES: usize = 520;

/// A stream that watches requests go out and lets only whole answers to the last one in.
#[derive(Debug)]
pub(crate) struct CheckedStream<Stream> {
    inner: Stream,
    ignores_ids: Arc<AtomicBool>,
    /// The request that is being written, as far as it has gone out.
    request: [u8; REQUEST_BYTES],
    request_sent: usize,
    expected: Option<Expected>,
    /// Bytes from the socket that are no whole frame yet: less than one frame and one chunk.
    arrived: Vec<u8>,
    /// A frame that was let in, as far as it has not been taken.
    passed: Vec<u8>,
}

impl<Stream> CheckedStream<Stream> {
    pub(crate) fn new(inner: Stream, ignores_ids: Arc<AtomicBool>) -> Self {
        Self {
            inner,
            ignores_ids,
            request: [0; REQUEST_BYTES],
            request_sent: 0,
            expected: None,
            arrived: Vec::new(),
            passed: Vec::new(),
        }
    }

    fn ids(&self) -> TransactionIds {
        if self.ignores_ids.load(Ordering::Relaxed) {
            TransactionIds::Ignore
        } else {
            TransactionIds::Strict
        }
    }

    /// Notes bytes that went out; with the last of a request, its answer is expected.
    fn sent(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(place) = self.request.get_mut(self.request_sent) {
                *place = *byte;
                self.request_sent += 1;
            }
            if self.request_sent == REQUEST_BYTES {
                self.expected = Expected::after(&self.request);
                self.request_sent = 0;
                self.passed.clear();
            }
        }
    }

    /// Judges every whole frame that has arrived, until one is let in.
    fn sift(&mut self) -> io::Result<()> {
        while self.passed.is_empty() {
            let length = frame_length(&self.arrived)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let Some(length) = length.filter(|length| *length <= self.arrived.len()) else {
                break;
            };
            let frame = self.arrived.get(..length).unwrap_or_default();
            if let Some(expected) = self.expected {
                match expected.judge(frame, self.ids()) {
                    Verdict::NotOurs => {}
                    Verdict::Malformed => self.passed.extend(expected.empty_answer()),
                    Verdict::Ours => {
                        self.passed.extend_from_slice(frame);
                        expected.adopt(&mut self.passed);
                    }
                }
            }
            self.arrived.drain(..length);
            if !self.passed.is_empty() {
                self.expected = None;
            }
        }
        Ok(())
    }
}

impl<Stream: AsyncRead + Unpin> CheckedStream<Stream> {
    /// Reads once from the socket; how many bytes came, none at its end.
    fn poll_arrive(&mut self, task: &mut TaskContext<'_>) -> Poll<io::Result<usize>> {
        let mut chunk = [0; CHUNK_BYTES];
        let mut chunk = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut self.inner).poll_read(task, &mut chunk))?;
        self.arrived.extend_from_slice(chunk.filled());
        Poll::Ready(Ok(chunk.filled().len()))
    }

    /// Throws away what came unasked. A device that does not keep ids could pass it off as the answer to the next request.
    fn discard_unasked(&mut self, task: &mut TaskContext<'_>) -> io::Result<()> {
        self.expected = None;
        self.passed.clear();
        self.sift()?;
        while let Poll::Ready(bytes) = self.poll_arrive(task)? {
            if bytes == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.sift()?;
        }
        Ok(())
    }
}

impl<Stream: AsyncRead + Unpin> AsyncRead for CheckedStream<Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            this.sift()?;
            if !this.passed.is_empty() {
                let taken = this.passed.len().min(into.remaining());
                into.put_slice(this.passed.get(..taken).unwrap_or_default());
                this.passed.drain(..taken);
                return Poll::Ready(Ok(()));
            }
            if ready!(this.poll_arrive(task))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<Stream: AsyncRead + AsyncWrite + Unpin> AsyncWrite for CheckedStream<Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.request_sent == 0 && this.ids() == TransactionIds::Ignore {
            this.discard_unasked(task)?;
        }
        let count = ready!(Pin::new(&mut this.inner).poll_write(task, bytes))?;
        this.sent(bytes.get(..count).unwrap_or(bytes));
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(task)
    }
}
