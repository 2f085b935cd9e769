//! Device records, and what people write into them: nameplates, commissioning, replacements.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;

use super::body::{Fields, missing};
use super::error::Problem;
use super::{Shared, State, tickets};
use crate::desk::Command;
use crate::device_record::{
    COMMISSIONING, DeviceHistory, DeviceRecord, NAMEPLATE, REPLACED, SheetLine, sheet_html,
};
use crate::store::DeviceEntry;
use crate::view::PointView;

/// So many tickets of a device are shown, the newest.
const MOST_TICKETS: usize = 1_000;

/// How a sheet is written.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Format {
    /// `json` or `html`; `json` unless given.
    format: Option<String>,
}

/// A device's record: nameplate, documents, commissioning sheet, planned work, tickets and outages, over replacements.
#[utoipa::path(get, path = "/api/v1/devices/{id}/record", params(("id" = String, Path)),
    responses((status = 200, body = DeviceRecord), (status = 404, description = "No such device")))]
pub async fn show(Extract(shared): State, Path(id): Path<String>) -> Result<Json<DeviceRecord>, Problem> {
    record(&shared, id).await.map(Json)
}

/// A device's commissioning sheet (对点): point by point, who saw which value against the instrument.
#[utoipa::path(get, path = "/api/v1/devices/{id}/commissioning", params(("id" = String, Path), Format),
    responses((status = 200, body = Vec<SheetLine>), (status = 404, description = "No such device")))]
pub async fn sheet(
    Extract(shared): State,
    Path(id): Path<String>,
    Query(asked): Query<Format>,
) -> Result<Response, Problem> {
    let record = record(&shared, id).await?;
    match asked.format.as_deref().unwrap_or("json") {
        "json" => Ok(Json(json!({ "items": record.commissioning, "next": null })).into_response()),
        "html" => {
            let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            Ok((headers, sheet_html(&record)).into_response())
        }
        other => {
            let text = format!("there is no format `{other}`: json and html are there");
            Err(Problem::unprocessable(text).with("field", "format"))
        }
    }
}

/// Somebody compared a point with the instrument: `point`, `seen`, `instrument`, `by`, and if wanted `note`. The gateway's own value at that moment
/// is kept beside it.
#[utoipa::path(post, path = "/api/v1/devices/{id}/commissioning", params(("id" = String, Path)),
    request_body(content = Object, description = "`point`, `seen`, `instrument`, `by`, `note`?"),
    responses((status = 201, body = DeviceRecord), (status = 404, description = "No such device or point"), (status = 422, description = "A field is missing")))]
pub async fn commission(
    Extract(shared): State,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<DeviceRecord>), Problem> {
    let fields = Fields::read(&body)?;
    let point = fields.text("point")?;
    let seen = match fields.get("seen") {
        Some(seen @ (Value::Number(_) | Value::Bool(_))) => seen.clone(),
        _ => fields.text("seen")?.into(),
    };
    let (index, device) = shared
        .site
        .device_by_id(&id)
        .ok_or_else(|| Problem::not_found("device", &id))?;
    let position = device.profile.points.iter().position(|known| known.name == point);
    let position = position.ok_or_else(|| Problem::not_found("point", &point))?;
    let live = {
        let live = shared.live.read().unwrap_or_else(PoisonError::into_inner);
        let found = live.points_of(index).nth(position);
        let known = device.profile.points.get(position).zip(found);
        known.map(|(point, (_, live))| PointView::new(point, live, &shared.site.timezone))
    };
    let body = json!({
        "point": point,
        "seen": seen,
        "instrument": fields.text("instrument")?,
        "live": live,
        "note": fields.optional_text("note")?,
    });
    write(&shared, id, COMMISSIONING, fields.text("by")?, body).await
}

/// Somebody writes down what stands on a device's nameplate: `by`, and any of `maker`, `model`, `serial`, `installed`, `note`.
#[utoipa::path(post, path = "/api/v1/devices/{id}/nameplate", params(("id" = String, Path)),
    request_body(content = Object, description = "`by`, `maker`?, `model`?, `serial`?, `installed`?, `note`?"),
    responses((status = 201, body = DeviceRecord), (status = 404, description = "No such device"), (status = 422, description = "A field is missing")))]
pub async fn nameplate(
    Extract(shared): State,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<DeviceRecord>), Problem> {
    let fields = Fields::read(&body)?;
    let mut plate = Map::new();
    for name in ["maker", "model", "serial", "installed", "note"] {
        if let Some(text) = fields.optional_text(name)? {
            plate.insert(name.to_owned(), text.into());
        }
    }
    if plate.is_empty() {
        return Err(missing("model"));
    }
    write(&shared, id, NAMEPLATE, fields.text("by")?, plate.into()).await
}

/// A device was replaced by another: `by` and `note`. Its place keeps its history; nameplate and commissioning begin anew.
#[utoipa::path(post, path = "/api/v1/devices/{id}/replaced", params(("id" = String, Path)),
    request_body(content = Object, description = "`by`, `note`"),
    responses((status = 201, body = DeviceRecord), (status = 404, description = "No such device"), (status = 422, description = "A field is missing")))]
pub async fn replaced(
    Extract(shared): State,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<DeviceRecord>), Problem> {
    let fields = Fields::read(&body)?;
    let body = json!({ "note": fields.text("note")? });
    write(&shared, id, REPLACED, fields.text("by")?, body).await
}

/// What people have written about a device, oldest first.
pub async fn entries(shared: &Arc<Shared>, id: &str) -> Result<Vec<DeviceEntry>, Problem> {
    if shared.site.device_by_id(id).is_none() {
        return Err(Problem::not_found("device", id));
    }
    let (reading, id) = (Arc::clone(shared), id.to_owned());
    let entries = tokio::task::spawn_blocking(move || {
        let records = reading.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.device_entries(&id)
    });
    let entries = entries
        .await
        .map_err(|error| Problem::internal(error.to_string()))?;
    entries.map_err(|error| Problem::internal(error.to_string()))
}

/// Writes something about a device, and shows its record.
pub async fn write(
    shared: &Arc<Shared>,
    id: String,
    kind: &str,
    by: String,
    body: Value,
) -> Result<(StatusCode, Json<DeviceRecord>), Problem> {
    if shared.site.device_by_id(&id).is_none() {
        return Err(Problem::not_found("device", &id));
    }
    let entry = DeviceEntry {
        number: 0,
        device: id.clone(),
        at: Timestamp::now(),
        kind: kind.to_owned(),
        by,
        body,
    };
    let answer = shared.desk.ask(Command::NoteDevice(entry)).await;
    answer.map_err(|denial| tickets::denied(denial, shared))?;
    Ok((StatusCode::CREATED, Json(record(shared, id).await?)))
}

async fn record(shared: &Arc<Shared>, id: String) -> Result<DeviceRecord, Problem> {
    let (_, device) = shared
        .site
        .device_by_id(&id)
        .ok_or_else(|| Problem::not_found("device", &id))?;
    let reading = Arc::clone(shared);
    let history = tokio::task::spawn_blocking(move || {
        let records = reading.records.lock().unwrap_or_else(PoisonError::into_inner);
        Ok::<_, crate::store::StoreError>(DeviceHistory {
            entries: records.device_entries(&id)?,
            tickets: records.tickets_of_device(&id, MOST_TICKETS)?,
            spans: records.conditions_of_device(&id)?,
        })
    });
    let history = history
        .await
        .map_err(|error| Problem::internal(error.to_string()))?
        .map_err(|error| Problem::internal(error.to_string()))?;
    Ok(DeviceRecord::of(&shared.site, device, &history, Timestamp::now()))
}
