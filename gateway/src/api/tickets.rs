//! Tickets, and what people do to them.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extract};
use axum::http::StatusCode;
use jiff::Timestamp;
use model::{Severity, Text};

use super::body::{Fields, missing};
use super::error::Problem;
use super::lists::{List, Page};
use super::{Shared, State};
use crate::desk::{Answer, Command, Denied, Report};
use crate::tickets::{Action, Refusal, Said, Ticket, Told};
use crate::view::{AlarmView, TicketView};

/// Tickets, newest first.
#[utoipa::path(get, path = "/api/v1/tickets", params(Page), responses((status = 200, body = List<TicketView>)))]
pub async fn list(
    Extract(shared): State,
    Query(page): Query<Page>,
) -> Result<Json<List<TicketView>>, Problem> {
    let before = match &page.after {
        Some(after) => Some(
            number_of(after)
                .ok_or_else(|| Problem::unprocessable("`after` must be the `next` of the part before"))?,
        ),
        None => None,
    };
    let (records, limit) = (Arc::clone(&shared.records), page.limit());
    let tickets = tokio::task::spawn_blocking(move || {
        records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .tickets(before, limit + 1)
    });
    let tickets = tickets
        .await
        .map_err(|error| Problem::internal(error.to_string()))?;
    let tickets = tickets.map_err(|error| Problem::internal(error.to_string()))?;
    let part = List::part(tickets.into_iter(), limit, |ticket| ticket.id.clone());
    let now = Timestamp::now();
    let items = part
        .items
        .iter()
        .map(|ticket| TicketView::new(ticket, &shared.calendar, now));
    Ok(Json(List {
        items: items.collect(),
        next: part.next,
    }))
}

/// One ticket, with who reported it.
#[utoipa::path(get, path = "/api/v1/tickets/{id}", params(("id" = String, Path)),
    responses((status = 200, body = TicketView), (status = 404, description = "No such ticket")))]
pub async fn show(Extract(shared): State, Path(id): Path<String>) -> Result<Json<TicketView>, Problem> {
    let ticket = stored(&shared, &id).await?;
    Ok(Json(TicketView::whole(
        &ticket,
        &shared.calendar,
        Timestamp::now(),
    )))
}

/// A ticket as it is stored.
pub async fn stored(shared: &Shared, id: &str) -> Result<Ticket, Problem> {
    let (records, wanted) = (Arc::clone(&shared.records), id.to_owned());
    let ticket = tokio::task::spawn_blocking(move || {
        records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ticket(&wanted)
    });
    let ticket = ticket
        .await
        .map_err(|error| Problem::internal(error.to_string()))?;
    let ticket = ticket.map_err(|error| Problem::internal(error.to_string()))?;
    ticket.ok_or_else(|| Problem::not_found("ticket", id))
}

/// Reports a fault by hand: `standard`, `summary` and `by`, and if known `device` and `reporter`.
#[utoipa::path(post, path = "/api/v1/tickets", request_body(content = Object, description = "`standard`, `device`?, `summary`, `reporter`?, `by`"),
    responses((status = 201, body = TicketView), (status = 422, description = "A field is missing or wrong")))]
pub async fn report(Extract(shared): State, body: Bytes) -> Result<(StatusCode, Json<TicketView>), Problem> {
    let fields = Fields::read(&body)?;
    let device = fields.optional_text("device")?;
    if let Some(id) = device
        .as_ref()
        .filter(|id| shared.site.device_by_id(id).is_none())
    {
        return Err(Problem::unprocessable(format!("there is no device {id}"))
            .in_chinese(format!("没有设备 {id}"))
            .with("field", "device"));
    }
    let standard = fields.text("standard")?;
    let report = Report {
        device,
        severity: severity_of(&standard),
        summary: summary(&fields)?,
        reporter: fields.optional_text("reporter")?,
        by: fields.text("by")?,
        standard,
    };
    let answer = shared.desk.ask(Command::Report(report)).await;
    let ticket = ticket(answer.map_err(|denial| denied(denial, &shared))?)?;
    Ok((StatusCode::CREATED, Json(view(&shared, &ticket))))
}

/// Accepts, arrives at, resolves (`reason` when the telemetry does not show it), closes, puts to wait (`parts`, `told`), resumes,
/// reopens, cancels (`reason`), assigns (`to`), raises (`standard`), ticks an item of (`item`) or comments on (`note`) a ticket.
/// Every one needs `by`, and may carry `told` `{whom, what, at}`: on a reported ticket the first that does stops the respond clock.
#[utoipa::path(post, path = "/api/v1/tickets/{id}/{action}",
    params(("id" = String, Path), ("action" = String, Path, description = "accept, arrive, resolve, close, wait, resume, reopen, cancel, assign, raise, check or comment")),
    request_body(content = Object, description = "`by`, and what the action needs"),
    responses((status = 200, body = TicketView), (status = 404, description = "No such ticket or action"),
        (status = 409, description = "The ticket's state does not allow it"), (status = 422, description = "A field is missing")))]
