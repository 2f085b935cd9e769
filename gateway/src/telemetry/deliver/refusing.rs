//! What becomes of a body that is taken apart: its pieces are written, and refused lines are found, kept beside their reason and told of, as
//! long as it is not everything that is refused.

use super::*;

impl Delivery {
    /// The next request about a body that is taken apart; once every line is judged, the bad ones are set aside and it is done with.
    pub(super) async fn go_on_apart(&mut self, mut apart: Apart, ahead: &mut Ahead) -> Next {
        let Some(piece) = apart.next() else {
            self.set_aside(apart, ahead).await;
            return Next::On;
        };
        let packed = compressed(&piece);
        let bytes = packed.len();
        if ahead.is_too_slow(bytes) && apart.halve() {
            ahead.apart = Some(apart);
            return Next::On;
        }
        let next = match self.influx.write(packed).await {
            Written::Done => {
                apart.taken();
                self.lost.passed();
                self.patience.renew();
                Next::On
            }
            Written::Refused(refusal) => self.part(&mut apart, refusal, ahead).await,
            Written::TooLarge(reason) => self.part(&mut apart, Refusal::uncounted(reason), ahead).await,
            Written::Slow(reason, again) => {
                ahead.slow_piece(bytes);
                self.not_taken(Written::Slow(reason, again))
            }
            other => self.not_taken(other),
        };
        ahead.apart = Some(apart);
        next
    }

    /// A piece was refused. That may be the first that is refused of the body, where it was taken apart since it was too slow.
    async fn part(&mut self, apart: &mut Apart, refusal: Refusal, ahead: &Ahead) -> Next {
        if let Some(next) = self.hold_back(&refusal.reason, ahead).await {
            return next;
        }
        apart.refused(refusal);
        Next::On
    }

    /// Where bodies in a row lost every line, nothing more is set aside until the server takes at least one line of those that wait, each
    /// asked about by itself. What it takes then is sent again in its turn, which does no harm; and so is what it has just refused, since
    /// the cause may have been removed meanwhile.
    pub(super) async fn hold_back(&mut self, reason: &str, ahead: &Ahead) -> Option<Next> {
        if !self.lost.is_everything() {
            return None;
        }
        let newest = self.newest.borrow().body.clone();
        for line in self.lost.next_to_try(newest, &ahead.bodies(), &self.suspects) {
            match self.influx.write(compressed(&format!("{line}\n"))).await {
                Written::Done => {
                    self.lost.passed();
                    return Some(Next::On);
                }
                Written::Refused(_) | Written::TooLarge(_) => self.suspects.note(&line),
                other => return Some(self.not_taken(other)),
            }
        }
        Some(self.not_taken(Written::Denied(format!(
            "{reason}: every line that is sent is refused, and kept until one passes: correct `url`, or what the database says"
        ))))
    }

    /// Keeps refused lines beside their reason, so that nothing is lost silently and what follows is not held up.
    async fn set_aside(&mut self, apart: Apart, ahead: &mut Ahead) {
        let destination = self.destination.to_string();
        let (number, samples) = ahead.taken_apart();
        let judged = apart.finish(samples, &mut self.suspects);
        counter!("facility_samples_refused_total", "destination" => destination.clone())
            .increment(judged.refused);
        let kept = match judged.bad.is_empty() {
            true => Ok(0),
            false => self.keep(number, &judged.bad).await,
        };
        let lost = match &kept {
            Ok(gone) => {
                counter!("facility_refused_lines_dropped_total", "destination" => destination.clone())
                    .increment(*gone);
                judged.unreadable
            }
            Err(_) => judged.refused,
        };
        counter!("facility_outbox_dropped_samples_total").increment(lost);
        if let Some(spoiled) = &judged.spoiled {
            counter!("facility_outbox_spoiled_bodies_total", "destination" => destination.clone())
                .increment(1);
            error!(
                destination, body = number, spoiled, lost, lines = judged.bad.len(), file = %self.aside.path().display(),
                "a body of the outbox was spoiled on the disk and is not written: look at its lines in the file, and at the disk"
            );
        } else {
            if !judged.bad.is_empty() {
                self.tell_refused(&judged.bad, kept.err());
            }
            self.lost.body(judged.is_written);
        }
        if judged.is_written {
            self.delivered_samples
                .increment(samples.saturating_sub(judged.refused));
            self.stand.succeeded();
        }
        self.outbox.delivered(&self.destination, ahead.file, number);
    }

    /// The disk may take its time, which nobody else waits for.
    async fn keep(&self, body: i64, bad: &Arc<[BadLine]>) -> std::io::Result<u64> {
        let (aside, bad) = (self.aside.clone(), Arc::clone(bad));
        let kept = tokio::task::spawn_blocking(move || aside.keep(body, &bad, Timestamp::now()));
        kept.await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }

    /// Says that lines are refused: at once, and then now and again while more are.
    fn tell_refused(&mut self, bad: &[BadLine], not_kept: Option<std::io::Error>) {
        self.refused_untold += bad.len();
        let reason = bad.last().map_or("", |bad| bad.reason.as_ref());
        self.stand.refused(bad.len(), reason);
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
}
