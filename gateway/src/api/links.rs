//! How devices and connections do on the wire: polls, timeouts, refusals, how long answers take, what is asked and why.

use axum::Json;
use axum::extract::{Path, State as Extract};
use drivers::{DeviceStats, Learnt, Length, Percentiles};
use model::{Connection, ConnectionIndex, Device, Unit};
use serde_json::{Value, json};

use super::error::Problem;
use super::{Shared, State};

/// One device's link, since the gateway started.
#[utoipa::path(get, path = "/api/v1/devices/{id}/link", params(("id" = String, Path)), responses((status = 200, body = Object, description = "Polls, timeouts, refusals, latency, the plan of requests and what was learnt")))]
pub async fn device(Extract(shared): State, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let found = shared.site.devices.iter().find(|(_, device)| device.id == id);
    let (index, device) = found.ok_or_else(|| Problem::not_found("device", &id))?;
    let stats = shared
        .field
        .device(index)
        .ok_or_else(|| Problem::not_found("device", &id))?;
    let connection = shared.site.connections.get(device.connection);
    Ok(Json(view(
        device,
        connection.map_or("", |connection| &connection.name),
        &stats,
    )))
}

/// Every connection, by name.
#[utoipa::path(get, path = "/api/v1/connections", responses((status = 200, body = Object, description = "Whether each is up, its reconnects, messages and latency")))]
pub async fn connections(Extract(shared): State) -> Json<Value> {
    let items: Vec<Value> = shared
        .site
        .connections
        .iter()
        .filter_map(|(index, connection)| connection_view(&shared, index, connection))
        .collect();
    Json(json!({ "items": items, "next": null }))
}

fn connection_view(shared: &Shared, index: ConnectionIndex, connection: &Connection) -> Option<Value> {
    let stats = shared.field.connection(index)?;
    let devices = shared
        .site
        .devices
        .values()
        .filter(|device| device.connection == index);
    Some(json!({
        "name": connection.name,
        "url": connection.link.to_string(),
        "state": if stats.is_up { "up" } else { "down" },
        "devices": devices.count(),
        "reconnects": stats.reconnects,
        "polls": stats.polls,
        "late_polls": stats.late,
        "timeouts": stats.timeouts,
        "refusals": stats.refusals,
        "malformed": stats.malformed,
        "messages": stats.messages,
        "messages_dropped": stats.messages_dropped,
        "latency_ms": stats.latency.map(latency),
    }))
}

fn view(device: &Device, connection: &str, stats: &DeviceStats) -> Value {
    let requests = stats.requests.iter().map(|request| {
        json!({
            "table": request.table.name(),
            "first": request.first,
            "count": request.count,
            "points": request.points,
        })
    });
    json!({
        "id": device.id,
        "connection": connection,
        "polls": stats.polls,
        "late_polls": stats.late,
        "timeouts": stats.timeouts,
        "refusals": stats.refusals,
        "malformed": stats.malformed,
        "samples_dropped": stats.dropped,
        "latency_ms": stats.latency.map(latency),
        "plan": {
            "requests": requests.collect::<Vec<_>>(),
            "limits": limits(device),
            "learnt": learnt(&stats.learnt),
        },
    })
}

/// What the profile says that the device can take; nothing over MQTT.
fn limits(device: &Device) -> Option<Value> {
    if matches!(device.unit, Unit::Topic(_)) {
        return None;
    }
    let limits = &device.profile.modbus;
    let skipped = limits.skip.iter().map(|skip| {
        json!({
            "table": skip.table.name(),
            "first": skip.first,
            "last": skip.last,
        })
    });
    Some(json!({
        "max_registers": limits.max_registers,
        "max_bits": limits.max_bits,
        "never_read": skipped.collect::<Vec<_>>(),
    }))
}

fn latency(percentiles: Percentiles) -> Value {
    let ms = |took: std::time::Duration| took.as_secs_f64() * 1000.0;
    json!({
        "p50": ms(percentiles.p50),
        "p95": ms(percentiles.p95),
        "p99": ms(percentiles.p99),
        "of": percentiles.of,
    })
}

fn learnt(learnt: &Learnt) -> Value {
    let refused = learnt.refused.iter().map(|(stretch, code)| {
        json!({
            "table": stretch.table.name(),
            "first": stretch.first,
            "count": stretch.count,
            "exception": code,
        })
    });
    let borders = learnt
        .borders()
        .map(|(table, first)| json!({ "table": table.name(), "before": first }));
    let most = |length: Length| length.refused.map(|_| length.proven);
    json!({
        "refused": refused.collect::<Vec<_>>(),
        "not_read_across": borders.collect::<Vec<_>>(),
        "most_registers": most(learnt.registers),
        "most_bits": most(learnt.bits),
        "pause_ms": u64::try_from(learnt.pause.as_millis()).unwrap_or(u64::MAX),
    })
}
