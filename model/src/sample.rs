//! What a driver hands on: the samples of one device from one poll or one message.

use jiff::Timestamp;

use crate::{DeviceIndex, PointId, Reading};

/// A point's reading; when it was read is its batch's time.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Whose reading.
    pub point: PointId,
    /// What it says.
    pub reading: Reading,
}

/// The samples of one device from one poll or one message: the unit that flows through the gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Whose samples.
    pub device: DeviceIndex,
    /// When the last answer of the poll arrived, or the message. Two batches of one driver for one device never share a time.
    pub at: Timestamp,
    /// Which of the device's batches it is as they came, from 1, whatever the clock said; 0 for one that tells of the past, or that
    /// comes from no driver. See [`BatchOrder`].
    pub order: u64,
    /// At most one for each point of the device, in the profile's order; points that were not due are left out.
    pub samples: Vec<Sample>,
}

/// Where a batch stands among those of its device: what is newer than what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchOrder {
    /// Its time.
    pub at: Timestamp,
    /// Its number, from 1; 0 for one that tells of the past, or that comes from no driver.
    pub order: u64,
}

impl BatchOrder {
    /// Whether it is newer than another one of the device: it came later, even if the clock was set back between the two. Where one of
    /// them tells of the past, or comes from no driver, their times decide.
    pub fn is_newer_than(self, other: Self) -> bool {
        if self.order > 0 && other.order > 0 {
            self.order > other.order
        } else {
            self.at > other.at
        }
    }
}

impl Batch {
    /// Where it stands among the batches of its device.
    pub fn order(&self) -> BatchOrder {
        BatchOrder {
            at: self.at,
            order: self.order,
        }
    }

    /// How many of the samples are good.
    pub fn good_count(&self) -> usize {
        self.samples
            .iter()
            .filter(|sample| sample.reading.is_good())
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_four_words_since_a_second_of_a_campus_has_75_000_of_them() {
        assert_eq!((size_of::<Reading>(), size_of::<Sample>()), (24, 32));
    }
}
