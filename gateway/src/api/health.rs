//! Whether the gateway is alive and ready, and its metrics.

use axum::extract::State as Extract;
use axum::http::header;
use axum::response::IntoResponse;

use super::State;

/// Alive.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "The gateway is alive")))]
pub async fn alive() -> &'static str {
    "ok\n"
}

/// Site, stores and drivers are started: the HTTP side opens only after them. A dead database, broker or device does not change it.
#[utoipa::path(get, path = "/readyz", responses((status = 200, description = "Site, stores and drivers are started")))]
pub async fn ready() -> &'static str {
    "ready\n"
}

/// Metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", responses((status = 200, description = "Metrics in Prometheus' text format")))]
pub async fn metrics(Extract(shared): State) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        shared.metrics.render() + shared.field.metrics().as_str(),
    )
}
