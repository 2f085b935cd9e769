//! The HTTP side: one file a resource. It looks down on the other rooms; none of them knows it.

mod alarms;
mod attachments;
mod body;
mod device_records;
mod devices;
mod documents;
mod duty;
mod error;
mod events;
mod gateway;
mod handovers;
mod health;
mod history;
mod links;
mod lists;
mod openapi;
mod page;
mod planned;
mod profiles;
mod report;
mod rules;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod ticket_tests;
mod tickets;
#[cfg(test)]
mod upload_tests;
mod uploads;

use std::sync::{Arc, Mutex, RwLock};

use ::rules::Rules;
use axum::Router;
use axum::routing::{get, post};
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use model::Site;
use tokio_util::sync::CancellationToken;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::attachments::Attachments;
use crate::desk::{Changed, DeskHandle};
use crate::live::Live;
use crate::publish::PublishStand;
use crate::store::RecordsReader;
use crate::telemetry::{DeliveryStand, ShownHistory};
use crate::tickets::WorkCalendar;

pub use events::Hub;
pub use openapi::document;

/// What the HTTP side looks at.
pub struct Shared {
    /// The site.
    pub site: Arc<Site>,
    /// Its rules.
    pub rules: Arc<Rules>,
    /// Working days and the zone.
    pub calendar: Arc<WorkCalendar>,
    /// The newest samples.
    pub live: Arc<RwLock<Live>>,
    /// How devices and connections do on the wire.
    pub field: Arc<drivers::Field>,
    /// Alarms.
    pub board: crate::desk::Board,
    /// Where people's actions go.
    pub desk: DeskHandle,
    /// Stored tickets.
    pub records: Arc<Mutex<RecordsReader>>,
    /// The files that people attached.
    pub attachments: Attachments,
    /// Local history.
    pub history: Arc<ShownHistory>,
    /// How each delivery goes.
    pub deliveries: Vec<Destination>,
    /// How publishing goes, if anything is published.
    pub publishing: Option<Arc<Mutex<PublishStand>>>,
    /// Everybody who listens to events.
    pub hub: Hub,
    /// Renders `/metrics`.
    pub metrics: PrometheusHandle,
    /// When the gateway started.
    pub started_at: Timestamp,
    /// Ends what would otherwise never end.
    pub stop: CancellationToken,
}

/// A database that telemetry goes to, as people know it.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its name.
    pub name: Arc<str>,
    /// `v1` or `v2`.
    pub kind: &'static str,
    /// How it goes.
    pub stand: Arc<Mutex<DeliveryStand>>,
}

type State = axum::extract::State<Arc<Shared>>;

/// All routes.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::serve))
        .route("/api/v1/gateway", get(gateway::show))
        .route("/api/v1/profiles", get(profiles::list))
        .route("/api/v1/rules", get(rules::list))
        .route("/api/v1/devices", get(devices::list))
        .route("/api/v1/devices/{id}", get(devices::show))
        .route("/api/v1/devices/{id}/history", get(history::show))
        .route("/api/v1/devices/{id}/link", get(links::device))
        .route("/api/v1/connections", get(links::connections))
        .route("/api/v1/devices/{id}/record", get(device_records::show))
        .route(
            "/api/v1/devices/{id}/commissioning",
            get(device_records::sheet).post(device_records::commission),
        )
        .route("/api/v1/devices/{id}/nameplate", post(device_records::nameplate))
        .route("/api/v1/devices/{id}/replaced", post(device_records::replaced))
        .route(
            "/api/v1/devices/{id}/documents",
            post(documents::add).layer(uploads::body_limit()),
        )
        .route("/api/v1/devices/{id}/documents/{sha256}", get(documents::show))
        .route("/api/v1/planned", get(planned::list))
        .route("/api/v1/alarms", get(alarms::list))
        .route("/api/v1/alarms/{id}", get(alarms::show))
        .route("/api/v1/alarms/{id}/{action}", post(alarms::act))
        .route("/api/v1/tickets", get(tickets::list).post(tickets::report))
        .route("/api/v1/tickets/{id}", get(tickets::show))
        .route("/api/v1/tickets/{id}/{action}", post(tickets::act))
        .route(
            "/api/v1/tickets/{id}/attachments",
            post(attachments::attach).layer(uploads::body_limit()),
        )
        .route(
            "/api/v1/tickets/{id}/attachments/{sha256}",
            get(attachments::show),
        )
        .route("/api/v1/handovers", get(handovers::list).post(handovers::write))
        .route("/api/v1/handovers/{id}", get(handovers::show))
        .route("/api/v1/handovers/{id}/confirm", post(handovers::confirm))
        .route("/api/v1/report", get(report::show))
        .route("/api/v1/events", get(events::listen))
        .fallback(page::serve)
        // A list of a thousand tickets is a megabyte: packing it tighter takes longer than sending it.
        .layer(
            CompressionLayer::new()
                .gzip(true)
                .quality(CompressionLevel::Fastest),
        )
        .with_state(shared)
}

/// Keeps listeners up to date until the gateway stops.
pub async fn publish(shared: Arc<Shared>, changed: tokio::sync::broadcast::Receiver<Changed>) {
    events::publish(shared, changed).await;
}
