//! Profiles: what people call a device's points, and what their values mean.

use axum::Json;
use axum::extract::State as Extract;
use model::{Point, Profile};
use serde_json::{Map, Value, json};

use super::State;

/// The profiles that a device of the site has, with their points in display order.
#[utoipa::path(get, path = "/api/v1/profiles", responses((status = 200, body = Object, description = "Profiles with titles, units, ranges and labels")))]
pub async fn list(Extract(shared): State) -> Json<Value> {
    let used = |profile: &&std::sync::Arc<Profile>| {
        shared
            .site
            .devices
            .values()
            .any(|device| device.profile.id == profile.id)
    };
    let items: Vec<Value> = shared
        .site
        .profiles
        .values()
        .filter(used)
        .map(|profile| view(profile))
        .collect();
    Json(json!({ "items": items, "next": null }))
}

fn view(profile: &Profile) -> Value {
    json!({
        "id": profile.id,
        "class": profile.class.as_str(),
        "name": profile.name,
        "points": profile.points.iter().map(point_view).collect::<Vec<_>>(),
    })
}

fn point_view(point: &Point) -> Value {
    let kind = match () {
        () if point.data_type.is_bool() => "bool",
        () if point.data_type.is_text() => "text",
        () => "number",
    };
    let labels: Map<String, Value> = point
        .labels
        .iter()
        .map(|(value, text)| (value.to_string(), json!(text)))
        .collect();
    json!({
        "name": point.name,
        "title": point.title,
        "unit": point.unit,
        "kind": kind,
        "range": point.range.map(|range| [range.low, range.high]),
        "labels": labels,
    })
}
