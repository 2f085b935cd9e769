//! A device with its newest samples, as JSON.

use jiff::tz::TimeZone;
use model::{Device, Point, Reading, Site, Value};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use utoipa::ToSchema;

use super::rfc3339;
use crate::live::{DeviceState, LivePoint};

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
    pub fn new(point: &Point, live: LivePoint<'_>, timezone: &TimeZone) -> Self {
        let (quality, reason) = quality(live.reading);
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
        points: impl Iterator<Item = LivePoint<'live>>,
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
