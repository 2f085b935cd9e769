//! What a person once asked for, and what they were answered.

use std::time::Instant;

/// Something that was asked for once; whoever asks again, says something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The ticket, as far as the person knew it.
    pub ticket: Option<String>,
    /// The step's word, or `opened`.
    pub what: &'static str,
    /// What it says; no other action says the same.
    pub words: String,
    /// When it was asked for.
    pub begun: Instant,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an action, as the person knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway said that it was done: it must be there.
    Confirmed,
    /// The gateway said no, with this status.
    Refused(u16),
    /// No answer came: it may be there or not.
    Unanswered,
}
