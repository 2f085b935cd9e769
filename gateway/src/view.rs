//! The shapes that people outside rely on: devices, alarms, tickets and the webhook's alert as JSON.
//!
//! Only these are ever shown; what the gateway keeps inside may change.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::{Device, Point, Reading, Site, Text, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use utoipa::ToSchema;

use crate::alarms::Alarm;
use crate::live::{DeviceState, LivePoint};
use crate::notices::{Called, Notice};
use crate::tickets::{Attachment, ClockKind, ClockStand, Run, Step, StoppedBy, Ticket, Told, WorkCalendar};

/// A moment as RFC 3339 with the site's offset.
pub fn rfc3339(at: Timestamp, timezone: &TimeZone) -> String {
    at.to_zoned_datetime(timezone.clone())
        .strftime("%Y-%m-%dT%H:%M:%S%.f%:z")
        .to_string()
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextView {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

impl From<&Text> for TextView {
    fn from(text: &Text) -> Self {
        Self {
            zh: text.zh.clone(),
            en: text.en.clone(),
        }
    }
}

/// A device with its newest samples.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeviceView {
    id: String,
    name: String,
    class: String,
    profile: String,
    connection: String,
    building: String,
    location: String,
    /// `unknown` (never read yet), `ok`, `degraded` (answers, some points not good), `offline` (three polls unanswered), `out_of_service`.
    state: &'static str,
    #[schema(value_type = std::collections::HashMap<String, PointView>)]
    points: Map<String, Json>,
}

/// A point's newest sample.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PointView {
    /// A number, true or false, a text, or null.
    #[schema(value_type = Option<f64>)]
    value: Json,
    unit: String,
    /// `good`, `uncertain` or `missing`.
    quality: &'static str,
    /// Why it is not good.
    reason: Option<String>,
    /// When it was read; null before the first reading.
    at: Option<String>,
}

impl PointView {
    /// A point as it is.
    pub fn new(point: &Point, live: &LivePoint, timezone: &TimeZone) -> Self {
        let (quality, reason) = quality(&live.reading);
        Self {
            value: live.reading.value().map_or(Json::Null, value),
            unit: point.unit.clone(),
            quality,
            reason,
            at: live.at.map(|at| rfc3339(at, timezone)),
        }
    }
}

impl DeviceView {
    /// A device as it is; `wanted` limits the points by name.
    pub fn new<'live>(
        site: &Site,
        device: &Device,
        state: DeviceState,
        points: impl Iterator<Item = &'live LivePoint>,
        wanted: Option<&[String]>,
    ) -> Self {
        let mut shown = Map::new();
        for (point, live) in device.profile.points.iter().zip(points) {
            if wanted.is_none_or(|wanted| wanted.contains(&point.name)) {
                let view = PointView::new(point, live, &site.timezone);
                shown.insert(
                    point.name.clone(),
                    serde_json::to_value(view).unwrap_or(Json::Null),
                );
            }
        }
        Self {
            id: device.id.clone(),
            name: device.name.clone(),
            class: device.profile.class.to_string(),
            profile: device.profile.id.clone(),
            connection: site.connections.at(device.connection).name.clone(),
            building: device.building.clone(),
            location: device.location.clone(),
            state: state.name(),
            points: shown,
        }
    }
}

/// A value as JSON.
pub fn value(value: &Value) -> Json {
    match value {
        Value::Number(number) => json!(number),
        Value::Bool(state) => json!(state),
        Value::Text(text) => json!(text.as_ref()),
    }
}

/// A reading's quality and why it is not good.
pub fn quality(reading: &Reading) -> (&'static str, Option<String>) {
    match reading {
        Reading::Good(_) => ("good", None),
        Reading::Uncertain(_, doubt) => ("uncertain", Some(doubt.to_string())),
        Reading::Missing(missing) => ("missing", Some(missing.to_string())),
    }
}

/// An alarm.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AlarmView {
    id: String,
    rule: String,
    device: Option<String>,
    class: Option<String>,
    /// `critical`, `high`, `medium` or `low`.
    severity: &'static str,
    /// `clear`, `active` or `unknown`.
    condition: &'static str,
    /// `normal`, `active_unacked`, `active_acked`, `returned_unacked`, `latched`, `shelved`, `suppressed` or `out_of_service`.
    state: &'static str,
    /// The first reading of the condition.
    since: String,
    ticket: Option<String>,
    summary: TextView,
}

