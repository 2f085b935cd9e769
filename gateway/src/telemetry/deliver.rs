//! The delivery loop: takes bodies from the outbox in order, sends them, and moves on only when the database has them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use metrics::{counter, gauge, histogram};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::influx::{Influx, Written};
use super::outbox::Outbox;
use crate::store::{Body, OutboxReader, Pending, StoreError, is_spoiled};

/// One request has at most so many bodies, and so many bytes of them.
const REQUEST_BODIES: usize = 256;
const REQUEST_BYTES: usize = 2 << 20;
const BACK_OFF_FIRST: Duration = Duration::from_millis(500);
const BACK_OFF_MOST: Duration = Duration::from_secs(30);

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

/// One destination of the outbox.
pub struct Delivery {
    /// The name under which the outbox keeps how far it has come.
    pub destination: Arc<str>,
    /// The server.
    pub influx: Influx,
    /// What is to be delivered.
    pub reader: Arc<Mutex<OutboxReader>>,
    /// Where deliveries are noted.
    pub outbox: Outbox,
    /// The number of the newest body; wakes when there is a new one.
    pub newest: watch::Receiver<i64>,
    /// How it goes.
    pub stand: Arc<Mutex<DeliveryStand>>,
    /// Where what the server refused is set aside, with its reason.
    pub refused_folder: PathBuf,
}

impl Delivery {
    /// Delivers until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut delivered = match self.read(OutboxReader::delivered).await {
            Ok(delivered) => delivered,
            Err(error) => {
                return error!(%error, "the outbox cannot be read: nothing is delivered until the gateway is restarted");
            }
        };
        let mut back_off = BACK_OFF_FIRST;
        while !stop.is_cancelled() {
            let bodies = match self
                .read(move |reader, _| reader.after(delivered, REQUEST_BODIES, REQUEST_BYTES))
                .await
            {
                Ok(bodies) => bodies,
                Err(error) => {
                    self.reopen(&error).await;
                    sleep(BACK_OFF_FIRST, &stop).await;
                    continue;
                }
            };
            if bodies.is_empty() {
                self.note_pending().await;
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = self.newest.changed() => {}
                }
                continue;
            }
            // Given up at once when the gateway stops: what may have been written is sent again later, which does no harm.
            let sent = tokio::select! {
                () = stop.cancelled() => return,
                sent = self.send(&bodies) => sent,
            };
            match sent {
                Ok(number) => {
                    delivered = number;
                    back_off = BACK_OFF_FIRST;
                    self.outbox.delivered(&self.destination, delivered);
                }
                Err((reason, denied)) => {
                    self.failed(reason, denied);
                    self.note_pending().await;
                    sleep(back_off, &stop).await;
                    back_off = (back_off * 2).min(BACK_OFF_MOST);
                }
            }
        }
    }

    /// Sends the first of the bodies, as many as one request may have; returns the number of the last that is done with.
    async fn send(&self, bodies: &[Body]) -> Result<i64, (String, bool)> {
        let mut count = 0;
        let mut bytes = 0;
        for body in bodies {
            if count > 0 && bytes + body.bytes.len() > REQUEST_BYTES {
                break;
            }
            count += 1;
            bytes += body.bytes.len();
        }
        loop {
            let request = bodies.get(..count).unwrap_or(bodies);
            let (Some(last), samples) = (
                request.last(),
                request.iter().map(|body| body.samples).sum::<u64>(),
            ) else {
                return Err(("nothing to send".into(), false));
            };
            let started = std::time::Instant::now();
            let written = self.influx.write(joined(request)).await;
            histogram!("facility_delivery_seconds").record(started.elapsed());
            match written {
                Written::Done => {
                    self.succeeded(samples);
                    return Ok(last.number);
                }
                Written::Later(reason) => return Err((reason, false)),
                Written::Denied(reason) => return Err((reason, true)),
                // What one request refuses, a smaller one may take: the fault is found by halves.
                Written::Refused(_) | Written::TooLarge if count > 1 => count /= 2,
                Written::Refused(reason) => {
                    self.set_aside(last, &reason);
                    return Ok(last.number);
                }
                Written::TooLarge => {
                    self.set_aside(last, "413: one body is too large for the server");
                    return Ok(last.number);
                }
            }
        }
    }

    /// Keeps a refused body beside its reason, so that nothing is lost silently and what follows is not held up.
    fn set_aside(&self, body: &Body, reason: &str) {
        counter!("facility_outbox_refused_bodies_total").increment(1);
        let file = self
            .refused_folder
            .join(format!("{}-{}.lp.gz", self.destination, body.number));
        let kept = std::fs::create_dir_all(&self.refused_folder)
            .and_then(|()| std::fs::write(&file, &body.bytes))
            .and_then(|()| std::fs::write(file.with_extension("reason.txt"), reason));
        match kept {
            Ok(()) => {
                error!(destination = %self.destination, reason, file = %file.display(), "the database refused lines; the body is kept")
            }
            Err(error) => {
                error!(destination = %self.destination, reason, %error, "the database refused lines, and they could not be kept")
            }
        }
    }

    fn succeeded(&self, samples: u64) {
        counter!("facility_samples_delivered_total").increment(samples);
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
            self.outbox.spoiled();
            let _ = tokio::time::timeout(BACK_OFF_MOST, self.newest.changed()).await;
        }
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = reader.reopen() {
            warn!(%error, "the outbox cannot be opened again yet");
        }
    }

    async fn note_pending(&self) {
        if let Ok(pending) = self.read(OutboxReader::pending).await {
            let name = self.destination.to_string();
            gauge!("facility_outbox_bytes", "destination" => name.clone()).set(pending.bytes as f64);
            gauge!("facility_outbox_samples", "destination" => name).set(pending.samples as f64);
            self.stand.lock().unwrap_or_else(PoisonError::into_inner).pending = pending;
        }
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

/// The bodies one after another: gzip members together are gzip again.
fn joined(bodies: &[Body]) -> Vec<u8> {
    let parts: Vec<&[u8]> = bodies.iter().map(|body| body.bytes.as_slice()).collect();
    parts.concat()
}

async fn sleep(time: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(time) => {}
    }
}
