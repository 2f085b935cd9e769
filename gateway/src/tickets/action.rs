//! What people do to a ticket: what each action needs and what it changes; `refusal` says why not.

use jiff::Timestamp;
use model::{Deadlines, Severity};

use super::attachment::Attachment;
use super::clock::{Clock, ClockKind, StoppedBy};
use super::fault::Witness;
use super::refusal::Refusal;
use super::ticket::{Said, Step, Ticket, TicketState, Told, promises};

/// The most files that a ticket can have.
pub(super) const MOST_ATTACHMENTS: usize = 100;

/// The row that anything may be raised to.
const URGENT: &str = "urgent-repair";

/// What a person does to a ticket.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Takes it.
    Accept,
    /// Is on site.
    Arrive,
    /// Says that it works again; with a reason when the telemetry does not show it.
    Resolve {
        /// Why it is resolved all the same.
        reason: Option<String>,
    },
    /// Closes it.
    Close,
    /// Waits for parts that must be bought, once the owners were told.
    Wait {
        /// Which parts.
        parts: String,
        /// What the owners were told, and when.
        told: Told,
    },
    /// Goes on after waiting.
    Resume,
    /// Takes it up again.
    Reopen,
    /// It is not to be done: false alarm, duplicate, test.
    Cancel {
        /// Why.
        reason: String,
    },
    /// Gives it to somebody.
    Assign {
        /// To whom.
        to: String,
    },
    /// Raises it to a row that promises more: from ordinary to complex lighting, or to urgent.
    Raise {
        /// The new row.
        row: Deadlines,
    },
    /// Adds a file.
    Attach {
        /// Its hash, name and length; the file itself is on disk already.
        sha256: String,
        /// What the person called it.
        name: String,
        /// How long it is, in bytes.
        bytes: u64,
    },
    /// Ticks an item of planned work's checklist.
    Check {
        /// Which, from 1.
        item: usize,
    },
    /// Says something about it.
    Comment,
}

impl Action {
    /// The word that its step has.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accept => "accepted",
            Self::Arrive => "arrived",
            Self::Resolve { .. } => "resolved",
            Self::Close => "closed",
            Self::Wait { .. } => "waiting",
            Self::Resume => "resumed",
            Self::Reopen => "reopened",
            Self::Cancel { .. } => "cancelled",
            Self::Assign { .. } => "assigned",
            Self::Raise { .. } => "raised",
            Self::Attach { .. } => "attached",
            Self::Check { .. } => "checked",
            Self::Comment => "comment",
        }
    }
}

impl Ticket {
    /// Does what a person asks, or says why not. `witness` is what the telemetry says now.
    ///
    /// # Errors
    /// The action is not allowed now; then nothing has changed.
    pub fn act(
        &mut self,
        action: &Action,
        said: &Said,
        witness: Witness,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let note = self.change(action, said, witness, now)?;
        let told = match action {
            Action::Wait { told, .. } => Some(told),
            _ => said.told.as_ref(),
        };
        if self.reporter.is_some() && told.is_some() {
            self.stop(ClockKind::Respond, now, StoppedBy::Person(said.by.clone()));
        }
        self.steps.push(Step {
            at: now,
            by: said.by.clone(),
            what: action.word().to_owned(),
            note: note.or_else(|| said.note.clone()),
            told: told.cloned(),
        });
        Ok(())
    }

    /// What an action changes beside the step that tells of it, and what that step says of it.
    fn change(
        &mut self,
        action: &Action,
        said: &Said,
        witness: Witness,
        now: Timestamp,
    ) -> Result<Option<String>, Refusal> {
        use TicketState as S;
        let mut note = None;
        match action {
            Action::Accept => {
                self.allow(&[S::Open], "accepted")?;
                self.state = S::Accepted;
                self.respond(&said.by, now);
            }
            Action::Arrive => self.arrive(&said.by, now)?,
            Action::Resolve { reason } => {
                self.allow(&[S::Accepted, S::OnSite, S::Waiting], "resolved")?;
                self.resolve(&said.by, reason.as_ref(), witness, now)?;
                note = reason.clone();
            }
            Action::Close => {
                self.allow(&[S::Resolved], "closed")?;
                self.close(&said.by, now)?;
            }
            Action::Wait { parts, .. } => {
                self.wait(now)?;
                note = Some(parts.clone());
            }
            Action::Resume => {
                self.allow(&[S::Waiting], "resumed")?;
                self.state = self.state_of_work();
                self.each_clock(ClockKind::Resolve, |clock| clock.resume(now));
            }
            Action::Reopen => {
                self.allow(&[S::Resolved, S::Closed, S::Cancelled], "reopened")?;
                self.start_anew(now);
            }
            Action::Cancel { reason } => {
                let running = [S::Open, S::Accepted, S::OnSite, S::Waiting, S::Resolved];
                self.allow(&running, "cancelled")?;
                self.end(S::Cancelled, &said.by, now);
                note = Some(reason.clone());
            }
            Action::Assign { to } => {
                self.allow(&[S::Open, S::Accepted, S::OnSite, S::Waiting], "assigned")?;
                note = Some(to.clone());
            }
            Action::Raise { row } => {
                self.allow(&[S::Open, S::Accepted, S::OnSite, S::Waiting], "raised")?;
                note = Some(self.raise(row, now)?);
            }
            Action::Attach { sha256, name, bytes } => {
                if self.attachments.len() >= MOST_ATTACHMENTS {
                    return Err(Refusal::TooManyFiles);
                }
                self.attachments.push(Attachment {
                    sha256: sha256.clone(),
                    name: name.clone(),
                    bytes: *bytes,
                    at: now,
                    by: said.by.clone(),
                });
                note = Some(format!("{name} sha256:{sha256}"));
            }
            Action::Check { item } => {
                self.allow(&[S::Open, S::Accepted, S::OnSite, S::Resolved], "checked")?;
                note = Some(self.check(*item, &said.by, now)?);
            }
            Action::Comment => {}
        }
        Ok(note)
    }

