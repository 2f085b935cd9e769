//! The delivery loop: takes bodies from the outbox in order, sends them, and moves on only when the database has them.

mod ahead;
mod apart;
mod aside;
mod influx;
mod patience;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use metrics::{Counter, Histogram, counter, gauge, histogram};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::gzip::compressed;
use super::outbox::{Newest, Outbox};
use crate::store::{Body, OutboxReader, Pending, StoreError, is_spoiled};
use ahead::Ahead;
use apart::{Apart, BadLine, Suspects, samples};
use aside::Aside;
use patience::{Again, Patience};

use influx::Written;
pub use influx::{ClientError, Influx};

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

/// How delivery goes, for people.
#[derive(Clone, Debug, Default)]
pub struct DeliveryStand {
    /// When the database took something last.
    pub last_written_at: Option<Timestamp>,
    /// Why it does not now.
    pub error: Option<String>,
    /// Since when it does not.
    pub failing_since: Option<Timestamp>,
    /// Whether it is because the database does not know us: that does not mend itself.
    pub denied: bool,
    /// What waits.
    pub pending: Pending,
}

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
    stand: Arc<Mutex<DeliveryStand>>,
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
            destination: parts.destination,
            influx: parts.influx,
            reader: Arc::new(Mutex::new(parts.reader)),
            outbox: parts.outbox,
            newest: parts.newest,
            stand: Arc::default(),
            delivered_samples: counter!("facility_samples_delivered_total"),
            request_seconds: histogram!("facility_delivery_seconds"),
            counted_at: Some(tokio::time::Instant::now()),
            refused_told_at: None,
            refused_untold: 0,
        }
    }

    /// How it goes.
    pub fn stand(&self) -> Arc<Mutex<DeliveryStand>> {
        Arc::clone(&self.stand)
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
        let mut patience = Patience::default();
        let mut suspects = Suspects::default();
        loop {
            let file = self.newest.borrow().file;
            let mut ahead = match self.read(OutboxReader::delivered).await {
                Ok(delivered) => Ahead::after(delivered, file, REQUEST_BYTES),
                Err(error) => {
                    self.reopen(&error).await;
                    continue;
                }
            };
            // As long as the outbox is the same file and can be read.
            while self.newest.borrow().file == file {
                match self.step(&mut ahead, &mut patience, &mut suspects).await {
                    Ok(Next::On) => {}
                    Ok(Next::Wait(time)) => tokio::time::sleep(time).await,
                    Err(error) => {
                        self.reopen(&error).await;
                        break;
                    }
                }
            }
            self.open_again().await;
        }
    }

    /// One request, or the wait for something to send. Fails when the outbox cannot be read.
    async fn step(
        &mut self,
        ahead: &mut Ahead,
        patience: &mut Patience,
        suspects: &mut Suspects,
    ) -> Result<Next, StoreError> {
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
            return Ok(self.go_on_apart(apart, ahead, patience, suspects).await);
        }
        #[cfg(feature = "planted-faults")]
        self.move_early(ahead);
        let started = std::time::Instant::now();
        // What comes next is read while this is under way.
        let write = self.influx.write(ahead.request());
        let (written, more) = tokio::join!(write, self.read_more(ahead));
        self.request_seconds.record(started.elapsed());
        ahead.push(more?);
        let again = match written {
            Written::Done => {
                let (number, samples) = ahead.taken();
                self.succeeded(samples);
                self.outbox.delivered(&self.destination, ahead.file, number);
                patience.renew();
                return Ok(Next::On);
            }
            Written::Refused(refusal) => {
                if let Some(body) = ahead.refused() {
                    ahead.apart = Some(Apart::of(&body.bytes, refusal, suspects));
                }
                return Ok(Next::On);
            }
            Written::TooLarge(reason) => {
                if let Some(body) = ahead.too_large() {
                    let refusal = influx::Refusal {
                        reason,
                        dropped: None,
                    };
                    ahead.apart = Some(Apart::of(&body.bytes, refusal, suspects));
                }
                return Ok(Next::On);
            }
            Written::Later(reason, again) => {
                self.failed(reason, false);
                again
            }
            Written::Slow(reason) => {
                ahead.slow();
                self.failed(reason, false);
                Again::Soon
            }
            Written::Denied(reason) => {
                self.failed(reason, true);
                Again::Soon
            }
        };
        Ok(Next::Wait(patience.after(again)))
    }

    /// The planted fault: what is about to be sent counts as delivered before the database has answered.
    #[cfg(feature = "planted-faults")]
    fn move_early(&self, ahead: &Ahead) {
        if crate::planted::Fault::MovedBeforeAnswer.is_planted() {
            self.outbox.delivered(&self.destination, ahead.file, ahead.last());
        }
    }

    /// The next request about a body of which lines are refused; once every line is judged, the bad ones are set aside and it is done
    /// with.
    async fn go_on_apart(
        &mut self,
        mut apart: Apart,
        ahead: &mut Ahead,
        patience: &mut Patience,
        suspects: &mut Suspects,
    ) -> Next {
        let Some(piece) = apart.next() else {
            self.set_aside(apart, ahead, suspects);
            return Next::On;
        };
        let again = match self.influx.write(compressed(&piece)).await {
            Written::Done => {
                apart.taken();
                patience.renew();
                None
            }
            Written::Refused(refusal) => {
                apart.refused(refusal);
                None
            }
            Written::TooLarge(reason) => {
                apart.refused(influx::Refusal {
                    reason,
                    dropped: None,
                });
                None
            }
            Written::Later(reason, again) => {
                self.failed(reason, false);
                Some(again)
            }
            Written::Slow(reason) => {
                self.failed(reason, false);
                Some(Again::Soon)
            }
            Written::Denied(reason) => {
                self.failed(reason, true);
                Some(Again::Soon)
            }
        };
        ahead.apart = Some(apart);
        again.map_or(Next::On, |again| Next::Wait(patience.after(again)))
    }

    /// Keeps refused lines beside their reason, so that nothing is lost silently and what follows is not held up.
    fn set_aside(&mut self, apart: Apart, ahead: &mut Ahead, suspects: &mut Suspects) {
        let destination = self.destination.to_string();
        if let Some(spoiled) = &apart.spoiled {
            counter!("facility_outbox_spoiled_bodies_total", "destination" => destination.clone())
                .increment(1);
            error!(
                destination,
                spoiled, "a body of the outbox could not be unpacked to its end; what could was delivered"
            );
        }
        let bad = apart.finish(suspects);
        let refused: u64 = bad.iter().map(|bad| samples(&bad.line)).sum();
        let (number, all) = ahead.taken_apart();
        if !bad.is_empty() {
            counter!("facility_samples_refused_total", "destination" => destination.clone())
                .increment(refused);
            let kept = self.aside.keep(number, &bad, Timestamp::now());
            match &kept {
                Ok(gone) => counter!("facility_refused_lines_dropped_total", "destination" => destination)
                    .increment(*gone),
                Err(_) => counter!("facility_outbox_dropped_samples_total").increment(refused),
            }
            self.tell_refused(&bad, kept.err());
        }
        self.succeeded(all.saturating_sub(refused));
        self.outbox.delivered(&self.destination, ahead.file, number);
    }

    /// Says that lines are refused: at once, and then now and again while more are.
    fn tell_refused(&mut self, bad: &[BadLine], not_kept: Option<std::io::Error>) {
        self.refused_untold += bad.len();
        let now = tokio::time::Instant::now();
        let told_lately = |at| now.duration_since(at) < TELL_REFUSED_EVERY;
        if self.refused_told_at.is_some_and(told_lately) {
            return;
        }
        self.refused_told_at = Some(now);
        let lines = std::mem::take(&mut self.refused_untold);
        let (destination, file) = (&self.destination, self.aside.path());
        let reason = bad.first().map_or("", |bad| bad.reason.as_ref());
        match not_kept {
            None => error!(
                %destination, lines, reason, file = %file.display(),
                "the database refused lines; they are kept in the file with its reasons: remove the cause, then write them again"
            ),
            Some(error) => error!(
                %destination, lines, reason, %error, file = %file.display(),
                "the database refused lines, and they could not be kept: they are lost, and counted"
            ),
        }
    }

    fn succeeded(&self, samples: u64) {
        self.delivered_samples.increment(samples);
        let mut stand = self.stand.lock().unwrap_or_else(PoisonError::into_inner);
        stand.last_written_at = Some(Timestamp::now());
        (stand.failing_since, stand.denied) = (None, false);
        if stand.error.take().is_some() {
            info!(
                destination = %self.destination,
                "the database takes telemetry again"
            );
        }
    }

    /// Logged when the reason changes, not at every try.
    fn failed(&self, reason: String, denied: bool) {
        counter!("facility_delivery_failures_total").increment(1);
        let mut stand = self.stand.lock().unwrap_or_else(PoisonError::into_inner);
        if stand.error.as_ref() != Some(&reason) {
            warn!(
                destination = %self.destination,
                reason, "the database does not take telemetry; it waits in the outbox"
            );
        }
        stand.error = Some(reason);
        stand.denied = denied;
        stand.failing_since.get_or_insert_with(Timestamp::now);
    }

    /// The outbox could not be read: a spoiled one is begun anew by its thread, and either way it is opened again.
    async fn reopen(&mut self, error: &StoreError) {
        warn!(%error, destination = %self.destination, "the outbox cannot be read; it is opened again");
        if is_spoiled(error) {
            let file = self.newest.borrow().file;
            self.outbox.spoiled(file);
            let _ = tokio::time::timeout(ANEW, self.newest.wait_for(|newest| newest.file != file)).await;
        } else {
            tokio::time::sleep(READ_AGAIN).await;
        }
        self.open_again().await;
    }

    /// Opens the outbox's present file, however long that takes: the numbers of one that was moved aside mean nothing in the new one.
    async fn open_again(&self) {
        let mut is_told = false;
        while let Err(error) = self.reopened() {
            if !is_told {
                warn!(%error, destination = %self.destination, "the outbox cannot be opened again yet");
                is_told = true;
            }
            tokio::time::sleep(READ_AGAIN).await;
        }
    }

    fn reopened(&self) -> Result<(), StoreError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.reopen()
    }

    /// What can be read while a request is under way, if there is more and it is not read yet.
    async fn read_more(&self, ahead: &Ahead) -> Result<Vec<Body>, StoreError> {
        if ahead.has_enough() || self.newest.borrow().number <= ahead.last() {
            return Ok(Vec::new());
        }
        self.read_after(ahead.last()).await
    }

    async fn read_after(&self, number: i64) -> Result<Vec<Body>, StoreError> {
        self.read(move |reader, _| reader.after(number, READ_BODIES, REQUEST_BYTES))
            .await
    }

    /// Nothing waits: known without counting.
    fn all_is_delivered(&mut self) {
        if self.counted_at.take().is_some() {
            self.show_what_waits(Pending::default());
        }
    }

    /// Counts what waits, now and then while something does.
    async fn count_what_waits(&mut self) {
        let now = tokio::time::Instant::now();
        match self.counted_at {
            None => self.counted_at = Some(now),
            Some(at) if now.duration_since(at) >= COUNT_EVERY => {
                self.counted_at = Some(now);
                if let Ok(pending) = self.read(OutboxReader::pending).await {
                    self.show_what_waits(pending);
                }
            }
            Some(_) => {}
        }
    }

    fn show_what_waits(&self, pending: Pending) {
        let name = self.destination.to_string();
        gauge!("facility_outbox_bytes", "destination" => name.clone()).set(pending.bytes as f64);
        gauge!("facility_outbox_samples", "destination" => name).set(pending.samples as f64);
        self.stand.lock().unwrap_or_else(PoisonError::into_inner).pending = pending;
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&OutboxReader, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reader, name) = (Arc::clone(&self.reader), self.destination.clone());
        let done = tokio::task::spawn_blocking(move || {
            work(&reader.lock().unwrap_or_else(PoisonError::into_inner), &name)
        });
        done.await
            .unwrap_or_else(|error| Err(StoreError::Stopped(error.to_string())))
    }
}
