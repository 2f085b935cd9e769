//! Asks with the frames of a serial line, on the line itself or on a socket, and never takes a late answer for the next one.
//!
//! These frames have no transaction id. So a unit that owes an answer is not asked again on the same socket; and on a line,
//! where there is nothing to dial anew, only after one more timeout has passed and the line has been quiet.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::client::{Answer, ReadError};
use super::crc_frames::{Arrived, request};
use super::plan::Read;

/// A unit that owed an answer for so many timeouts, while others have answered since, does not owe it any more.
const TIMEOUTS_UNTIL_FORGIVEN: u32 = 10;
/// Bytes that are read at once: one longest frame.
const CHUNK_BYTES: usize = 256;

/// Both directions of a link.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<Stream: AsyncRead + AsyncWrite + Send + Unpin> Duplex for Stream {}

/// What a late answer calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterTimeout {
    /// A new connection, before the same unit is asked again.
    Redial,
    /// One more timeout, before the same unit is asked again: the line stays the same however often it is opened.
    WaitItOut,
}

/// The asking side of a link with check sums.
pub(crate) struct CrcClient {
    stream: Box<dyn Duplex>,
    after_timeout: AfterTimeout,
    /// The silence between two frames.
    gap: Duration,
    arrived: Vec<u8>,
    /// Units whose answer was given up, with when and how long it had been waited for.
    owing: BTreeMap<u8, (Instant, Duration)>,
    /// Whether the last request was given up, so that what comes next may belong to it.
    is_restless: bool,
}

impl CrcClient {
    /// Asks on a link that has just been opened, with so much silence between two frames.
    pub(crate) fn new(stream: impl Duplex + 'static, after_timeout: AfterTimeout, gap: Duration) -> Self {
        Self {
            stream: Box::new(stream),
            after_timeout,
            gap,
            arrived: Vec::with_capacity(2 * CHUNK_BYTES),
            owing: BTreeMap::new(),
            is_restless: true,
        }
    }

    /// Whether the unit's answer could not be told from one that it owes.
    pub(crate) fn could_mistake(&self, unit: u8) -> bool {
        self.after_timeout == AfterTimeout::Redial && self.owing.contains_key(&unit)
    }

    /// Sends one request to a unit and waits for its answer `within` that time.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) async fn read(
        &mut self,
        unit: u8,
        read: &Read,
        within: Duration,
    ) -> Result<Answer, ReadError> {
        let Some((bytes, expected)) = request(unit, read) else {
            return Err(ReadError::Malformed);
        };
        self.quieten(unit, within).await.map_err(ReadError::Lost)?;
        self.stream.write_all(&bytes).await.map_err(ReadError::Lost)?;
        self.stream.flush().await.map_err(ReadError::Lost)?;
        let deadline = Instant::now() + within;
        let found = loop {
            match timeout_at(deadline, self.arrive()).await {
                Err(_) => break Arrived::Part,
                Ok(Err(error)) => return Err(ReadError::Lost(error)),
                Ok(Ok(())) => {}
            }
            match expected.find(&mut self.arrived) {
                Arrived::Part => {}
                found => break found,
            }
        };
        if found == Arrived::Part {
            self.is_restless = true;
            self.owing.insert(unit, (Instant::now(), within));
            return Err(ReadError::Timeout);
        }
        self.forgive(unit);
        match found {
            Arrived::Answer(answer) => Ok(answer),
            Arrived::Refused(code) => Err(ReadError::Refused(code)),
            Arrived::Malformed | Arrived::Part => Err(ReadError::Malformed),
        }
    }

    /// Throws away whatever has come unasked. After a request that was given up it waits until the line has been quiet, and
    /// before the unit that was asked then, until one more timeout has passed.
    async fn quieten(&mut self, unit: u8, longest: Duration) -> io::Result<()> {
        self.arrived.clear();
        let begin = Instant::now();
        let until = self
            .owing
            .get(&unit)
            .map_or(begin, |(since, waited)| *since + *waited);
        let gap = if self.is_restless {
            self.gap
        } else {
            Duration::ZERO
        };
        loop {
            let wait = gap.max(until.saturating_duration_since(Instant::now()));
            match timeout(wait, self.arrive()).await {
                Err(_) => break,
                Ok(came) => came?,
            }
            self.arrived.clear();
            if begin.elapsed() > longest.max(self.gap) {
                // A line that is never quiet is asked all the same: check sums tell noise from an answer.
                break;
            }
        }
        self.is_restless = false;
        Ok(())
    }

    /// Reads once.
    async fn arrive(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK_BYTES];
        let count = self.stream.read(&mut chunk).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.arrived
            .extend_from_slice(chunk.get(..count).unwrap_or_default());
        Ok(())
    }

    /// A unit has answered: it owes nothing now, and others that were asked long before it will not answer any more.
    fn forgive(&mut self, unit: u8) {
        if !self.owing.is_empty() {
            self.owing.retain(|owing, (since, waited)| {
                *owing != unit && since.elapsed() < *waited * TIMEOUTS_UNTIL_FORGIVEN
            });
        }
    }
}
