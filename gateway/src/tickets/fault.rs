//! What a fault does to its ticket: it goes, it is back, nobody knows.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::clock::{ClockKind, StoppedBy};
use super::ticket::{GATEWAY, Ticket, TicketState};

/// A condition must stay normal for so long before a stop that the telemetry showed is final (the service standard,
/// "resolved means resolved").
pub const STAYS_NORMAL: SignedDuration = SignedDuration::from_mins(10);

/// A fault that comes back within this time after closing has its old ticket again.
pub const REOPENS_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// A stretch in which a condition has been normal; unknown time neither counts nor breaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NormalStretch {
    /// The first good reading of it.
    pub since: Timestamp,
    /// How long the condition was unknown in it, up to `unknown_since`, in nanoseconds.
    pub unknown: SignedDuration,
    /// Since when it is unknown now.
    pub unknown_since: Option<Timestamp>,
}

impl NormalStretch {
    /// How long the condition is known to have been normal at `now`.
    pub fn known(&self, now: Timestamp) -> SignedDuration {
        let until = self.unknown_since.unwrap_or(now);
        until.duration_since(self.since) - self.unknown
    }

    /// Takes note that the condition is unknown, or known again, from `at` on.
    pub fn set_unknown(&mut self, unknown: bool, at: Timestamp) {
        match (self.unknown_since, unknown) {
            (None, true) => self.unknown_since = Some(at.max(self.since)),
            (Some(since), false) => {
                self.unknown += at.duration_since(since).max(SignedDuration::ZERO);
                self.unknown_since = None;
            }
            _ => {}
        }
    }
}

/// What the telemetry says of a ticket's condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// No telemetry can say: the ticket has no alarm.
    None,
    /// The fault is there.
    Active,
    /// The fault is gone.
    Clear,
    /// Nobody knows.
    Unknown,
}

/// What a fault's return means for its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComesBack {
    /// It had not stayed normal: nothing had stopped, nobody need hear of it.
    AsIfNeverStopped,
    /// It had: the stopped clocks run anew, and people are told again.
    StartsAnew,
}

impl Ticket {
    /// The condition went back to normal; `at` is the first good reading that showed it.
    pub fn returned_to_normal(&mut self, at: Timestamp) {
        self.normal = Some(NormalStretch {
            since: at,
            unknown: SignedDuration::ZERO,
            unknown_since: None,
        });
        if !self.state.is_ended() {
            self.stop(ClockKind::Resolve, at, StoppedBy::Telemetry);
            self.step(at, GATEWAY, "condition_normal", None);
        }
    }

    /// The condition is unknown, or known again, while it was normal.
    pub fn set_unknown(&mut self, unknown: bool, at: Timestamp) {
        if let Some(normal) = self.normal.as_mut() {
            normal.set_unknown(unknown, at);
        }
    }

    /// The condition came back at `at`: within the ten minutes nothing had stopped; later, what had stopped starts anew and
    /// people are told again (the result says whether).
    pub fn came_back(&mut self, at: Timestamp) -> ComesBack {
        let brief = self
            .normal
            .take()
            .is_none_or(|normal| normal.known(at) < STAYS_NORMAL);
        if brief && !self.state.is_ended() {
            self.clocks.iter_mut().for_each(|clock| clock.strike(at));
            if self.state == TicketState::Resolved {
                self.state = self.state_of_work();
            }
            self.step(at, GATEWAY, "condition_back", None);
            return ComesBack::AsIfNeverStopped;
        }
        let was_done = self.state == TicketState::Resolved || self.state.is_ended();
        let state = self.state;
        self.start_anew(at);
        if !was_done {
            self.state = state;
        }
        if self.state == TicketState::Waiting {
            // The parts are still to come, and the owners know: the new run waits from its start.
            self.each_clock(ClockKind::Resolve, |clock| clock.pause(at));
        }
        // Only a ticket that was done is reopened; on one that is being worked on, the stopped clocks alone begin anew.
        let what = if was_done { "reopened" } else { "started_anew" };
        self.step(at, GATEWAY, what, None);
        ComesBack::StartsAnew
    }

    /// Whether the fault's next occurrence still belongs to this ticket.
    pub fn takes_back(&self, at: Timestamp) -> bool {
        match self.ended_at.filter(|_| self.state.is_ended()) {
            Some(ended_at) => at.duration_since(ended_at) <= REOPENS_WITHIN,
            None => true,
        }
    }
}
