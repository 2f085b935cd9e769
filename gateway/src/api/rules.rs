//! Rules, with what to do when one holds.

use axum::Json;
use axum::extract::State as Extract;
use serde_json::{Value, json};

use super::State;

/// The site's rules.
#[utoipa::path(get, path = "/api/v1/rules", responses((status = 200, body = Object, description = "Rules with class, severity, row of the standard and procedure")))]
pub async fn list(Extract(shared): State) -> Json<Value> {
    let items: Vec<Value> = shared
        .rules
        .iter()
        .map(|(_, rule)| {
            json!({
                "id": rule.id,
                "class": rule.class.as_ref().map(|class| class.as_str()),
                "severity": rule.severity.name(),
                "ticket": rule.ticket,
                "points": rule.points,
                "procedure": rule.procedure,
            })
        })
        .collect();
    Json(json!({ "items": items, "next": null }))
}