impl AlarmView {
    /// An alarm as it is.
    pub fn new(alarm: &Alarm, timezone: &TimeZone) -> Self {
        Self {
            id: alarm.id.clone(),
            rule: alarm.rule.clone(),
            device: alarm.device.clone(),
            class: alarm.class.clone(),
            severity: alarm.severity.name(),
            condition: alarm.condition(),
            state: alarm.state().name(),
            since: rfc3339(alarm.since, timezone),
            ticket: alarm.ticket.clone(),
            summary: (&alarm.summary).into(),
        }
    }
}

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

/// What the webhook is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WebhookView {
    /// `ticket.opened`, `ticket.reopened`, `ticket.due_soon`, `ticket.overdue` or `ticket.escalated`.
    event: String,
    /// The same at every try: a receiver that has it already drops a repeat.
    key: String,
    at: String,
    /// Which clock ran out: of `ticket.overdue` alone.
    clock: Option<&'static str>,
    /// Of `ticket.due_soon` and `ticket.escalated`: which clock, and when it runs out.
    escalation: Option<EscalationView>,
    /// Whom it is for; empty where the site has no roster.
    #[serde(rename = "for")]
    people: Vec<Called>,
    ticket: TicketView,
}

/// A step of the escalation along the duty roster.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EscalationView {
    /// `respond`, `arrive` or `resolve`.
    clock: &'static str,
    /// When the clock runs out, or ran out.
    due: Option<String>,
    /// Whether it has run out.
    overdue: bool,
}

impl EscalationView {
    fn new(notice: &Notice, kind: ClockKind, calendar: &WorkCalendar) -> Self {
        let clock = notice.ticket.clocks.iter().find(|clock| clock.kind == kind);
        let stand = clock.and_then(|clock| clock.stand(notice.at, calendar));
        Self {
            clock: kind.name(),
            overdue: stand.as_ref().is_some_and(|stand| stand.overdue),
            due: stand.map(|stand| rfc3339(stand.due, calendar.timezone())),
        }
    }
}

impl WebhookView {
    /// A notice as it is sent: the ticket as it stood when it happened.
    pub fn new(notice: &Notice, calendar: &WorkCalendar) -> Self {
        // `clock` says of a notice that the clock ran out; those who were promised so must not meet it on a warning.
        let ran_out = notice.event == "ticket.overdue";
        Self {
            event: notice.event.clone(),
            key: notice.key.clone(),
            at: rfc3339(notice.at, calendar.timezone()),
            clock: notice.clock.filter(|_| ran_out).map(ClockKind::name),
            escalation: notice
                .clock
                .filter(|_| !ran_out)
                .map(|kind| EscalationView::new(notice, kind, calendar)),
            people: notice.people.clone(),
            ticket: TicketView::new(&notice.ticket, calendar, notice.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_sites_offset() {
        let at: Timestamp = "2026-11-24T06:32:07.25Z".parse().unwrap();
        assert_eq!(
            rfc3339(at, &TimeZone::get("Asia/Shanghai").unwrap()),
            "2026-11-24T14:32:07.25+08:00"
        );
        assert_eq!(
            rfc3339(Timestamp::UNIX_EPOCH, &TimeZone::UTC),
            "1970-01-01T00:00:00+00:00"
        );
    }

    #[test]
    fn an_alert_says_nothing_of_who_reported_it_or_was_told() {
        use crate::tickets::{Action, Opening, Origin, Said, Told, Witness};
        let at: Timestamp = "2026-11-24T06:32:07Z".parse().unwrap();
        let row = model::Deadlines {
            id: "elevator".into(),
            covers: Text::default(),
            respond: Some(model::Target::Hours(4)),
            arrive: None,
            resolve: None,
            quote: String::new(),
            class: None,
        };
        let opening = Opening {
            number: 7,
            year: 2026,
            device: None,
            alarm: None,
            origin: Origin::Person,
            severity: model::Severity::High,
            summary: Text::default(),
            reporter: Some("Zhang 13800000000".into()),
            previous: None,
            by: "Wang".into(),
        };
        let mut ticket = Ticket::open(opening, &row, at);
        let mut said = Said::by("Li");
        said.told = Some(Told {
            whom: "Zhang 13800000000".into(),
            what: "on the way".into(),
            at,
        });
        ticket.act(&Action::Accept, &said, Witness::None, at).unwrap();
        let calendar = WorkCalendar::utc_weekends();
        let alert = WebhookView::new(&Notice::opened(&ticket), &calendar);
        let alert = serde_json::to_string(&alert).unwrap();
        assert!(
            !alert.contains("1380000") && !alert.contains("reporter"),
            "{alert}"
        );
        let own = serde_json::to_string(&TicketView::whole(&ticket, &calendar, at)).unwrap();
        assert_eq!(own.matches("1380000").count(), 2);
    }
}
