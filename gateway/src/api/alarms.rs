//! Alarms, and what people do to them.

use std::sync::PoisonError;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extract};
use axum::http::StatusCode;

use super::State;
use super::body::Fields;
use super::error::Problem;
use super::lists::{List, Page};
use super::tickets::denied;
use crate::alarms::AlarmState;
use crate::desk::{AlarmAct, Answer, Command};
use crate::view::AlarmView;

/// Alarms that are not normal, newest first.
#[utoipa::path(get, path = "/api/v1/alarms", params(Page), responses((status = 200, body = List<AlarmView>)))]
pub async fn list(Extract(shared): State, Query(page): Query<Page>) -> Json<List<AlarmView>> {
    let board = shared.board.read().unwrap_or_else(PoisonError::into_inner);
    let mut alarms: Vec<_> = board
        .values()
        .filter(|alarm| alarm.state() != AlarmState::Normal)
        .cloned()
        .collect();
    drop(board);
    alarms.sort_by(|left, right| (right.since, &left.id).cmp(&(left.since, &right.id)));
    // An alarm may have gone since the part before: then the list begins again, which shows nothing twice as news.
    let after = page
        .after
        .as_ref()
        .and_then(|after| alarms.iter().position(|alarm| alarm.id == *after));
    let rest = alarms.into_iter().skip(after.map_or(0, |after| after + 1));
    let part = List::part(rest, page.limit(), |alarm| alarm.id.clone());
    let items = part
        .items
        .iter()
        .map(|alarm| AlarmView::new(alarm, &shared.site.timezone));
    Json(List {
        items: items.collect(),
        next: part.next,
    })
}

/// One alarm, normal or not.
#[utoipa::path(get, path = "/api/v1/alarms/{id}", params(("id" = String, Path)),
    responses((status = 200, body = AlarmView), (status = 404, description = "No such alarm")))]
pub async fn show(Extract(shared): State, Path(id): Path<String>) -> Result<Json<AlarmView>, Problem> {
    let board = shared.board.read().unwrap_or_else(PoisonError::into_inner);
    let alarm = board.get(&id).ok_or_else(|| Problem::not_found("alarm", &id))?;
    Ok(Json(AlarmView::new(alarm, &shared.site.timezone)))
}

/// Acknowledges, shelves (`until`, `reason`), unshelves, resets, takes out of service (`until`, `reason`) or puts back an alarm. Every one needs `by`.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/{action}",
    params(("id" = String, Path), ("action" = String, Path, description = "acknowledge, shelve, unshelve, reset, out-of-service or in-service")),
    request_body(content = Object, description = "`by`, and what the action needs"),
    responses((status = 200, body = AlarmView), (status = 404, description = "No such alarm or action"),
        (status = 409, description = "The alarm's state does not allow it"), (status = 422, description = "A field is missing")))]
pub async fn act(
    Extract(shared): State,
    Path((id, action)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<AlarmView>, Problem> {
    let fields = Fields::read(&body)?;
    let by = fields.text("by")?;
    let act = match action.as_str() {
        "acknowledge" => AlarmAct::Acknowledge,
        "shelve" => AlarmAct::Shelve {
            until: fields.moment("until")?,
            reason: fields.text("reason")?,
        },
        "unshelve" => AlarmAct::Unshelve,
        "reset" => AlarmAct::Reset,
        "out-of-service" => AlarmAct::OutOfService {
            until: fields.moment("until")?,
            reason: fields.text("reason")?,
        },
        "in-service" => AlarmAct::InService,
        _ => return Err(Problem::not_found("action", &action)),
    };
    let answer = shared.desk.ask(Command::Alarm { id, act, by }).await;
    match answer.map_err(|denial| denied(denial, &shared))? {
        Answer::Alarm(alarm) => Ok(Json(AlarmView::new(&alarm, &shared.site.timezone))),
        _ => Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the desk answered something else",
        )),
    }
}
