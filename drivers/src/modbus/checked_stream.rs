//! A stream that watches requests of Modbus TCP go out and lets only whole answers to the last one in.
//!
//! Without it a late answer would put every later one off by one for good, and the only cure would be a new connection
//! for all units whenever a single one is slow.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, ready};

use model::TransactionIds;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{Expected, REQUEST_BYTES, Verdict, frame_length};

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
