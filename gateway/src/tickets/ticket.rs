//! A ticket: work for people, with deadlines; what may happen to it, and what each happening changes.

use jiff::{SignedDuration, Timestamp};
use model::{Deadlines, Severity, Text};
use serde::{Deserialize, Serialize};

use super::clock::{Clock, ClockKind, StoppedBy};

/// A condition must stay normal for so long before a stop that the telemetry showed is final (the service standard,
/// "resolved means resolved").
pub const STAYS_NORMAL: SignedDuration = SignedDuration::from_mins(10);

/// A fault that comes back within this time after closing has its old ticket again.
pub const REOPENS_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// Work for people, with deadlines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// `T-2026-000318`: the year of opening and a number that never repeats.
    pub id: String,
    /// That number.
    pub number: u64,
    /// The device that it is about.
    pub device: Option<String>,
    /// The alarm that it is about.
    pub alarm: Option<String>,
    /// The row of the service standard.
    pub standard: String,
    /// Who asked for it.
    pub origin: Origin,
    /// How urgent it is.
    pub severity: Severity,
    /// What it is about.
    pub summary: Text,
    /// Who reported it, kept confidential.
    pub reporter: Option<String>,
    /// The earlier ticket of the same fault, when that one was closed too long ago to reopen.
    pub previous: Option<String>,
    /// Where it stands.
    pub state: TicketState,
    /// When it was opened; never changes.
    pub opened_at: Timestamp,
    /// When it was closed or cancelled last.
    pub ended_at: Option<Timestamp>,
    /// Its deadlines.
    pub clocks: Vec<Clock>,
    /// What the telemetry says of its condition since it last returned to normal.
    pub normal: Option<NormalStretch>,
    /// What happened, in order; only ever appended to.
    pub steps: Vec<Step>,
}

/// Who asked for a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A rule.
    Rule,
    /// A person.
    Person,
}

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// Nobody has taken it.
    Open,
    /// Somebody has.
    Accepted,
    /// And is there.
    OnSite,
    /// Parts must be bought.
    Waiting,
    /// It works again; to be closed.
    Resolved,
    /// Done.
    Closed,
    /// Not to be done.
    Cancelled,
}

impl TicketState {
    /// The name that the contract gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::OnSite => "on_site",
            Self::Waiting => "waiting",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more is to be done.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Closed | Self::Cancelled)
    }
}

/// One thing that happened to a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// Who: a person's name, or `gateway`.
    pub by: String,
    /// What: a word of the contract (`opened`, `accepted`, `overdue_arrive`, …).
    pub what: String,
    /// What was said.
    pub note: Option<String>,
}

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

/// What a person does to a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        /// Whom, what and when was told.
        told: String,
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
    /// Says something about it.
    Comment,
}

/// Why an action is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The ticket's state does not allow it.
    #[error("a ticket that is {} cannot be {action}", state.name())]
    State {
        /// The state.
        state: TicketState,
        /// What was wanted.
        action: &'static str,
    },
    /// The telemetry does not show that it works again.
    #[error("the alarm's condition is {condition}: say it with a reason, which is kept")]
    NotClear {
        /// `active` or `unknown`.
        condition: &'static str,
    },
    /// There is no running resolve clock to pause.
    #[error("the standard's row {standard} has no resolve clock, and only that one waits for parts")]
    NothingToPause {
        /// The row.
        standard: String,
    },
}

/// What opens a ticket.
pub struct Opening {
    /// The ticket's number.
    pub number: u64,
    /// The calendar year in the site's zone.
    pub year: i16,
    /// About which device.
    pub device: Option<String>,
    /// About which alarm.
    pub alarm: Option<String>,
    /// Who asked.
    pub origin: Origin,
    /// How urgent.
    pub severity: Severity,
    /// About what.
    pub summary: Text,
    /// Who reported it.
    pub reporter: Option<String>,
    /// The fault's earlier ticket.
    pub previous: Option<String>,
    /// By whom.
    pub by: String,
}

impl Ticket {
    /// A new ticket whose clocks start now.
    pub fn open(opening: Opening, row: &Deadlines, now: Timestamp) -> Self {
        let targets = [
            (ClockKind::Respond, row.respond),
            (ClockKind::Arrive, row.arrive),
            (ClockKind::Resolve, row.resolve),
        ];
        let clocks = targets
            .into_iter()
            .filter_map(|(kind, target)| Some(Clock::start(kind, target?, now)));
        let mut ticket = Self {
            id: format!("T-{}-{:06}", opening.year, opening.number),
            number: opening.number,
            device: opening.device,
            alarm: opening.alarm,
            standard: row.id.clone(),
            origin: opening.origin,
            severity: opening.severity,
            summary: opening.summary,
            reporter: opening.reporter,
            previous: opening.previous,
            state: TicketState::Open,
            opened_at: now,
            ended_at: None,
            clocks: clocks.collect(),
            normal: None,
            steps: Vec::new(),
        };
        ticket.step(now, &opening.by, "opened", ticket.previous.clone());
        ticket
    }

