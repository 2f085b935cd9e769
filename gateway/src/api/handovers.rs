//! The handover log: what one shift leaves to the next.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extract};
use axum::http::StatusCode;

use super::body::Fields;
use super::error::Problem;
use super::lists::{List, Page};
use super::{State, tickets};
use crate::desk::{Answer, Command};
use crate::handover::{Handover, number_of};

/// Handovers, newest first.
#[utoipa::path(get, path = "/api/v1/handovers", params(Page), responses((status = 200, body = List<Handover>)))]
pub async fn list(Extract(shared): State, Query(page): Query<Page>) -> Result<Json<List<Handover>>, Problem> {
    let before = page.after.as_deref().map(|after| {
        number_of(after)
            .ok_or_else(|| Problem::unprocessable("`after` must be the `next` of the part before"))
    });
    let (before, limit) = (before.transpose()?, page.limit());
    let reading = Arc::clone(&shared);
    let handovers = tokio::task::spawn_blocking(move || {
        let records = reading.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.handovers(before, limit + 1, &reading.site.timezone)
    });
    let handovers = handovers
        .await
        .map_err(|error| Problem::internal(error.to_string()))?
        .map_err(|error| Problem::internal(error.to_string()))?;
    Ok(Json(List::part(handovers.into_iter(), limit, |handover| {
        handover.id.clone()
    })))
}

/// One handover.
#[utoipa::path(get, path = "/api/v1/handovers/{id}", params(("id" = String, Path)),
    responses((status = 200, body = Handover), (status = 404, description = "No such handover")))]
pub async fn show(Extract(shared): State, Path(id): Path<String>) -> Result<Json<Handover>, Problem> {
    let number = number_of(&id).ok_or_else(|| Problem::not_found("handover", &id))?;
    let reading = Arc::clone(&shared);
    let handover = tokio::task::spawn_blocking(move || {
        let records = reading.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.handover(number, &reading.site.timezone)
    });
    let handover = handover
        .await
        .map_err(|error| Problem::internal(error.to_string()))?
        .map_err(|error| Problem::internal(error.to_string()))?;
    handover
        .map(Json)
        .ok_or_else(|| Problem::not_found("handover", &id))
}

/// The leaving shift hands over: `by` and `note`; what is open is filled in.
#[utoipa::path(post, path = "/api/v1/handovers", request_body(content = Object, description = "`by`, `note`"),
    responses((status = 201, body = Handover), (status = 422, description = "A field is missing")))]
pub async fn write(Extract(shared): State, body: Bytes) -> Result<(StatusCode, Json<Handover>), Problem> {
    let fields = Fields::read(&body)?;
    let command = Command::HandOver {
        by: fields.text("by")?,
        note: fields.text("note")?,
    };
    let answer = shared.desk.ask(command).await;
    let written = handover(answer.map_err(|denial| tickets::denied(denial, &shared))?)?;
    Ok((StatusCode::CREATED, Json(written)))
}

/// The coming shift confirms: `by`, who is not the one who wrote it.
#[utoipa::path(post, path = "/api/v1/handovers/{id}/confirm", params(("id" = String, Path)),
    request_body(content = Object, description = "`by`"),
    responses((status = 200, body = Handover), (status = 404, description = "No such handover"),
        (status = 409, description = "It is confirmed already, or by the one who wrote it"), (status = 422, description = "`by` is missing")))]
pub async fn confirm(
    Extract(shared): State,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Handover>, Problem> {
    let by = Fields::read(&body)?.text("by")?;
    let answer = shared.desk.ask(Command::ConfirmHandover { id, by }).await;
    let confirmed = handover(answer.map_err(|denial| tickets::denied(denial, &shared))?)?;
    Ok(Json(confirmed))
}

fn handover(answer: Answer) -> Result<Handover, Problem> {
    match answer {
        Answer::Handover(handover) => Ok(*handover),
        _ => Err(Problem::internal("the desk answered something else")),
    }
}
