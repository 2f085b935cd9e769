//! Which MQTT devices have said nothing for too long: silence is a sample, though nobody asked.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// A device that has said nothing for so many of its intervals is silent.
const INTERVALS_UNTIL_SILENT: u32 = 3;

/// When each device of a connection was last heard, by number.
#[derive(Debug)]
pub(crate) struct Silence {
    devices: Vec<Heard>,
    /// One entry a device: when to look at it next. Hearing a device leaves its entry as it is, so it may be looked at too soon.
    looks: BinaryHeap<Reverse<(Duration, usize)>>,
}

#[derive(Debug)]
struct Heard {
    interval: Duration,
    silent_from: Duration,
}

impl Silence {
    /// Begins to listen at `now` to devices with these intervals; the gateway's start counts as having heard them.
    pub(crate) fn new(intervals: impl IntoIterator<Item = Duration>, now: Duration) -> Self {
        let devices: Vec<_> = intervals
            .into_iter()
            .map(|interval| interval.max(Duration::from_millis(1)))
            .map(|interval| Heard {
                interval,
                silent_from: now.saturating_add(interval * INTERVALS_UNTIL_SILENT),
            })
            .collect();
        let looks = devices
            .iter()
            .enumerate()
            .map(|(device, heard)| Reverse((heard.silent_from, device)))
            .collect();
        Self { devices, looks }
    }

    /// A device spoke at `now`.
    pub(crate) fn heard(&mut self, device: usize, now: Duration) {
        if let Some(heard) = self.devices.get_mut(device) {
            heard.silent_from = now.saturating_add(heard.interval * INTERVALS_UNTIL_SILENT);
        }
    }

    /// When to ask [`Silence::next_silent`] again; `None` without devices.
    pub(crate) fn next_look(&self) -> Option<Duration> {
        self.looks.peek().map(|Reverse((look, _))| *look)
    }

    /// A device that has been silent for one more interval at `now`, if there is one.
    pub(crate) fn next_silent(&mut self, now: Duration) -> Option<usize> {
        while let Some(Reverse((look, device))) = self
            .looks
            .peek()
            .copied()
            .filter(|Reverse((look, _))| *look <= now)
        {
            self.looks.pop();
            let heard = self.devices.get(device)?;
            if heard.silent_from > now {
                self.looks.push(Reverse((heard.silent_from, device)));
                continue;
            }
            // Looks that were missed while the gateway was busy are not made up for.
            let next = look.saturating_add(heard.interval).max(now);
            self.looks.push(Reverse((
                if next > now {
                    next
                } else {
                    now.saturating_add(heard.interval)
                },
                device,
            )));
            return Some(device);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The seconds at which the devices are found silent up to `end`, looking every second.
    fn silent(silence: &mut Silence, from: u64, end: u64) -> Vec<(u64, usize)> {
        let mut found = Vec::new();
        for second in from..=end {
            while let Some(device) = silence.next_silent(seconds(second)) {
                found.push((second, device));
            }
        }
        found
    }

    #[test]
    fn a_device_is_silent_after_three_intervals_and_then_at_every_one() {
        let mut silence = Silence::new([seconds(10), seconds(20)], seconds(0));
        assert_eq!(silence.next_look(), Some(seconds(30)));
        assert_eq!(
            silent(&mut silence, 0, 80),
            [
                (30, 0),
                (40, 0),
                (50, 0),
                (60, 0),
                (60, 1),
                (70, 0),
                (80, 0),
                (80, 1)
            ]
        );
    }

    #[test]
    fn a_device_that_speaks_is_not_silent_until_three_intervals_later() {
        let mut silence = Silence::new([seconds(10)], seconds(0));
        silence.heard(0, seconds(25));
        assert_eq!(silent(&mut silence, 0, 64), [(55, 0)]);
        silence.heard(0, seconds(64));
        assert_eq!(silent(&mut silence, 65, 100), [(94, 0)]);
    }

    #[test]
    fn looks_that_were_missed_do_not_pile_up() {
        let mut silence = Silence::new([seconds(10)], seconds(0));
        assert_eq!(silent(&mut silence, 300, 300), [(300, 0)]);
        assert!(silence.next_look() > Some(seconds(300)));
    }
}