    fn arrive(&mut self, by: &str, now: Timestamp) -> Result<(), Refusal> {
        // A clock that began anew while somebody was there is stopped by saying again that one is.
        let arrives_anew = self.state == TicketState::OnSite && self.unstopped(ClockKind::Arrive);
        if !arrives_anew {
            self.allow(&[TicketState::Open, TicketState::Accepted], "arrived at")?;
        }
        self.state = TicketState::OnSite;
        self.respond(by, now);
        self.stop(ClockKind::Arrive, now, StoppedBy::Person(by.to_owned()));
        Ok(())
    }

    fn resolve(
        &mut self,
        by: &str,
        reason: Option<&String>,
        witness: Witness,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let stopped_by = match (witness, reason) {
            (Witness::None | Witness::Clear, _) => StoppedBy::Person(by.to_owned()),
            (Witness::Active | Witness::Unknown, Some(_)) => StoppedBy::Word(by.to_owned()),
            (Witness::Active, None) => return Err(Refusal::NotClear { condition: "active" }),
            (Witness::Unknown, None) => return Err(Refusal::NotClear { condition: "unknown" }),
        };
        // Planned work's clock waits for the closing, with its evidence.
        if self.planned.is_none() {
            self.stop(ClockKind::Resolve, now, stopped_by);
        }
        // Whoever says that it is done waits for no part any more, whatever becomes of the stop.
        self.each_clock(ClockKind::Resolve, |clock| clock.resume(now));
        self.state = TicketState::Resolved;
        Ok(())
    }

    fn close(&mut self, by: &str, now: Timestamp) -> Result<(), Refusal> {
        if let Some(run) = &self.planned {
            if let Some(missing) = run.missing(&self.attachments) {
                return Err(Refusal::NoEvidence { missing });
            }
            self.stop(ClockKind::Resolve, now, StoppedBy::Person(by.to_owned()));
        }
        self.end(TicketState::Closed, by, now);
        Ok(())
    }

    fn wait(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.allow(
            &[TicketState::Accepted, TicketState::OnSite],
            "put to wait for parts",
        )?;
        if self.planned.is_some() || !self.unstopped(ClockKind::Resolve) {
            return Err(Refusal::NothingToPause {
                standard: self.standard.clone(),
            });
        }
        self.state = TicketState::Waiting;
        self.each_clock(ClockKind::Resolve, |clock| clock.pause(now));
        Ok(())
    }

    /// Takes another row of the standard: a clock that both rows name is retargeted from its own start; one that only the new
    /// row names starts now; one that only the old row names runs on.
    fn raise(&mut self, row: &Deadlines, now: Timestamp) -> Result<String, Refusal> {
        if self.planned.is_some() || !is_raised(&self.standard, &row.id) {
            return Err(Refusal::NotRaised {
                from: self.standard.clone(),
                to: row.id.clone(),
            });
        }
        for (kind, target) in promises(row) {
            if self.clocks.iter().any(|clock| clock.kind == kind) {
                self.each_clock(kind, |clock| clock.retarget(now, target));
            } else {
                self.clocks.push(Clock::start(kind, target, now));
            }
        }
        if row.id == URGENT {
            self.severity = Severity::Critical;
        }
        let from = std::mem::replace(&mut self.standard, row.id.clone());
        Ok(format!("{from} → {}", row.id))
    }

    fn check(&mut self, item: usize, by: &str, now: Timestamp) -> Result<String, Refusal> {
        let items = self.planned.as_mut().map(|run| run.checklist.as_mut_slice());
        let found = item
            .checked_sub(1)
            .and_then(|index| items.unwrap_or_default().get_mut(index));
        let found = found.ok_or(Refusal::NoItem { item })?;
        found.done = Some((now, by.to_owned()));
        Ok(format!("{item}: {}", found.text.zh))
    }

    fn allow(&self, states: &[TicketState], action: &'static str) -> Result<(), Refusal> {
        if states.contains(&self.state) {
            Ok(())
        } else {
            Err(Refusal::State {
                state: self.state,
                action,
            })
        }
    }

    /// With a reporter, taking the ticket is not yet an answer to them: the respond clock waits for the first step that tells them.
    fn respond(&mut self, by: &str, now: Timestamp) {
        if self.reporter.is_none() {
            self.stop(ClockKind::Respond, now, StoppedBy::Person(by.to_owned()));
        }
    }
}

/// Whether the standard raises a ticket from one row to another.
fn is_raised(from: &str, to: &str) -> bool {
    match to {
        URGENT => from != URGENT,
        "lighting-complex" => from == "lighting",
        _ => false,
    }
}