pub async fn act(
    Extract(shared): State,
    Path((id, action)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<TicketView>, Problem> {
    let fields = Fields::read(&body)?;
    let said = Said {
        by: fields.text("by")?,
        note: fields.optional_text("note")?,
        told: told(&fields)?,
    };
    let action = wanted(&shared, &action, &fields)?;
    ask(&shared, id, action, said).await.map(Json)
}

/// The action that a request asks for, with all that it needs.
fn wanted(shared: &Shared, action: &str, fields: &Fields) -> Result<Action, Problem> {
    Ok(match action {
        "accept" => Action::Accept,
        "arrive" => Action::Arrive,
        "resolve" => Action::Resolve {
            reason: fields.optional_text("reason")?,
        },
        "close" => Action::Close,
        "wait" => Action::Wait {
            parts: fields.text("parts")?,
            told: told(fields)?.ok_or_else(|| missing("told"))?,
        },
        "resume" => Action::Resume,
        "reopen" => Action::Reopen,
        "cancel" => Action::Cancel {
            reason: fields.text("reason")?,
        },
        "assign" => Action::Assign {
            to: fields.text("to")?,
        },
        "raise" => {
            let standard = fields.text("standard")?;
            let row = shared.site.standard.deadlines.get(&standard);
            let row = row.ok_or_else(|| denied(Denied::UnknownRow(standard), shared))?;
            Action::Raise { row: row.clone() }
        }
        "check" => Action::Check {
            item: fields
                .get("item")
                .and_then(serde_json::Value::as_u64)
                .and_then(|item| usize::try_from(item).ok())
                .ok_or_else(|| {
                    Problem::unprocessable("`item` must be the item's number, from 1")
                        .in_chinese("`item` 应为检查项的序号，从 1 起")
                        .with("field", "item")
                })?,
        },
        "comment" => {
            fields.text("note")?;
            Action::Comment
        }
        _ => return Err(Problem::not_found("action", action)),
    })
}

/// Asks the desk for an action and shows what came of it.
pub async fn ask(shared: &Shared, id: String, action: Action, said: Said) -> Result<TicketView, Problem> {
    let answer = shared.desk.ask(Command::Ticket { id, action, said }).await;
    let ticket = ticket(answer.map_err(|denial| denied(denial, shared))?)?;
    Ok(view(shared, &ticket))
}

/// What the desk did not do, for the one who asked.
pub fn denied(denial: Denied, shared: &Shared) -> Problem {
    let text = denial.text();
    match denial {
        Denied::Unknown { what, id } => Problem::not_found(what, &id),
        Denied::UnknownRow(_) => {
            Problem::of_text(StatusCode::UNPROCESSABLE_ENTITY, text).with("field", "standard")
        }
        Denied::Ticket {
            refusal: Refusal::NoItem { .. },
            ..
        } => Problem::of_text(StatusCode::UNPROCESSABLE_ENTITY, text).with("field", "item"),
        Denied::Ticket { ticket, .. } => {
            let shown = serde_json::to_value(view(shared, &ticket)).unwrap_or_default();
            Problem::of_text(StatusCode::CONFLICT, text)
                .with("state", ticket.state.name())
                .with("ticket", shown)
        }
        Denied::Alarm { alarm, .. } => {
            let shown =
                serde_json::to_value(AlarmView::new(&alarm, &shared.site.timezone)).unwrap_or_default();
            Problem::of_text(StatusCode::CONFLICT, text)
                .with("state", alarm.state().name())
                .with("alarm", shown)
        }
        Denied::Handover { handover, .. } => {
            let state = if handover.confirmed_by.is_some() {
                "confirmed"
            } else {
                "written"
            };
            let shown = serde_json::to_value(handover).unwrap_or_default();
            Problem::of_text(StatusCode::CONFLICT, text)
                .with("state", state)
                .with("handover", shown)
        }
        Denied::NotStored(_) => Problem::of_text(StatusCode::INSUFFICIENT_STORAGE, text),
        Denied::Busy => Problem::of_text(StatusCode::SERVICE_UNAVAILABLE, text),
    }
}

fn view(shared: &Shared, ticket: &Ticket) -> TicketView {
    TicketView::new(ticket, &shared.calendar, Timestamp::now())
}

fn ticket(answer: Answer) -> Result<Arc<Ticket>, Problem> {
    match answer {
        Answer::Ticket(ticket) => Ok(ticket),
        _ => Err(Problem::internal("the desk answered something else")),
    }
}

/// A summary is a text in both languages, or one that a person typed in theirs.
fn summary(fields: &Fields) -> Result<Text, Problem> {
    match fields.get("summary") {
        Some(serde_json::Value::Object(_)) => {
            let both = fields.object("summary")?;
            let (zh, en) = (both.optional_text("zh")?, both.optional_text("en")?);
            let one = zh
                .clone()
                .or_else(|| en.clone())
                .ok_or_else(|| missing("summary"))?;
            Ok(Text::new(zh.unwrap_or_else(|| one.clone()), en.unwrap_or(one)))
        }
        _ => fields.text("summary").map(|text| Text::new(text.clone(), text)),
    }
}

/// What was told to whom and when, if the request says so: then all of it.
fn told(fields: &Fields) -> Result<Option<Told>, Problem> {
    if matches!(fields.get("told"), None | Some(serde_json::Value::Null)) {
        return Ok(None);
    }
    let told = fields.object("told")?;
    Ok(Some(Told {
        whom: told.text("whom")?,
        what: told.text("what")?,
        at: told.moment("at")?,
    }))
}

/// How urgent a report is by its row: what endangers people first.
fn severity_of(standard: &str) -> Severity {
    match standard {
        "urgent-repair" | "fire-water" | "elevator-entrapment" => Severity::Critical,
        "elevator" | "power" | "water-supply" | "drainage" | "complaint-severe" => Severity::High,
        _ => Severity::Medium,
    }
}

/// The number in a ticket's id.
fn number_of(id: &str) -> Option<u64> {
    id.rsplit('-').next()?.parse().ok()
}
