//! The site's plan of recurring work: what, how often, when it is due next, and which ticket it has.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::State as Extract;
use jiff::Timestamp;
use model::PlannedWork;

use super::State;
use super::error::Problem;
use super::lists::List;
use crate::view::PlanView;

/// Planned work in the order of its ids, with the run that is due next and the newest ticket of each.
#[utoipa::path(get, path = "/api/v1/planned", responses((status = 200, body = List<PlanView>)))]
pub async fn list(Extract(shared): State) -> Result<Json<List<PlanView>>, Problem> {
    let reading = Arc::clone(&shared);
    let newest = tokio::task::spawn_blocking(move || {
        let records = reading.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.newest_planned_tickets()
    });
    let newest = newest
        .await
        .map_err(|error| Problem::internal(error.to_string()))?
        .map_err(|error| Problem::internal(error.to_string()))?;
    let today = shared.calendar.day_of(Timestamp::now());
    let mut plans: Vec<&PlannedWork> = shared.site.standard.planned.iter().collect();
    plans.sort_by(|left, right| left.id.cmp(&right.id));
    let items = plans
        .into_iter()
        .map(|work| PlanView::new(work, today, newest.get(&work.id).cloned()));
    Ok(Json(List {
        items: items.collect(),
        next: None,
    }))
}
