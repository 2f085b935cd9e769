//! A ticket with its clocks, steps, files and checklist, as JSON.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::{TextView, rfc3339};
use crate::tickets::{Attachment, ClockStand, Run, Step, StoppedBy, Ticket, Told, WorkCalendar};

/// A ticket with its clocks and steps.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TicketView {
    id: String,
    device: Option<String>,
    alarm: Option<String>,
    /// The row of the service standard.
    standard: String,
    /// `rule`, `person` or `planned`.
    origin: &'static str,
    severity: &'static str,
    summary: TextView,
    /// `open`, `accepted`, `on_site`, `waiting`, `resolved`, `closed` or `cancelled`.
    state: &'static str,
    opened_at: String,
    /// The fault's earlier ticket, when that one was closed too long ago to reopen.
    previous: Option<String>,
    /// Who reported it: confidential, and shown only by the ticket's own page.
    #[serde(skip_serializing_if = "Option::is_none")]
    reporter: Option<String>,
    clocks: Vec<ClockView>,
    attachments: Vec<AttachmentView>,
    /// The run of planned work that it is.
    planned: Option<PlannedView>,
    steps: Vec<StepView>,
}

/// A file that belongs to a ticket.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttachmentView {
    /// Of its bytes; the last part of its address.
    sha256: String,
    name: String,
    bytes: u64,
    at: String,
    by: String,
}

/// A run of planned work.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlannedView {
    /// The plan's id.
    work: String,
    /// The day by whose end it must be done.
    due: String,
    /// How many runs were missed that this one makes up for.
    missed: u32,
    /// What must be attached before it can be closed.
    evidence: TextView,
    checklist: Vec<ItemView>,
}

/// An item of a checklist.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ItemView {
    text: TextView,
    done_at: Option<String>,
    done_by: Option<String>,
}

/// A deadline.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClockView {
    /// `respond`, `arrive` or `resolve`.
    clock: &'static str,
    /// What was promised: `30m`, `8h`, `5wd`.
    target: String,
    started_at: String,
    /// While paused, as if resumed now.
    due: String,
    stopped_at: Option<String>,
    /// `telemetry`, or the name of the person who stopped it.
    stopped_by: Option<String>,
    /// `telemetry`, `person`, `word` (a person's word against the telemetry) or `closing`: reports count these apart.
    stopped_how: Option<&'static str>,
    /// How long it waited for parts: a clock that waited is never shown as met without this.
    paused_seconds: i64,
    /// `running`, `paused`, `met` or `missed`.
    state: &'static str,
    /// Missed and not stopped yet.
    overdue: bool,
    /// The due day lies past the loaded calendar years.
    provisional: bool,
}

/// Something that happened to a ticket.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StepView {
    at: String,
    by: String,
    what: String,
    note: Option<String>,
    /// That somebody was told something; on a reported ticket only by its own page, for it names people.
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<ToldView>,
}

/// That somebody was told something.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ToldView {
    whom: String,
    what: String,
    at: String,
}

impl TicketView {
    /// A ticket as it stands at `now`, with what is confidential.
    pub fn whole(ticket: &Ticket, calendar: &WorkCalendar, now: Timestamp) -> Self {
        let mut view = Self::new(ticket, calendar, now);
        view.reporter = ticket.reporter.clone();
        for (shown, step) in view.steps.iter_mut().zip(&ticket.steps) {
            let told = step.told.as_ref();
            shown.told = told.map(|told| ToldView::new(told, calendar.timezone()));
        }
        view
    }

    /// A ticket as it stands at `now`, for everybody.
    pub fn new(ticket: &Ticket, calendar: &WorkCalendar, now: Timestamp) -> Self {
        let timezone = calendar.timezone();
        let clocks = ticket.clocks.iter().filter_map(|clock| {
            Some(ClockView::new(
                clock.kind.name(),
                clock.stand(now, calendar)?,
                timezone,
            ))
        });
        Self {
            id: ticket.id.clone(),
            device: ticket.device.clone(),
            alarm: ticket.alarm.clone(),
            standard: ticket.standard.clone(),
            origin: ticket.origin.name(),
            severity: ticket.severity.name(),
            summary: (&ticket.summary).into(),
            state: ticket.state.name(),
            opened_at: rfc3339(ticket.opened_at, timezone),
            previous: ticket.previous.clone(),
            reporter: None,
            clocks: clocks.collect(),
            attachments: ticket
                .attachments
                .iter()
                .map(|file| AttachmentView::new(file, timezone))
                .collect(),
            planned: ticket.planned.as_ref().map(|run| PlannedView::new(run, timezone)),
            steps: ticket
                .steps
                .iter()
                .map(|step| StepView::new(step, ticket.reporter.is_none(), timezone))
                .collect(),
        }
    }
}

impl ClockView {
    fn new(clock: &'static str, stand: ClockStand, timezone: &TimeZone) -> Self {
        Self {
            clock,
            target: stand.target.to_string(),
            started_at: rfc3339(stand.started_at, timezone),
            due: rfc3339(stand.due, timezone),
            stopped_at: stand.stopped.as_ref().map(|(at, _)| rfc3339(*at, timezone)),
            stopped_how: stand.stopped.as_ref().map(|(_, by)| by.name()),
            paused_seconds: stand.paused.as_secs(),
            stopped_by: stand.stopped.map(|(_, by)| match by {
                StoppedBy::Telemetry => "telemetry".to_owned(),
                StoppedBy::Person(person) | StoppedBy::Word(person) | StoppedBy::Closing(person) => person,
            }),
            state: stand.state.name(),
            overdue: stand.overdue,
            provisional: stand.provisional,
        }
    }
}

impl StepView {
    fn new(step: &Step, names_people: bool, timezone: &TimeZone) -> Self {
        let told = step.told.as_ref().filter(|_| names_people);
        Self {
            at: rfc3339(step.at, timezone),
            by: step.by.clone(),
            what: step.what.clone(),
            note: step.note.clone(),
            told: told.map(|told| ToldView::new(told, timezone)),
        }
    }
}

impl ToldView {
    fn new(told: &Told, timezone: &TimeZone) -> Self {
        Self {
            whom: told.whom.clone(),
            what: told.what.clone(),
            at: rfc3339(told.at, timezone),
        }
    }
}

impl AttachmentView {
    fn new(file: &Attachment, timezone: &TimeZone) -> Self {
        Self {
            sha256: file.sha256.clone(),
            name: file.name.clone(),
            bytes: file.bytes,
            at: rfc3339(file.at, timezone),
            by: file.by.clone(),
        }
    }
}

impl PlannedView {
    fn new(run: &Run, timezone: &TimeZone) -> Self {
        let items = run.checklist.iter().map(|item| ItemView {
            text: (&item.text).into(),
            done_at: item.done.as_ref().map(|(at, _)| rfc3339(*at, timezone)),
            done_by: item.done.as_ref().map(|(_, by)| by.clone()),
        });
        Self {
            work: run.work.clone(),
            due: run.due.to_string(),
            missed: run.missed,
            evidence: (&run.evidence).into(),
            checklist: items.collect(),
        }
    }
}
