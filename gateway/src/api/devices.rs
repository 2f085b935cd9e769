//! Devices with their newest samples.

use std::sync::PoisonError;

use axum::Json;
use axum::extract::{Path, Query, State as Extract};
use model::{Device, DeviceIndex};
use serde::Deserialize;
use utoipa::IntoParams;

use super::error::Problem;
use super::lists::{List, Page};
use super::{Shared, State};
use crate::view::DeviceView;

/// Which devices, and what of them.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Only of this class.
    class: Option<String>,
    /// Only these points, separated by commas.
    points: Option<String>,
}

impl Wanted {
    fn points(&self) -> Option<Vec<String>> {
        self.points
            .as_ref()
            .map(|points| points.split(',').map(|point| point.trim().to_owned()).collect())
    }
}

/// Devices by id.
#[utoipa::path(get, path = "/api/v1/devices", params(Wanted, Page), responses((status = 200, body = List<DeviceView>)))]
pub async fn list(
    Extract(shared): State,
    Query(wanted): Query<Wanted>,
    Query(page): Query<Page>,
) -> Json<List<DeviceView>> {
    let points = wanted.points();
    let mut devices: Vec<_> = shared
        .site
        .devices
        .iter()
        .filter(|(_, device)| {
            wanted
                .class
                .as_ref()
                .is_none_or(|class| device.profile.class.as_str() == class)
        })
        .filter(|(_, device)| page.after.as_ref().is_none_or(|after| device.id > *after))
        .collect();
    devices.sort_by(|left, right| left.1.id.cmp(&right.1.id));
    let part = List::part(devices.into_iter(), page.limit(), |(_, device)| device.id.clone());
    let items = part
        .items
        .into_iter()
        .map(|(index, device)| view(&shared, index, device, points.as_deref()));
    Json(List {
        items: items.collect(),
        next: part.next,
    })
}

/// One device.
#[utoipa::path(get, path = "/api/v1/devices/{id}", params(("id" = String, Path), Wanted),
    responses((status = 200, body = DeviceView), (status = 404, description = "No such device")))]
pub async fn show(
    Extract(shared): State,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<DeviceView>, Problem> {
    let (index, device) = shared
        .site
        .device_by_id(&id)
        .ok_or_else(|| Problem::not_found("device", &id))?;
    Ok(Json(view(&shared, index, device, wanted.points().as_deref())))
}

/// A device as it is now.
pub fn view(shared: &Shared, index: DeviceIndex, device: &Device, points: Option<&[String]>) -> DeviceView {
    let live = shared.live.read().unwrap_or_else(PoisonError::into_inner);
    DeviceView::new(
        &shared.site,
        device,
        live.state(index),
        live.points_of(index).map(|(_, point)| point),
        points,
    )
}
