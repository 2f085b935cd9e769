//! The delivery loop: takes bodies from the outbox in order, sends them, and moves on only when the database has them.

mod ahead;
mod answer;
mod apart;
mod aside;
mod influx;
mod lost;
mod patience;
mod reading;
mod refusing;
mod stand;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use metrics::{Counter, Histogram, counter, gauge, histogram};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::gzip::{compressed, spoiled};
use super::outbox::{Newest, Outbox};
use crate::store::{Body, OutboxReader, Pending, StoreError, is_spoiled};
use ahead::Ahead;
use answer::{Refusal, Written};
use apart::{Apart, BadLine, Suspects};
use aside::Aside;
use lost::Lost;
use patience::{Again, Patience};
use stand::Stand;

pub use influx::{ClientError, Influx};
pub use stand::{DeliveryStand, RefusedLines};

/// At most so many bodies are read at a time.
const READ_BODIES: usize = 512;
/// One request has at most so many bytes, unless one body has more; as many are read ahead while it is under way.
const REQUEST_BYTES: usize = 2 << 20;
/// How long a spoiled outbox may take to be begun anew before it is opened again.
const ANEW: Duration = Duration::from_secs(30);
/// After the outbox could not be read.
const READ_AGAIN: Duration = Duration::from_millis(500);
/// Refused lines are told of at most so often: where a device's every line is refused, they come with every poll.
const TELL_REFUSED_EVERY: Duration = Duration::from_secs(60);
/// How often it is counted what waits, while something does.
const COUNT_EVERY: Duration = Duration::from_secs(2);

/// What a destination of the outbox is made of.
pub struct DeliveryParts {
    /// The name under which the outbox keeps how far it has come.
    pub destination: Arc<str>,
    /// The server.
    pub influx: Influx,
    /// What is to be delivered.
    pub reader: OutboxReader,
    /// Where deliveries are noted.
    pub outbox: Outbox,
    /// The newest body; wakes when there is a new one.
    pub newest: watch::Receiver<Newest>,
    /// Where what the server refused is set aside, with its reason.
    pub refused_folder: PathBuf,
}

/// One destination of the outbox.
pub struct Delivery {
    destination: Arc<str>,
    influx: Influx,
    reader: Arc<Mutex<OutboxReader>>,
    outbox: Outbox,
    newest: watch::Receiver<Newest>,
    stand: Stand,
    /// How long to wait after what fails.
    patience: Patience,
    /// Of which lines were refused lately.
    suspects: Suspects,
    lost: Lost,
    aside: Aside,
    delivered_samples: Counter,
    request_seconds: Histogram,
    counted_at: Option<tokio::time::Instant>,
    refused_told_at: Option<tokio::time::Instant>,
    /// Lines that were refused since then.
    refused_untold: usize,
}

/// What the loop does next.
enum Next {
    /// It goes on.
    On,
    /// It waits for so long.
    Wait(Duration),
}

impl Delivery {
    /// A destination that is not delivered to yet.
    pub fn new(parts: DeliveryParts) -> Self {
        Self {
            aside: Aside::new(&parts.refused_folder, &parts.destination),
            stand: Stand::new(&parts.destination),
            destination: parts.destination,
            influx: parts.influx,
            reader: Arc::new(Mutex::new(parts.reader)),
            outbox: parts.outbox,
            newest: parts.newest,
            patience: Patience::default(),
            suspects: Suspects::default(),
            lost: Lost::default(),
            delivered_samples: counter!("facility_samples_delivered_total"),
            request_seconds: histogram!("facility_delivery_seconds"),
            counted_at: Some(tokio::time::Instant::now()),
            refused_told_at: None,
            refused_untold: 0,
        }
    }

    /// How it goes.
    pub fn stand(&self) -> Arc<Mutex<DeliveryStand>> {
        self.stand.shown()
    }

