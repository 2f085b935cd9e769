//! A link to a line of devices that is up: writes one request, reads its answer, and never takes a late answer for the next one's.
//!
//! Where frames have a transaction id, a late answer is known by it. Where they have none, a unit that owes an answer is not asked
//! again on the same socket; and on a serial line, where there is nothing to dial anew, only after one more timeout has passed and the
//! line has been quiet.

mod arrived;
mod debts;
pub(crate) mod header_frames;
pub(crate) mod question;
pub(crate) mod sum_frames;

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use model::TransactionIds;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::plan::Read;
use crate::clock::Timer;
use arrived::Arrived;
use debts::Debts;
pub(crate) use question::Answer;
use question::{Question, Said};

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

/// Both directions of a stream.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<Stream: AsyncRead + AsyncWrite + Send + Unpin> Duplex for Stream {}

/// How frames are written on a link.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Frames {
    /// With the header of Modbus TCP.
    Header,
    /// With a check sum, as on a serial line, but on a socket: a new connection knows of no old answers.
    SumOnSocket {
        /// The silence that ends what a serial server may still have under way.
        gap: Duration,
    },
    /// With a check sum, on a line that stays the same however often it is opened.
    SumOnLine {
        /// The silence between two frames.
        gap: Duration,
        /// How long one byte takes.
        byte: Duration,
    },
}

/// A link that is up.
pub(crate) struct OpenLink {
    stream: Box<dyn Duplex>,
    frames: Frames,
    /// The id of the last request, where frames have one.
    transaction: u16,
    arrived: Arrived,
    debts: Debts,
    /// Whether the last request was given up, so that what comes next may belong to it.
    is_restless: bool,
}

impl OpenLink {
    /// Asks on a stream that has just been opened.
    pub(crate) fn new(stream: impl Duplex + 'static, frames: Frames) -> Self {
        Self {
            stream: Box::new(stream),
            frames,
            transaction: 0,
            arrived: Arrived::nothing(),
            debts: Debts::default(),
            is_restless: true,
        }
    }

    /// Whether an answer of the unit could not be told from one that may still come: then only a new link can be trusted.
    pub(crate) fn could_mistake(&self, unit: u8, ids: TransactionIds) -> bool {
        match self.frames {
            Frames::Header => ids == TransactionIds::Ignore && self.debts.is_owed_by_anybody(),
            Frames::SumOnSocket { .. } => self.debts.is_owed_by(unit),
            Frames::SumOnLine { .. } => false,
        }
    }

    /// Sends one request to a unit and waits for its answer `within` that time.
    ///
    /// # Errors
    /// [`ReadError`]; after all but `Lost` the link can be used again.
    pub(crate) async fn read(
        &mut self,
        timer: &mut Timer,
        unit: u8,
        read: &Read,
        ids: TransactionIds,
        within: Duration,
    ) -> Result<Answer, ReadError> {
        let question = Question::new(unit, read).ok_or(ReadError::Malformed)?;
        let mut within = within;
        match self.frames {
            Frames::Header if ids == TransactionIds::Ignore => self.discard_unasked().await,
            Frames::Header => Ok(()),
            Frames::SumOnSocket { gap } => self.quieten(timer, unit, gap, within).await,
            Frames::SumOnLine { gap, byte } => {
                let quiet = self.quieten(timer, unit, gap, within).await;
                within += byte * sum_frames::REQUEST_BYTES as u32;
                quiet
            }
        }
        .map_err(ReadError::Lost)?;
        let mut is_asked = false;
        let exchanged = self.exchange(&question, ids, &mut is_asked);
        let mut heard = timer.before(timer.now() + within, exchanged).await;
        if let Frames::SumOnLine { byte, .. } = self.frames
            && heard.is_none()
            && is_asked
            && !self.arrived.bytes().is_empty()
        {
            // An answer that has begun in time may take its time: at 2,400 baud a long one is more than half a second on the line.
            let on_the_line = byte * sum_frames::answer_bytes(&question) as u32;
            heard = timer
                .before(timer.now() + on_the_line, self.hear(&question, ids))
                .await;
        }
        match heard {
            Some(Err(error)) => Err(ReadError::Lost(error)),
            Some(Ok(said)) => {
                if self.debts.is_owed_by_anybody() {
                    self.debts.answered(unit, timer.now());
                }
                match said {
                    Said::Answer(answer) => Ok(answer),
                    Said::Refused(code) => Err(ReadError::Refused(code)),
                    Said::Malformed => Err(ReadError::Malformed),
                }
            }
            None if is_asked => {
                self.is_restless = true;
                self.debts.give_up(unit, timer.now(), within);
                Err(ReadError::Timeout)
            }
            // Half a request is on its way, so nothing that follows it could be understood.
            None => Err(ReadError::Lost(io::ErrorKind::TimedOut.into())),
        }
    }

