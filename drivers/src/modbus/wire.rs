//! The way to the units of one connection: dials when it has to, paces requests, and leaves a dead address alone for a while.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use model::{Connection, Link, TransactionIds};
use tokio_modbus::ExceptionCode;

use super::link::{Answer, OpenLink, ReadError};
use super::plan::Read;
use super::transport;
use crate::backoff::Backoff;
use crate::clock::{SteadyClock, Timer};
use crate::health::LinkState;
use crate::meters::ConnectionMeters;

/// How long after a failed dial the next one may follow: at first, and at most.
const FIRST_REDIAL: Duration = Duration::from_millis(200);
const LONGEST_REDIAL: Duration = Duration::from_secs(10);
/// So many requests in a row without an answer from anybody, and a link that had worked is doubted.
const TIMEOUTS_UNTIL_DOUBT: u32 = 3;

/// How long a device that is busy is left alone at first; then twice as long each time.
const FIRST_REST: Duration = Duration::from_millis(20);

/// How a device that says it is busy is asked again: in all reads of a poll together no longer than an answer may take, since the
/// others on its line wait meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    rested: Duration,
    rest: Duration,
}

impl Busy {
    /// How long to leave it alone; `None` when that would be longer in all than an answer may take.
    fn rest(&mut self, longest: Duration) -> Option<Duration> {
        self.rest = (self.rest * 2).max(FIRST_REST);
        self.rested += self.rest;
        (self.rested < longest).then_some(self.rest)
    }
}

/// What a refusal's code says of what is to be done.
enum Refusal {
    /// It is at work on something, and will answer when it has done.
    Busy,
    /// The gateway before the unit cannot reach it: the unit's fault, not the link's.
    Unreachable,
    /// It does not do what was asked.
    Plain,
}

impl Refusal {
    fn of(code: u8) -> Self {
        match ExceptionCode::new(code) {
            ExceptionCode::Acknowledge | ExceptionCode::ServerDeviceBusy => Self::Busy,
            ExceptionCode::GatewayPathUnavailable | ExceptionCode::GatewayTargetDevice => Self::Unreachable,
            _ => Self::Plain,
        }
    }
}

/// Why a request brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The unit did not answer in time.
    Silent,
    /// The gateway before the unit says that it can't reach it (exceptions 0A and 0B): the unit's fault, not the link's.
    Unreachable,
    /// The unit refused with this exception code.
    Refused(u8),
    /// The answer was not the one asked for.
    Malformed,
    /// There is no connection.
    Down,
}

/// The way to the units of one connection.
pub(crate) struct Wire<'site> {
    connection: &'site Connection,
    /// The rest between two requests.
    pause: Duration,
    timer: Timer,
    link: Option<OpenLink>,
    /// Whether the link has brought an answer since it was dialled.
    proven: bool,
    /// Requests given up since an answer came from any unit.
    timeouts_in_a_row: u32,
    redial: Backoff,
    ever_up: bool,
    /// What was last logged of the connection.
    told: Option<LinkState>,
    last_request_ended: Option<Duration>,
    meters: Arc<ConnectionMeters>,
}