    /// Delivers until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        // What was under way is given up at once when the gateway stops: what may have been written is sent again later, which does no
        // harm.
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.deliver() => {}
        }
    }

    async fn deliver(&mut self) {
        loop {
            // The number first: what is opened then is this file or one that came after it, and of one that is no more nothing is heard.
            let file = self.newest.borrow().file;
            self.open_again().await;
            let mut ahead = match self.read(OutboxReader::delivered).await {
                Ok(delivered) => Ahead::after(delivered, file, REQUEST_BYTES),
                Err(error) => {
                    self.could_not_read(&error, file).await;
                    continue;
                }
            };
            // As long as the outbox is the same file and can be read.
            while self.newest.borrow().file == file {
                match self.step(&mut ahead).await {
                    Ok(Next::On) => {}
                    Ok(Next::Wait(time)) => tokio::time::sleep(time).await,
                    Err(error) => {
                        self.could_not_read(&error, file).await;
                        break;
                    }
                }
            }
        }
    }

    /// One request, or the wait for something to send. Fails when the outbox cannot be read.
    async fn step(&mut self, ahead: &mut Ahead) -> Result<Next, StoreError> {
        if ahead.is_empty() {
            ahead.take_newest(&self.newest.borrow_and_update());
            if ahead.is_empty() {
                let last = ahead.last();
                ahead.push(self.read_after(last).await?);
            }
            if ahead.is_empty() {
                self.all_is_delivered();
                if self.newest.changed().await.is_err() {
                    error!(
                        "the outbox's thread has ended: nothing more is delivered until the gateway is restarted"
                    );
                    std::future::pending::<()>().await;
                }
                return Ok(Next::On);
            }
        }
        self.count_what_waits().await;
        if let Some(apart) = ahead.apart.take() {
            return Ok(self.go_on_apart(apart, ahead).await);
        }
        if let Some(body) = ahead.first_if_spoiled() {
            let refusal = Refusal::uncounted("it was looked at after an answer of the server".to_owned());
            ahead.apart = Some(Apart::of(&body.bytes, refusal, &self.suspects));
            return Ok(Next::On);
        }
        if let Some(body) = ahead.first_if_too_slow() {
            ahead.apart = Some(Apart::of_slow(&body.bytes, &self.suspects));
            return Ok(Next::On);
        }
        #[cfg(feature = "planted-faults")]
        self.move_early(ahead);
        let started = std::time::Instant::now();
        // What comes next is read while this is under way.
        let write = self.influx.write(ahead.request());
        let (written, more) = tokio::join!(write, self.read_more(ahead));
        self.request_seconds.record(started.elapsed());
        // The answer first: what it says is so although what comes next cannot be read.
        let next = self.answered(written, ahead).await;
        ahead.push(more?);
        Ok(next)
    }

    /// What a request's answer says is done.
    async fn answered(&mut self, written: Written, ahead: &mut Ahead) -> Next {
        // A server that cannot unpack what it is sent says so in as many ways as there are servers.
        let may_be_unreadable = matches!(
            written,
            Written::Broken(..) | Written::Slow(..) | Written::Denied(_)
        );
        if may_be_unreadable && has_spoiled(ahead).await {
            return Next::On;
        }
        let refusal = match written {
            Written::Done => {
                let (number, samples) = ahead.taken();
                self.lost.passed();
                self.delivered_samples.increment(samples);
                self.stand.succeeded();
                self.outbox.delivered(&self.destination, ahead.file, number);
                self.patience.renew();
                return Next::On;
            }
            Written::Refused(refusal) => {
                if let Some(next) = self.hold_back(&refusal.reason, ahead).await {
                    return next;
                }
                ahead.refused().map(|body| (body, refusal))
            }
            Written::TooLarge(reason) => {
                if let Some(next) = self.hold_back(&reason, ahead).await {
                    return next;
                }
                ahead.too_large().map(|body| (body, Refusal::uncounted(reason)))
            }
            Written::Slow(..) => {
                ahead.slow();
                return self.not_taken(written);
            }
            other => return self.not_taken(other),
        };
        if let Some((body, refusal)) = refusal {
            ahead.apart = Some(Apart::of(&body.bytes, refusal, &self.suspects));
        }
        Next::On
    }

    /// Notes why nothing was written, and says how long to wait.
    fn not_taken(&mut self, written: Written) -> Next {
        let again = match written {
            Written::Later(reason, again) | Written::Broken(reason, again) | Written::Slow(reason, again) => {
                self.stand.failed(reason, false);
                again
            }
            Written::Denied(reason) => {
                self.stand.failed(reason, true);
                Again::Soon
            }
            Written::Done | Written::Refused(_) | Written::TooLarge(_) => return Next::On,
        };
        Next::Wait(self.patience.after(again))
    }

    /// The planted fault: what is about to be sent counts as delivered before the database has answered.
    #[cfg(feature = "planted-faults")]
    fn move_early(&self, ahead: &Ahead) {
        if crate::planted::Fault::MovedBeforeAnswer.is_planted() {
            self.outbox.delivered(&self.destination, ahead.file, ahead.last());
        }
    }
}

/// Whether one of the bodies that were just sent is not what was packed: a bit may have turned on the disk. Each is looked at once.
async fn has_spoiled(ahead: &mut Ahead) -> bool {
    let bodies = ahead.unchecked();
    let first = tokio::task::spawn_blocking(move || {
        let found = bodies.iter().find(|body| spoiled(&body.bytes).is_some());
        found.map(|body| body.number)
    });
    let Ok(Some(number)) = first.await else {
        return false;
    };
    ahead.found_spoiled(number);
    true
}
