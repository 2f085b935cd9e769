//! What a rule says of a device now.

use jiff::Timestamp;
use model::DeviceIndex;

use crate::RuleIndex;

/// What a rule says of one device now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The condition is there.
    Holds,
    /// It is not.
    Clear,
    /// A point that the rule reads is not good, or a window is not full yet: the rule can't say.
    Unknown,
    /// The script failed; where (`file:line:column`) and how.
    Broken(String),
}

/// A verdict that differs from the one before it (or is the first).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Which rule.
    pub rule: RuleIndex,
    /// Of which device.
    pub device: DeviceIndex,
    /// The time of the batch that it was judged on, or of the tick.
    pub at: Timestamp,
    /// What it says.
    pub verdict: Verdict,
}