impl<'site> Wire<'site> {
    /// A wire that isn't connected yet; the first request dials.
    pub(crate) fn new(
        connection: &'site Connection,
        clock: SteadyClock,
        meters: Arc<ConnectionMeters>,
    ) -> Self {
        let seed = connection.name.bytes().fold(0, |seed: u64, byte| {
            seed.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        Self {
            connection,
            pause: least_pause(connection),
            timer: Timer::new(clock),
            link: None,
            proven: false,
            timeouts_in_a_row: 0,
            redial: Backoff::new(FIRST_REDIAL, LONGEST_REDIAL, seed),
            ever_up: false,
            told: None,
            last_request_ended: None,
            meters,
        }
    }

    /// How long the drivers have run.
    pub(crate) fn now(&self) -> Duration {
        self.timer.now()
    }

    /// Waits until then, if it has not passed.
    pub(crate) async fn rests_until(&mut self, moment: Duration) {
        self.timer.reaches(moment).await;
    }

    /// Asks a unit, after at least `pause` since the last request. A link that had worked and is found broken is dialled again at
    /// once, so a server that closes after every answer works. A device that says it is busy is asked again for as long as
    /// `busy` has time left.
    ///
    /// # Errors
    /// [`Failure`], when there is no answer to use.
    pub(crate) async fn ask(
        &mut self,
        unit: u8,
        read: &Read,
        ids: TransactionIds,
        pause: Duration,
        busy: &mut Busy,
    ) -> Result<Answer, Failure> {
        busy.rest = Duration::ZERO;
        if self
            .link
            .as_ref()
            .is_some_and(|link| link.could_mistake(unit, ids))
        {
            self.drop_link();
        }
        loop {
            if self.link.is_none() && !self.redial.may_try(self.timer.now()) {
                return Err(Failure::Down);
            }
            let had_worked = self.link.is_some() && self.proven;
            match self.ask_once(unit, read, ids, pause).await {
                Ok(answer) => return Ok(answer),
                Err(ReadError::Timeout) => return Err(self.timed_out()),
                Err(ReadError::Refused(code)) => match Refusal::of(code) {
                    Refusal::Unreachable => {
                        tracing::debug!(
                            connection = self.connection.name,
                            unit,
                            code,
                            "the gateway cannot reach the unit"
                        );
                        return Err(Failure::Unreachable);
                    }
                    Refusal::Busy => {
                        let Some(rest) = busy.rest(self.connection.timeout) else {
                            return Err(Failure::Refused(code));
                        };
                        self.timer.reaches(self.timer.now() + rest).await;
                    }
                    Refusal::Plain => return Err(Failure::Refused(code)),
                },
                Err(ReadError::Malformed) => return Err(Failure::Malformed),
                Err(ReadError::Lost(error)) => {
                    self.drop_link();
                    if !had_worked {
                        self.went_down(&error);
                        return Err(Failure::Down);
                    }
                }
            }
        }
    }

    async fn ask_once(
        &mut self,
        unit: u8,
        read: &Read,
        ids: TransactionIds,
        pause: Duration,
    ) -> Result<Answer, ReadError> {
        if self.link.is_none() {
            // On the heap, since it is long and seldom: what a task may need at once is kept for as long as the task runs.
            self.link = Some(Box::pin(self.dial()).await?);
        }
        let pause = self.pause.max(pause);
        if let Some(ended) = self.last_request_ended.filter(|_| !pause.is_zero()) {
            self.timer.reaches(ended + pause).await;
        }
        let Some(link) = &mut self.link else {
            return Err(ReadError::Lost(io::ErrorKind::NotConnected.into()));
        };
        let answer = link
            .read(&mut self.timer, unit, read, ids, self.connection.timeout)
            .await;
        if !pause.is_zero() {
            self.last_request_ended = Some(self.timer.now());
        }
        if !matches!(answer, Err(ReadError::Lost(_) | ReadError::Timeout)) {
            self.heard();
        }
        answer
    }

    async fn dial(&mut self) -> Result<OpenLink, ReadError> {
        let link = transport::dial(self.connection).await.map_err(ReadError::Lost)?;
        self.proven = false;
        if !self.connection.pause_after_connect.is_zero() {
            let settled = self.timer.now() + self.connection.pause_after_connect;
            self.timer.reaches(settled).await;
        }
        self.meters.set_up(true);
        if self.ever_up {
            self.meters.reconnects.increment(1);
        }
        self.ever_up = true;
        Ok(link)
    }

    /// Whether so many requests in a row brought nothing that the link itself is in doubt: its far end may have vanished without
    /// a word. Until an answer comes, each further one that brings nothing renews the doubt.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.timeouts_in_a_row >= TIMEOUTS_UNTIL_DOUBT
    }

    /// Gives the link up, to dial anew at the next request: nothing has been heard on it for long.
    pub(crate) fn give_up_link(&mut self) {
        self.drop_link();
        tracing::debug!(
            connection = self.connection.name,
            "nothing is heard on the connection; it is dialled again"
        );
    }

    fn timed_out(&mut self) -> Failure {
        self.timeouts_in_a_row = self.timeouts_in_a_row.saturating_add(1);
        Failure::Silent
    }

    fn drop_link(&mut self) {
        self.link = None;
        self.meters.set_up(false);
    }

    /// An answer came. Only that proves a link: some addresses take every connection and close it again.
    fn heard(&mut self) {
        self.timeouts_in_a_row = 0;
        if self.proven {
            return;
        }
        self.proven = true;
        self.redial.succeeded();
        if self.told != Some(LinkState::Works) {
            self.told = Some(LinkState::Works);
            tracing::info!(
                connection = self.connection.name,
                link = %self.connection.link,
                "connection works"
            );
        }
    }

    fn went_down(&mut self, error: &io::Error) {
        self.redial.failed(self.timer.now());
        if self.told != Some(LinkState::Down) {
            self.told = Some(LinkState::Down);
            let next = "it is dialled again, ever more seldom, up to every 10 s";
            tracing::warn!(connection = self.connection.name, link = %self.connection.link, %error, "connection is down; {next}");
        }
    }
}

/// The rest between two requests: what the connection says, and on a serial line at least the silence that ends a frame.
fn least_pause(connection: &Connection) -> Duration {
    match &connection.link {
        Link::ModbusRtu(line) => connection.pause.max(transport::serial::gap(line)),
        _ => connection.pause,
    }
}
