//! Seeded chance, so that a run that failed can be had again.

use std::time::Duration;

/// A small seeded generator (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The seed is `SEED` of the environment, or else the one that the test names; it is printed.
    pub fn seeded(seed: u64) -> Self {
        let seed = std::env::var("SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or(seed);
        println!("SEED={seed}");
        Self(seed)
    }

    /// The seed is this one, whatever the environment says.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A length of time between two others, to the millisecond.
    pub fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let span = to.saturating_sub(from).as_millis() as u64 + 1;
        from + Duration::from_millis(self.roll() % span)
    }
}