    /// Does what a person asks, or says why not. `witness` is what the telemetry says now.
    ///
    /// # Errors
    /// The action is not allowed now.
    pub fn act(
        &mut self,
        action: &Action,
        by: &str,
        note: Option<String>,
        witness: Witness,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        use TicketState as S;
        match action {
            Action::Accept => {
                self.allow(&[S::Open], "accepted")?;
                self.state = S::Accepted;
                self.respond(by, now);
                self.step(now, by, "accepted", note);
            }
            Action::Arrive => {
                let arrives_anew = self.state == S::OnSite && self.unstopped(ClockKind::Arrive);
                if !arrives_anew {
                    self.allow(&[S::Open, S::Accepted], "arrived at")?;
                }
                self.state = S::OnSite;
                self.respond(by, now);
                self.stop(ClockKind::Arrive, now, StoppedBy::Person(by.to_owned()));
                self.step(now, by, "arrived", note);
            }
            Action::Resolve { reason } => {
                self.allow(&[S::Accepted, S::OnSite, S::Waiting], "resolved")?;
                self.resolve(by, reason.as_ref(), note, witness, now)?;
            }
            Action::Close => {
                self.allow(&[S::Resolved], "closed")?;
                self.end(S::Closed, by, now);
                self.step(now, by, "closed", note);
            }
            Action::Wait { parts, told } => {
                self.allow(&[S::Accepted, S::OnSite], "put to wait for parts")?;
                if !self.unstopped(ClockKind::Resolve) {
                    return Err(Refusal::NothingToPause {
                        standard: self.standard.clone(),
                    });
                }
                self.state = S::Waiting;
                self.each_clock(ClockKind::Resolve, |clock| clock.pause(now));
                self.step(now, by, "waiting", Some(format!("{parts}; {told}")));
            }
            Action::Resume => {
                self.allow(&[S::Waiting], "resumed")?;
                self.state = self.state_of_work();
                self.each_clock(ClockKind::Resolve, |clock| clock.resume(now));
                self.step(now, by, "resumed", note);
            }
            Action::Reopen => {
                self.allow(&[S::Resolved, S::Closed, S::Cancelled], "reopened")?;
                self.start_anew(now);
                self.step(now, by, "reopened", note);
            }
            Action::Cancel { reason } => {
                self.allow(
                    &[S::Open, S::Accepted, S::OnSite, S::Waiting, S::Resolved],
                    "cancelled",
                )?;
                self.end(S::Cancelled, by, now);
                self.step(now, by, "cancelled", Some(reason.clone()));
            }
            Action::Assign { to } => {
                self.allow(&[S::Open, S::Accepted, S::OnSite, S::Waiting], "assigned")?;
                self.step(now, by, "assigned", Some(to.clone()));
            }
            Action::Comment => self.step(now, by, "comment", note),
        }
        Ok(())
    }

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
        self.step(at, GATEWAY, "reopened", None);
        ComesBack::StartsAnew
    }

    /// Whether the fault's next occurrence still belongs to this ticket.
    pub fn takes_back(&self, at: Timestamp) -> bool {
        match self.ended_at.filter(|_| self.state.is_ended()) {
            Some(ended_at) => at.duration_since(ended_at) <= REOPENS_WITHIN,
            None => true,
        }
    }

    /// Whether a clock of that kind has not stopped.
    pub fn unstopped(&self, kind: ClockKind) -> bool {
        self.clocks
            .iter()
            .any(|clock| clock.kind == kind && clock.is_unstopped())
    }

    /// Adds a step.
    pub fn step(&mut self, at: Timestamp, by: &str, what: &str, note: Option<String>) {
        self.steps.push(Step {
            at,
            by: by.to_owned(),
            what: what.to_owned(),
            note,
        });
    }

    fn resolve(
        &mut self,
        by: &str,
        reason: Option<&String>,
        note: Option<String>,
        witness: Witness,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let stopped_by = match (witness, reason) {
            (Witness::None | Witness::Clear, _) => StoppedBy::Person(by.to_owned()),
            (Witness::Active | Witness::Unknown, Some(_)) => StoppedBy::Word(by.to_owned()),
            (Witness::Active, None) => return Err(Refusal::NotClear { condition: "active" }),
            (Witness::Unknown, None) => return Err(Refusal::NotClear { condition: "unknown" }),
        };
        self.stop(ClockKind::Resolve, now, stopped_by);
        self.state = TicketState::Resolved;
        self.step(now, by, "resolved", reason.cloned().or(note));
        Ok(())
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

    /// Where the work stood before it was put to wait or resolved.
    fn state_of_work(&self) -> TicketState {
        let since = self
            .steps
            .iter()
            .rposition(|step| step.what == "reopened")
            .unwrap_or(0);
        let steps = self.steps.get(since..).unwrap_or_default();
        if steps.iter().any(|step| step.what == "arrived") {
            TicketState::OnSite
        } else if steps.iter().any(|step| step.what == "accepted") {
            TicketState::Accepted
        } else {
            TicketState::Open
        }
    }

    fn start_anew(&mut self, at: Timestamp) {
        self.clocks.iter_mut().for_each(|clock| clock.restart(at));
        self.state = TicketState::Open;
        self.ended_at = None;
    }

    fn end(&mut self, state: TicketState, by: &str, now: Timestamp) {
        for clock in &mut self.clocks {
            clock.stop(now, StoppedBy::Closing(by.to_owned()));
        }
        self.state = state;
        self.ended_at = Some(now);
    }

    fn stop(&mut self, kind: ClockKind, at: Timestamp, by: StoppedBy) {
        self.each_clock(kind, |clock| clock.stop(at, by.clone()));
    }

    fn each_clock(&mut self, kind: ClockKind, change: impl FnMut(&mut Clock)) {
        self.clocks
            .iter_mut()
            .filter(|clock| clock.kind == kind)
            .for_each(change);
    }
}

