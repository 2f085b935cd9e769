//! What a delivery reads of the outbox: the next bodies, how many wait, and the file again after it could not be read.

use super::*;

impl Delivery {
    /// A file of the outbox could not be read: a spoiled one is begun anew by its thread, and either way it is to be opened again. Which
    /// file, since it may have been begun anew meanwhile, and the new one is not to blame.
    pub(super) async fn could_not_read(&mut self, error: &StoreError, file: u32) {
        self.not_read(error, "the outbox cannot be read; it is opened again");
        if is_spoiled(error) {
            self.outbox.spoiled(file);
            let _ = tokio::time::timeout(ANEW, self.newest.wait_for(|newest| newest.file != file)).await;
        } else {
            tokio::time::sleep(READ_AGAIN).await;
        }
    }

    /// Opens the outbox's present file, however long that takes: the numbers of one that was moved aside mean nothing in the new one.
    pub(super) async fn open_again(&self) {
        while let Err(error) = self.reopened() {
            self.not_read(&error, "the outbox cannot be opened again yet");
            tokio::time::sleep(READ_AGAIN).await;
        }
    }

    /// Nothing is delivered while nothing can be read: that is told like a database that is away.
    fn not_read(&self, error: &StoreError, what: &str) {
        if self
            .stand
            .note_failure(&format!("the outbox cannot be read: {error}"), false)
        {
            warn!(%error, destination = %self.destination, "{what}");
        }
    }

    fn reopened(&self) -> Result<(), StoreError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.reopen()
    }

    /// What can be read while a request is under way, if there is more and it is not read yet.
    pub(super) async fn read_more(&self, ahead: &Ahead) -> Result<Vec<Body>, StoreError> {
        if ahead.has_enough() || self.newest.borrow().number <= ahead.last() {
            return Ok(Vec::new());
        }
        self.read_after(ahead.last()).await
    }

    pub(super) async fn read_after(&self, number: i64) -> Result<Vec<Body>, StoreError> {
        self.read(move |reader, _| reader.after(number, READ_BODIES, REQUEST_BYTES))
            .await
    }

    /// Nothing waits: known without counting.
    pub(super) fn all_is_delivered(&mut self) {
        if self.counted_at.take().is_some() {
            self.show_what_waits(Pending::default());
        }
    }

    /// Counts what waits, now and then while something does.
    pub(super) async fn count_what_waits(&mut self) {
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
        self.stand.pending(pending);
    }

    pub(super) async fn read<T: Send + 'static>(
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
