//! How far each destination has come, told to the outbox's thread beside its queue: it hears of deliveries also while a full disk keeps
//! it from taking batches out of that, for what is delivered is what makes room.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is told of one file of the outbox, and was not heard yet.
#[derive(Debug, Default)]
pub(super) struct SoFar {
    file: u32,
    /// Up to which body each destination has everything.
    pub(super) delivered: BTreeMap<Arc<str>, i64>,
    /// Somebody could not read the file.
    pub(super) is_spoiled: bool,
}

#[derive(Debug, Default)]
struct Told {
    so_far: SoFar,
    is_called: bool,
}

/// Where it is told and heard.
#[derive(Clone, Debug, Default)]
pub(super) struct Deliveries(Arc<Mutex<Told>>);

impl Deliveries {
    /// Everything up to a body of a file was delivered; whether the thread is to be called, which it is once however much it is told.
    pub(super) fn tell(&self, destination: &Arc<str>, file: u32, number: i64) -> bool {
        self.add(file, |so_far| {
            let far = so_far.delivered.entry(Arc::clone(destination)).or_default();
            *far = number.max(*far);
        })
    }

    /// A file could not be read; whether the thread is to be called.
    pub(super) fn tell_spoiled(&self, file: u32) -> bool {
        self.add(file, |so_far| so_far.is_spoiled = true)
    }

    /// The thread was called: the next that is told calls it again.
    pub(super) fn answered(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_called = false;
    }

    /// What was told of a file since the last time. A number of one that is no more would count bodies as delivered that never were.
    pub(super) fn hear(&self, file: u32) -> SoFar {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = std::mem::take(&mut told.so_far);
        if heard.file == file {
            heard
        } else {
            SoFar::default()
        }
    }

    fn add(&self, file: u32, what: impl FnOnce(&mut SoFar)) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.so_far.file < file {
            told.so_far = SoFar {
                file,
                ..SoFar::default()
            };
        }
        if told.so_far.file == file {
            what(&mut told.so_far);
        }
        !std::mem::replace(&mut told.is_called, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_much_is_told_calls_once_and_each_destination_is_as_far_as_it_came() {
        let (deliveries, near, far) = (Deliveries::default(), Arc::from("near"), Arc::from("far"));
        assert!(deliveries.tell(&near, 0, 3));
        assert!(!deliveries.tell(&near, 0, 7));
        assert!(!deliveries.tell(&far, 0, 2));
        let heard = deliveries.hear(0);
        assert_eq!(heard.delivered, BTreeMap::from([(near.clone(), 7), (far, 2)]));
        assert!(deliveries.hear(0).delivered.is_empty(), "heard once");
        assert!(!deliveries.tell(&near, 0, 8), "it is on its way");
        deliveries.answered();
        assert!(deliveries.tell(&near, 0, 9));
    }

    #[test]
    fn what_is_told_of_a_file_that_is_no_more_counts_nothing_as_delivered() {
        let (deliveries, near) = (Deliveries::default(), Arc::from("near"));
        deliveries.tell(&near, 0, 7);
        deliveries.tell_spoiled(1);
        deliveries.tell(&near, 0, 8);
        deliveries.tell(&near, 1, 2);
        let heard = deliveries.hear(1);
        assert_eq!(
            (heard.delivered, heard.is_spoiled),
            (BTreeMap::from([(near, 2)]), true)
        );
        deliveries.tell_spoiled(1);
        assert!(!deliveries.hear(2).is_spoiled);
    }
}