/// Who a step is by when nobody did it.
pub const GATEWAY: &str = "gateway";

/// What a fault's return means for its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComesBack {
    /// It had not stayed normal: nothing had stopped, nobody need hear of it.
    AsIfNeverStopped,
    /// It had: the stopped clocks run anew, and people are told again.
    StartsAnew,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tickets::{ClockState, WorkCalendar};
    use model::Target;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    fn row() -> Deadlines {
        Deadlines {
            id: "fire-water".into(),
            covers: Text::default(),
            respond: None,
            arrive: Some(Target::Minutes(30)),
            resolve: Some(Target::Minutes(30)),
            quote: String::new(),
            class: None,
        }
    }

    fn opened() -> Ticket {
        let opening = Opening {
            number: 7,
            year: 2026,
            device: Some("fire-main-1".into()),
            alarm: Some("fire-main-1.low".into()),
            origin: Origin::Rule,
            severity: Severity::Critical,
            summary: Text::default(),
            reporter: None,
            previous: None,
            by: GATEWAY.into(),
        };
        Ticket::open(opening, &row(), at(0))
    }

    fn act(ticket: &mut Ticket, action: Action, witness: Witness, seconds: i64) -> Result<(), Refusal> {
        ticket.act(&action, "Li", None, witness, at(seconds))
    }

    fn state_of(ticket: &Ticket, kind: ClockKind, seconds: i64) -> ClockState {
        let clock = ticket.clocks.iter().find(|clock| clock.kind == kind).unwrap();
        clock
            .stand(at(seconds), &WorkCalendar::utc_weekends())
            .unwrap()
            .state
    }

    #[test]
    fn a_ticket_goes_from_open_to_closed() {
        let mut ticket = opened();
        assert_eq!(ticket.id, "T-2026-000007");
        act(&mut ticket, Action::Accept, Witness::Active, 60).unwrap();
        act(&mut ticket, Action::Arrive, Witness::Active, 600).unwrap();
        assert_eq!(state_of(&ticket, ClockKind::Arrive, 9999), ClockState::Met);
        ticket.returned_to_normal(at(900));
        act(
            &mut ticket,
            Action::Resolve { reason: None },
            Witness::Clear,
            1000,
        )
        .unwrap();
        act(&mut ticket, Action::Close, Witness::Clear, 1100).unwrap();
        assert_eq!(ticket.state, TicketState::Closed);
        assert_eq!(state_of(&ticket, ClockKind::Resolve, 9999), ClockState::Met);
    }

    #[test]
    fn resolving_is_refused_while_the_fault_is_there_unless_a_reason_is_given() {
        let mut ticket = opened();
        act(&mut ticket, Action::Accept, Witness::Active, 60).unwrap();
        let refusal = act(
            &mut ticket,
            Action::Resolve { reason: None },
            Witness::Unknown,
            70,
        )
        .unwrap_err();
        assert_eq!(refusal, Refusal::NotClear { condition: "unknown" });
        let reason = Some("sensor is broken, seen with a gauge".to_owned());
        act(&mut ticket, Action::Resolve { reason }, Witness::Active, 80).unwrap();
        let clock = ticket
            .clocks
            .iter()
            .find(|clock| clock.kind == ClockKind::Resolve)
            .unwrap();
        let stand = clock.stand(at(90), &WorkCalendar::utc_weekends()).unwrap();
        assert_eq!(stand.stopped, Some((at(80), StoppedBy::Word("Li".into()))));
    }

    #[test]
    fn a_fault_back_within_ten_minutes_had_never_stopped() {
        let mut ticket = opened();
        ticket.returned_to_normal(at(1000));
        assert_eq!(state_of(&ticket, ClockKind::Resolve, 1500), ClockState::Met);
        assert_eq!(ticket.came_back(at(1599)), ComesBack::AsIfNeverStopped);
        assert_eq!(state_of(&ticket, ClockKind::Resolve, 1801), ClockState::Missed);
    }

    #[test]
    fn unknown_time_neither_counts_nor_breaks_the_ten_minutes() {
        let mut ticket = opened();
        ticket.returned_to_normal(at(1000));
        ticket.set_unknown(true, at(1100));
        ticket.set_unknown(false, at(5000));
        assert_eq!(ticket.came_back(at(5499)), ComesBack::AsIfNeverStopped);
        ticket.returned_to_normal(at(6000));
        ticket.set_unknown(true, at(6100));
        ticket.set_unknown(false, at(7000));
        assert_eq!(ticket.came_back(at(7500)), ComesBack::StartsAnew);
    }

    #[test]
    fn a_fault_back_later_starts_what_had_stopped_anew_and_opens_a_closed_ticket() {
        let mut ticket = opened();
        act(&mut ticket, Action::Accept, Witness::Active, 60).unwrap();
        act(&mut ticket, Action::Arrive, Witness::Active, 100).unwrap();
        ticket.returned_to_normal(at(200));
        act(&mut ticket, Action::Resolve { reason: None }, Witness::Clear, 300).unwrap();
        act(&mut ticket, Action::Close, Witness::Clear, 400).unwrap();
        let day = 24 * 3600;
        assert!(ticket.takes_back(at(400 + day)));
        assert!(!ticket.takes_back(at(401 + day)));
        assert_eq!(ticket.came_back(at(5000)), ComesBack::StartsAnew);
        assert_eq!(ticket.state, TicketState::Open);
        assert_eq!(ticket.opened_at, at(0));
        assert_eq!(state_of(&ticket, ClockKind::Arrive, 6800), ClockState::Running);
        assert_eq!(state_of(&ticket, ClockKind::Arrive, 6801), ClockState::Missed);
    }

    #[test]
    fn a_resolved_ticket_whose_fault_is_back_at_once_is_where_the_work_stood() {
        let mut ticket = opened();
        act(&mut ticket, Action::Arrive, Witness::Active, 100).unwrap();
        ticket.returned_to_normal(at(200));
        act(&mut ticket, Action::Resolve { reason: None }, Witness::Clear, 300).unwrap();
        ticket.came_back(at(400));
        assert_eq!(ticket.state, TicketState::OnSite);
    }

    #[test]
    fn waiting_for_parts_pauses_the_resolve_clock_alone() {
        let mut ticket = opened();
        act(&mut ticket, Action::Accept, Witness::Active, 60).unwrap();
        let wait = Action::Wait {
            parts: "seal".into(),
            told: "owners, at 10:00".into(),
        };
        act(&mut ticket, wait, Witness::Active, 100).unwrap();
        assert_eq!(state_of(&ticket, ClockKind::Resolve, 5000), ClockState::Paused);
        assert_eq!(state_of(&ticket, ClockKind::Arrive, 5000), ClockState::Missed);
        act(&mut ticket, Action::Resume, Witness::Active, 5000).unwrap();
        assert_eq!(ticket.state, TicketState::Accepted);
    }

    #[test]
    fn what_the_state_does_not_allow_is_refused_with_the_state() {
        let mut ticket = opened();
        let refusal = act(&mut ticket, Action::Close, Witness::Active, 10).unwrap_err();
        assert_eq!(refusal.to_string(), "a ticket that is open cannot be closed");
    }
}
