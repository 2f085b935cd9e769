//! The courier: sends every notice that is due to the webhook, and tries again until it is taken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::desk::DeskHandle;
use crate::store::{PendingNotice, RecordsReader};
use crate::tickets::WorkCalendar;
use crate::view::WebhookView;

/// How long one POST may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait between two tries; it goes on for ever, since somebody is waiting for help.
const BACK_OFF_MOST: SignedDuration = SignedDuration::from_secs(60);
/// How many notices are read at once.
const AT_ONCE: usize = 32;

/// Sends notices to the webhook.
pub struct Courier {
    /// Where to POST.
    pub url: String,
    /// What is to be sent.
    pub reader: Arc<Mutex<RecordsReader>>,
    /// Where it is noted.
    pub desk: DeskHandle,
    /// Wakes when there is something new.
    pub fresh: Arc<Notify>,
    /// For the clocks that a notice shows.
    pub calendar: Arc<WorkCalendar>,
}

impl Courier {
    /// Sends until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let client = match reqwest::Client::builder()
            .timeout(TIMEOUT)
            // Followed, a redirection turns the alert into the reading of some page, and nobody is told.
            .redirect(reqwest::redirect::Policy::none())
            .build()
        {
            Ok(client) => client,
            Err(error) => {
                return tracing::error!(%error, "no alert can be sent: the HTTP client could not be made");
            }
        };
        while !stop.is_cancelled() {
            let now = Timestamp::now();
            let (due, next) = match self.to_send(now).await {
                Ok(found) => found,
                Err(error) => {
                    warn!(error, "the notices to send cannot be read; it is tried again");
                    (Vec::new(), now.saturating_add(BACK_OFF_MOST).ok())
                }
            };
            if due.is_empty() {
                let wait = next.map_or(Duration::from_secs(3600), |next| {
                    Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO)
                });
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.fresh.notified() => {}
                    () = tokio::time::sleep(wait) => {}
                }
                continue;
            }
            for pending in due {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.send(&client, pending) => {}
                }
            }
        }
    }

    async fn send(&self, client: &reqwest::Client, pending: PendingNotice) {
        let PendingNotice { notice, tries } = pending;
        let body = WebhookView::new(&notice, &self.calendar);
        let answer = client.post(&self.url).json(&body).send().await;
        let failure = match answer {
            Ok(response) if response.status().is_success() => None,
            Ok(response) if response.status().is_redirection() => Some(format!(
                "it answered {}: write the address that it redirects to",
                response.status()
            )),
            Ok(response) => Some(format!("it answered {}", response.status())),
            Err(error) => Some(crate::failure::chain(&error.without_url())),
        };
        let now = Timestamp::now();
        match failure {
            None => {
                counter!("facility_notices_sent_total").increment(1);
                if tries > 0 {
                    info!(key = notice.key, tries, "the webhook took the notice at last");
                }
                self.desk.notice_sent(notice.key, now).await;
            }
            Some(reason) => {
                counter!("facility_notice_failures_total").increment(1);
                // Logged at the first try and then each time the number of tries doubles: it may go on for days.
                if (tries + 1).is_power_of_two() {
                    warn!(
                        key = notice.key,
                        tries = tries + 1,
                        reason,
                        "the webhook did not take the notice; it is tried again"
                    );
                }
                let next_at = now.saturating_add(back_off(tries)).unwrap_or(now);
                self.desk.notice_failed(notice.key, reason, next_at).await;
            }
        }
    }

    async fn to_send(&self, now: Timestamp) -> Result<(Vec<PendingNotice>, Option<Timestamp>), String> {
        let reader = Arc::clone(&self.reader);
        let found = tokio::task::spawn_blocking(move || {
            let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            reader
                .notices_to_send(now, AT_ONCE)
                .map_err(|error| error.to_string())
        });
        found.await.map_err(|error| error.to_string())?
    }
}

/// How long to wait after so many tries: 1 s, 2 s, 4 s, … 60 s.
fn back_off(tries: u32) -> SignedDuration {
    SignedDuration::from_secs(1_i64 << tries.min(6)).min(BACK_OFF_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let waits: Vec<_> = [0, 1, 5, 6, 400].map(|tries| back_off(tries).as_secs()).into();
        assert_eq!(waits, [1, 2, 32, 60, 60]);
    }
}
