//! The bytes of a link that have arrived and are not done with: less than one frame, and what came with it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::header_frames::LONGEST_FRAME_BYTES;

/// As long as the longest frame of any kind. One read that leaves a byte of it free has emptied the socket, which spares asking it again.
pub(super) struct Arrived {
    bytes: [u8; LONGEST_FRAME_BYTES],
    length: usize,
}

impl Arrived {
    pub(super) fn nothing() -> Self {
        Self {
            bytes: [0; LONGEST_FRAME_BYTES],
            length: 0,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The first bytes are done with.
    pub(super) fn remove_first(&mut self, count: usize) {
        let count = count.min(self.length);
        self.bytes.copy_within(count..self.length, 0);
        self.length -= count;
    }

    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    /// Reads once. Whoever finds frames in it never leaves it full; should it be, what it holds is no frame and goes.
    ///
    /// # Errors
    /// The other side has closed, or the stream is broken.
    pub(super) fn poll_more(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin + ?Sized),
        task: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.length == self.bytes.len() {
            self.clear();
        }
        let mut free = ReadBuf::new(self.bytes.get_mut(self.length..).unwrap_or_default());
        ready!(Pin::new(stream).poll_read(task, &mut free))?;
        let count = free.filled().len();
        self.length += count;
        Poll::Ready(if count == 0 {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else {
            Ok(())
        })
    }
}