    /// Writes the request, which is noted in `is_asked`, and hears what is said to it.
    async fn exchange(
        &mut self,
        question: &Question,
        ids: TransactionIds,
        is_asked: &mut bool,
    ) -> io::Result<Said> {
        match self.frames {
            Frames::Header => {
                self.transaction = self.transaction.wrapping_add(1);
                let request = header_frames::request(question, self.transaction);
                self.stream.write_all(&request).await?;
            }
            Frames::SumOnSocket { .. } | Frames::SumOnLine { .. } => {
                self.stream.write_all(&sum_frames::request(question)).await?;
            }
        }
        self.stream.flush().await?;
        *is_asked = true;
        self.hear(question, ids).await
    }

    /// Reads until somebody has said something to the request that was written last; what was read is kept when it is given up.
    async fn hear(&mut self, question: &Question, ids: TransactionIds) -> io::Result<Said> {
        loop {
            let (done, said) = match self.frames {
                Frames::Header => header_frames::find(self.arrived.bytes(), question, self.transaction, ids)
                    .map_err(broken)?,
                Frames::SumOnSocket { .. } | Frames::SumOnLine { .. } => {
                    sum_frames::find(self.arrived.bytes(), question)
                }
            };
            self.arrived.remove_first(done);
            if let Some(said) = said {
                return Ok(said);
            }
            self.more().await?;
        }
    }

    /// Throws away what came unasked: where ids say nothing, it could pass for the answer to the next request.
    async fn discard_unasked(&mut self) -> io::Result<()> {
        poll_fn(|task| {
            loop {
                let done = header_frames::unasked(self.arrived.bytes()).map_err(broken)?;
                self.arrived.remove_first(done);
                match self.arrived.poll_more(&mut self.stream, task) {
                    Poll::Ready(came) => came?,
                    Poll::Pending => return Poll::Ready(Ok(())),
                }
            }
        })
        .await
    }

    /// Throws away whatever has come unasked. After a request that was given up it waits until the line has been quiet, and
    /// before the unit that was asked then, until one more timeout has passed.
    async fn quieten(
        &mut self,
        timer: &mut Timer,
        unit: u8,
        gap: Duration,
        longest: Duration,
    ) -> io::Result<()> {
        self.arrived.clear();
        let until = self.debts.lost_at(unit).unwrap_or_default();
        let calm = if self.is_restless { gap } else { Duration::ZERO };
        // A line that is never quiet is asked all the same: check sums tell noise from an answer.
        let latest = timer.now() + longest.max(gap);
        loop {
            let quiet = timer.before((timer.now() + calm).max(until), self.more());
            match quiet.await {
                None => break,
                Some(came) => came?,
            }
            self.arrived.clear();
            if timer.now() > latest {
                break;
            }
        }
        self.is_restless = false;
        Ok(())
    }

    /// Reads once.
    async fn more(&mut self) -> io::Result<()> {
        poll_fn(|task| self.arrived.poll_more(&mut self.stream, task)).await
    }
}

fn broken(error: header_frames::BrokenHeader) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
