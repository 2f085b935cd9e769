//! Faults on purpose, so that the tests of what must never be lost can show that they would notice a loss.
//!
//! They are only in builds with the feature `planted-faults`, which are never release builds, and do nothing until the environment
//! variable `FACILITY_PLANTED_FAULT` names one of them.

#[cfg(not(debug_assertions))]
compile_error!("planted faults lose what was promised: build without the feature `planted-faults`");

/// A fault that loses something when something else fails at the wrong moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `acknowledged-before-commit`: a message is acknowledged before its samples are on disk.
    AcknowledgedBeforeCommit,
    /// `moved-before-answer`: the outbox is told that bodies were delivered before the database has answered.
    MovedBeforeAnswer,
    /// `confirmed-before-commit`: people are told that something is done before it is on disk.
    ConfirmedBeforeCommit,
}

impl Fault {
    /// Whether this one is wanted.
    pub(crate) fn is_planted(self) -> bool {
        let name = match self {
            Self::AcknowledgedBeforeCommit => "acknowledged-before-commit",
            Self::MovedBeforeAnswer => "moved-before-answer",
            Self::ConfirmedBeforeCommit => "confirmed-before-commit",
        };
        std::env::var_os("FACILITY_PLANTED_FAULT").is_some_and(|planted| planted == name)
    }
}
