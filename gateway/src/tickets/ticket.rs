//! A ticket: work for people, with deadlines. What people do to it is in `action`, what its fault does to it in `fault`.

use jiff::Timestamp;
use model::{Deadlines, Severity, Target, Text};
use serde::{Deserialize, Serialize};

use super::attachment::Attachment;
use super::clock::{Clock, ClockKind, StoppedBy};
use super::fault::NormalStretch;
use super::planned::Run;

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
    /// Files that belong to it; only ever appended to.
    // What tickets of earlier versions do not have is left out when it is empty, so that a stored ticket keeps its digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// The run of planned work that it is, with its checklist and the evidence that it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Run>,
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
    /// The plan of recurring work.
    Planned,
}

impl Origin {
    /// The name that the contract gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Person => "person",
            Self::Planned => "planned",
        }
    }
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
    /// What was told to whom, if somebody was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// That somebody was told something: the owners of a delay, a reporter of what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Whom.
    pub whom: String,
    /// What.
    pub what: String,
    /// When.
    pub at: Timestamp,
}

/// Who does something to a ticket, and what they say with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Who.
    pub by: String,
    /// In their words.
    pub note: Option<String>,
    /// What they told to whom.
    pub told: Option<Told>,
}

impl Said {
    /// Somebody, without a word.
    pub fn by(by: &str) -> Self {
        Self {
            by: by.to_owned(),
            note: None,
            told: None,
        }
    }
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
        let clocks = promises(row)
            .into_iter()
            .map(|(kind, target)| Clock::start(kind, target, now));
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
            attachments: Vec::new(),
            planned: None,
            steps: Vec::new(),
        };
        ticket.step(now, &opening.by, "opened", ticket.previous.clone());
        ticket
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
            told: None,
        });
    }

    /// Where the work stood before it was put to wait or resolved.
    pub(super) fn state_of_work(&self) -> TicketState {
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

    pub(super) fn start_anew(&mut self, at: Timestamp) {
        self.clocks.iter_mut().for_each(|clock| clock.restart(at));
        self.state = TicketState::Open;
        self.ended_at = None;
    }

    pub(super) fn end(&mut self, state: TicketState, by: &str, now: Timestamp) {
        for clock in &mut self.clocks {
            clock.stop(now, StoppedBy::Closing(by.to_owned()));
        }
        self.state = state;
        self.ended_at = Some(now);
    }

    pub(super) fn stop(&mut self, kind: ClockKind, at: Timestamp, by: StoppedBy) {
        self.each_clock(kind, |clock| clock.stop(at, by.clone()));
    }

    pub(super) fn each_clock(&mut self, kind: ClockKind, change: impl FnMut(&mut Clock)) {
        self.clocks
            .iter_mut()
            .filter(|clock| clock.kind == kind)
            .for_each(change);
    }
}

/// Who a step is by when nobody did it.
pub const GATEWAY: &str = "gateway";

/// The clocks that a row names, and what it promises.
pub(super) fn promises(row: &Deadlines) -> Vec<(ClockKind, Target)> {
    let named = [
        (ClockKind::Respond, row.respond),
        (ClockKind::Arrive, row.arrive),
        (ClockKind::Resolve, row.resolve),
    ];
    named
        .into_iter()
        .filter_map(|(kind, target)| Some((kind, target?)))
        .collect()
}
