//! What one poll brought: a sample for each point that was due, and what it says of the device.

use std::time::Duration;

use model::{Device, Missing, Point, Reading, Sample};

use super::super::decode;
use super::super::link::Answer;
use super::super::plan::{Plan, Read};
use crate::backoff::Backoff;
use crate::health::Condition;

const MALFORMED: Reading = Reading::Missing(Missing::Malformed);

/// What one poll brought.
pub(super) struct Outcome {
    /// One for each point that was due, once anything has come: a thousand devices that are all waited for have none.
    samples: Vec<Sample>,
    pub(super) condition: Condition,
    /// Whether the device said anything at all.
    pub(super) heard: bool,
    /// Whether the connection is there.
    pub(super) connected: bool,
    /// When the last request was answered, or given up; zero before that.
    pub(super) ended: Duration,
    /// How long it took to read what was answered.
    pub(super) decoding: Duration,
}

impl Outcome {
    /// Nothing has come yet, and that is silence.
    pub(super) fn nothing() -> Self {
        Self {
            samples: Vec::new(),
            condition: Condition::Silent,
            heard: false,
            connected: true,
            ended: Duration::ZERO,
            decoding: Duration::ZERO,
        }
    }

    /// Something has come: what is not answered from now on is missing.
    pub(super) fn begin(&mut self, device: &Device, plan: &Plan) {
        if self.samples.is_empty() {
            self.samples = silence(device, plan);
            for (sample, code) in &plan.refused {
                self.miss_sample(*sample, Missing::Refused(*code));
            }
        }
    }

    /// A sample for each point that was due. When nobody answered, that is a sample, too.
    pub(super) fn into_samples(self, device: &Device, plan: &Plan) -> Vec<Sample> {
        if self.samples.is_empty() {
            silence(device, plan)
        } else {
            self.samples
        }
    }

    /// A read was answered.
    pub(super) fn take(&mut self, answer: &Answer, read: &Read, points: &[Point]) {
        for slot in &read.slots {
            let (Some(point), Some(sample)) = (points.get(slot.point), self.samples.get_mut(slot.sample))
            else {
                continue;
            };
            // Each straight to its place: to hand a reading on costs more than to make it.
            let reading = &mut sample.reading;
            match answer {
                Answer::Bits(bits) => match bits.get(slot.offset) {
                    Some(bit) => *reading = decode::bit(point, *bit),
                    None => *reading = MALFORMED,
                },
                Answer::Registers(words) => match words.get(slot.offset..slot.offset + slot.length) {
                    Some(words) => decode::read_registers(point, words, reading),
                    None => *reading = MALFORMED,
                },
            }
        }
    }

    /// A read brought something else than values.
    pub(super) fn miss(&mut self, read: &Read, missing: Missing) {
        for slot in &read.slots {
            self.miss_sample(slot.sample, missing);
        }
    }

    fn miss_sample(&mut self, sample: usize, missing: Missing) {
        if let Some(sample) = self.samples.get_mut(sample) {
            sample.reading = Reading::Missing(missing);
        }
    }

    /// Whether anything was asked: a poll that passes by all of its reads says nothing of the unit.
    pub(super) fn has_asked(&self) -> bool {
        self.ended > Duration::ZERO
    }

    /// What it means for the unit's back-off. A connection that is down says nothing of the units behind it.
    pub(super) fn weigh(&self, backoff: &mut Backoff, began: Duration) {
        if self.heard {
            // It is no dead unit: it may have to be asked more slowly, or there is one read that it does not answer.
            backoff.succeeded();
        } else if self.condition == Condition::Silent && self.connected && self.has_asked() {
            // From the poll's beginning: after a first silence the very next poll is to be a real one.
            backoff.failed(began);
        }
    }
}

fn silence(device: &Device, plan: &Plan) -> Vec<Sample> {
    let silent = |point: &usize| Sample {
        point: device.point_id(*point),
        reading: Reading::Missing(Missing::NoAnswer),
    };
    plan.due.iter().map(silent).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighed(outcome: Outcome) -> u32 {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, second, 1);
        backoff.failed(Duration::ZERO);
        backoff.failed(Duration::ZERO);
        outcome.weigh(&mut backoff, second);
        backoff.failures()
    }

    #[test]
    fn only_a_unit_s_own_silence_counts_against_it() {
        let silent = || Outcome {
            ended: Duration::from_secs(2),
            ..Outcome::nothing()
        };
        assert_eq!(weighed(silent()), 3);
        let passed_by = Outcome::nothing;
        assert_eq!(weighed(passed_by()), 2);
        let answered = Outcome {
            condition: Condition::Answering,
            heard: true,
            ..silent()
        };
        assert_eq!(weighed(answered), 0);
        let down = Outcome {
            connected: false,
            ..silent()
        };
        assert_eq!(weighed(down), 2);
        let fell_silent = Outcome {
            heard: true,
            ..silent()
        };
        assert_eq!(weighed(fell_silent), 0);
    }
}
