//! The gateway itself: the site, how devices answer, and how telemetry goes.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Instant;

use axum::Json;
use axum::extract::State as Extract;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Shared, State, duty};
use crate::desk::calendar_warning;
use crate::live::DeviceState;
use crate::view::{TextView, rfc3339};

/// The gateway as it is now.
#[utoipa::path(get, path = "/api/v1/gateway", responses((status = 200, body = Object, description = "Site, version, points, devices, telemetry, who is on duty and the coming times at which nobody is")))]
pub async fn show(Extract(shared): State) -> Json<Value> {
    Json(view(&shared, Timestamp::now()))
}

/// The gateway as it is at `now`; also the event `gateway`.
pub fn view(shared: &Shared, now: Timestamp) -> Value {
    let timezone = &shared.site.timezone;
    let (points, devices) = counts(shared);
    let state = |state: DeviceState| devices.get(&state).copied().unwrap_or(0);
    let (unsent, head) = {
        let records = shared.records.lock().unwrap_or_else(PoisonError::into_inner);
        (records.unsent(), records.journal_head())
    };
    json!({
        "site": { "id": shared.site.id, "name": shared.site.name, "timezone": timezone.iana_name() },
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": rfc3339(shared.started_at, timezone),
        "at": rfc3339(now, timezone),
        "points": { "total": shared.site.point_count(), "good": points },
        "devices": {
            "total": shared.site.devices.len(),
            "ok": state(DeviceState::Ok),
            "degraded": state(DeviceState::Degraded),
            "offline": state(DeviceState::Offline),
            "unknown": state(DeviceState::Unknown),
            "out_of_service": state(DeviceState::OutOfService),
        },
        "telemetry": {
            "destinations": destinations(shared),
            "history": { "oldest_at": shared.history.oldest().map(|at| rfc3339(at, timezone)) },
        },
        "mqtt": publishing(shared, now),
        "notices": match unsent {
            Ok((count, error)) => json!({ "unsent": count, "error": error }),
            Err(error) => json!({ "unsent": null, "error": error.to_string() }),
        },
        "calendar": calendar(shared, now),
        "journal": match head {
            Ok(head) => json!({ "records": head.records, "head": head.hash.to_string() }),
            Err(error) => json!({ "records": null, "head": null, "error": error.to_string() }),
        },
        "on_duty": duty::on_duty(&shared.site, now),
        "duty_gaps": duty::gaps(&shared.site, now),
    })
}

/// To when working days are known, and the warning once that is near.
fn calendar(shared: &Shared, now: Timestamp) -> Value {
    let runs_out = shared.calendar.runs_out(shared.calendar.day_of(now));
    json!({
        "years": shared.site.standard.calendar.years,
        "warning": runs_out.map(calendar_warning).map(|warning| TextView::from(&warning)),
    })
}

fn counts(shared: &Shared) -> (usize, HashMap<DeviceState, usize>) {
    let live = shared.live.read().unwrap_or_else(PoisonError::into_inner);
    let mut good = 0;
    let mut devices = HashMap::new();
    for device in shared.site.devices.ids() {
        *devices.entry(live.state(device)).or_insert(0) += 1;
        good += live
            .points_of(device)
            .filter(|(_, point)| point.reading.is_good())
            .count();
    }
    (good, devices)
}

fn destinations(shared: &Shared) -> Vec<Value> {
    let shown = shared.deliveries.iter().map(|destination| {
        let stand = destination
            .stand
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let state = match (&stand.error, stand.last_written_at) {
            (Some(_), _) => "failing",
            (None, None) => "waiting",
            (None, Some(_)) => "ok",
        };
        json!({
            "name": destination.name.as_ref(),
            "kind": destination.kind,
            "state": state,
            "pending_bytes": stand.pending.bytes,
            "last_written_at": stand.last_written_at.map(|at| rfc3339(at, &shared.site.timezone)),
            "error": stand.error,
            "refused": stand.refused.map(|refused| json!({
                "lines": refused.lines,
                "last_at": rfc3339(refused.last_at, &shared.site.timezone),
                "reason": refused.reason,
            })),
        })
    });
    shown.collect()
}

/// How publishing goes; null where nothing is published.
fn publishing(shared: &Shared, now: Timestamp) -> Option<Value> {
    let stand = shared.publishing.as_ref()?;
    let stand = stand.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let away_since = (stand.away_since).map(|since| since.shown(Instant::now(), now));
    Some(json!({
        "state": if stand.is_up { "up" } else { "down" },
        "away_since": away_since.map(|at| rfc3339(at, &shared.site.timezone)),
        "published": stand.published,
        "refused": stand.refused,
        "waiting": stand.waiting,
        "reconnects": stand.reconnects,
        "error": stand.error,
    }))
}
