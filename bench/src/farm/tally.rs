//! What a farm was asked: how often, and at what intervals each device.

use std::time::Instant;

use serde_json::json;

/// So many intervals are kept; later ones are only counted as requests.
const MOST_GAPS: usize = 2_000_000;

/// Counts requests and the time between two requests to the same device.
#[derive(Debug)]
pub(super) struct Counting {
    began: Instant,
    requests: u64,
    last: Vec<Option<Instant>>,
    /// Microseconds, with the device's number.
    gaps: Vec<(u32, u32)>,
}

/// What was counted since the last reset.
#[derive(Debug, PartialEq)]
pub(super) struct Counted {
    requests: u64,
    seconds: f64,
    median_ms: f64,
    worst_ms: f64,
}

impl Counting {
    pub(super) fn new(devices: usize, now: Instant) -> Self {
        Self {
            began: now,
            requests: 0,
            last: vec![None; devices],
            gaps: Vec::new(),
        }
    }

    /// A device was asked.
    pub(super) fn asked(&mut self, device: usize, now: Instant) {
        self.requests += 1;
        let Some(last) = self.last.get_mut(device) else {
            return;
        };
        if let Some(before) = last.replace(now)
            && self.gaps.len() < MOST_GAPS
        {
            let micros = u32::try_from(now.duration_since(before).as_micros()).unwrap_or(u32::MAX);
            self.gaps
                .push((micros, u32::try_from(device).unwrap_or(u32::MAX)));
        }
    }

    pub(super) fn reset(&mut self, now: Instant) {
        self.began = now;
        self.requests = 0;
        self.gaps.clear();
    }

    /// What was counted; intervals of the first `silent` devices are left out.
    pub(super) fn tally(&self, silent: usize, now: Instant) -> Counted {
        let kept = self.gaps.iter().filter(|(_, device)| *device as usize >= silent);
        let mut gaps: Vec<u32> = kept.map(|(micros, _)| *micros).collect();
        gaps.sort_unstable();
        let ms = |micros: Option<&u32>| micros.map_or(0.0, |micros| f64::from(*micros) / 1_000.0);
        Counted {
            requests: self.requests,
            seconds: now.duration_since(self.began).as_secs_f64(),
            median_ms: ms(gaps.get(gaps.len() / 2)),
            worst_ms: ms(gaps.last()),
        }
    }
}

impl Counted {
    pub(super) fn to_json(&self) -> String {
        json!({
            "requests": self.requests,
            "seconds": self.seconds,
            "median_ms": self.median_ms,
            "worst_ms": self.worst_ms,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn intervals_are_those_of_each_device_and_silent_ones_are_left_out() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut counting = Counting::new(2, start);
        for (device, ms) in [(0, 0), (1, 10), (0, 9_000), (1, 1_010), (1, 2_030)] {
            counting.asked(device, at(ms));
        }
        let counted = counting.tally(1, at(4_000));
        assert_eq!(
            counted,
            Counted {
                requests: 5,
                seconds: 4.0,
                median_ms: 1_020.0,
                worst_ms: 1_020.0
            }
        );
        assert_eq!(counting.tally(0, at(4_000)).worst_ms, 9_000.0);
        counting.reset(at(5_000));
        assert_eq!(counting.tally(0, at(6_000)).requests, 0);
    }
}
