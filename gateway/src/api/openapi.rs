//! `/openapi.json`: all of the HTTP side, generated from the code.

use axum::Json;
use utoipa::OpenApi;

use super::lists::List;
use crate::view::{
    AlarmView, AttachmentView, ClockView, DeviceView, ItemView, PlanView, PlannedView, PointView, StepView,
    TextView, TicketView, ToldView, WebhookView,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "facility-gateway", description = "The facility-monitoring gateway. Errors are RFC 9457 problem details; times RFC 3339 with offset."),
    paths(
        super::health::alive,
        super::health::ready,
        super::health::metrics,
        super::gateway::show,
        super::profiles::list,
        super::rules::list,
        super::devices::list,
        super::devices::show,
        super::history::show,
        super::links::device,
        super::links::connections,
        super::alarms::list,
        super::alarms::show,
        super::alarms::act,
        super::tickets::list,
        super::tickets::report,
        super::tickets::show,
        super::tickets::act,
        super::attachments::attach,
        super::attachments::show,
        super::device_records::show,
        super::device_records::sheet,
        super::device_records::commission,
        super::device_records::nameplate,
        super::device_records::replaced,
        super::documents::add,
        super::documents::show,
        super::planned::list,
        super::handovers::list,
        super::handovers::show,
        super::handovers::write,
        super::handovers::confirm,
        super::report::show,
        super::events::listen,
    ),
    components(schemas(
        DeviceView, PointView, AlarmView, TicketView, ClockView, StepView, TextView, WebhookView,
        AttachmentView, PlannedView, ItemView, ToldView, PlanView,
        List<DeviceView>, List<AlarmView>, List<TicketView>
    ))
)]
struct Document;

/// The document.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Serves it.
pub async fn serve() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}
