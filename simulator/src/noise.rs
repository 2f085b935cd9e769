//! Small seeded randomness: the same device behaves the same way in every run.

/// A stream of pseudo-random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Noise(u64);

impl Noise {
    /// The stream that belongs to a name (FNV-1a of its bytes is the seed).
    pub(crate) fn of(name: &str) -> Self {
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of `low..high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        // 53 bits are what a double holds exactly.
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        low + unit * (high - low)
    }

    /// A whole number of `low..=high`.
    pub(crate) fn whole(&mut self, low: i32, high: i32) -> i32 {
        (self.between(f64::from(low), f64::from(high) + 1.0).floor() as i32).min(high)
    }
}

/// A quantity that wanders between -1 and 1 and is drawn back to 0: the small unrest of a real measurement.
#[derive(Clone, Debug)]
pub(crate) struct Drift {
    at: f64,
    settles_seconds: f64,
}

impl Drift {
    /// A drift that forgets where it was within about so many seconds.
    pub(crate) fn over(settles_seconds: f64) -> Self {
        Self {
            at: 0.0,
            settles_seconds,
        }
    }

    /// Moves on by some seconds.
    pub(crate) fn step(&mut self, seconds: f64, noise: &mut Noise) {
        let kept = (-seconds / self.settles_seconds).exp();
        let push = noise.between(-0.6, 0.6) * (1.0 - kept * kept).sqrt();
        self.at = (self.at * kept + push).clamp(-1.0, 1.0);
    }

    /// Where it is, scaled: `middle` plus or minus at most `reach`.
    pub(crate) fn around(&self, middle: f64, reach: f64) -> f64 {
        middle + self.at * reach
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_gives_one_stream_and_another_name_another() {
        let mut first = Noise::of("fire-main-1");
        let mut again = Noise::of("fire-main-1");
        let mut other = Noise::of("fire-main-2");
        let numbers: Vec<_> = (0..20).map(|_| first.whole(0, 1000)).collect();
        assert_eq!(numbers, (0..20).map(|_| again.whole(0, 1000)).collect::<Vec<_>>());
        assert_ne!(numbers, (0..20).map(|_| other.whole(0, 1000)).collect::<Vec<_>>());
    }

    #[test]
    fn numbers_stay_between_their_bounds_and_reach_both_ends() {
        let mut noise = Noise::of("x");
        let numbers: Vec<_> = (0..1000).map(|_| noise.whole(1, 6)).collect();
        assert_eq!((numbers.iter().min(), numbers.iter().max()), (Some(&1), Some(&6)));
    }

    #[test]
    fn a_drift_moves_but_never_beyond_its_reach() {
        let (mut drift, mut noise) = (Drift::over(30.0), Noise::of("x"));
        let mut seen = Vec::new();
        for _ in 0..10_000 {
            drift.step(1.0, &mut noise);
            seen.push(drift.around(10.0, 2.0));
        }
        assert!(seen.iter().all(|value| (8.0..=12.0).contains(value)));
        assert!(seen.iter().any(|value| *value > 10.5) && seen.iter().any(|value| *value < 9.5));
    }
}
