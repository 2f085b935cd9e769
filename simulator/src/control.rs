//! The control API: who is there, what can fail, and making it fail.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use model::{Point, Unit, Value};
use serde::Deserialize;
use serde_json::{Map, Value as Body, json};

use crate::fault::{self, FaultKind};
use crate::field::{Field, Machine};
use crate::problem::Problem;
use crate::served::json_of;

/// The largest request body, in bytes.
const LARGEST_BODY_BYTES: usize = 64 * 1024;
/// How many names a refusal lists at most.
const MOST_NAMES: usize = 20;

type Answer = Result<Json<Body>, Problem>;

/// The routes of the API.
pub(crate) fn router(field: Arc<Field>) -> Router {
    Router::new()
        .route("/devices", get(devices))
        .route("/devices/{id}", get(device))
        .route("/faults", get(faults))
        .route("/devices/{id}/faults", get(device_faults).post(inject))
        .route("/devices/{id}/faults/{fault}", delete(clear))
        .route("/devices/{id}/points", post(hold))
        .route("/devices/{id}/points/{point}", delete(release))
        .fallback(nowhere)
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(DefaultBodyLimit::max(LARGEST_BODY_BYTES))
        .with_state(field)
}

async fn nowhere() -> Problem {
    Problem::not_found("there are /devices, /faults, /devices/{id}/faults and /devices/{id}/points here")
}

async fn devices(State(field): State<Arc<Field>>) -> Json<Body> {
    let now = Timestamp::now();
    list(
        field
            .machines()
            .iter()
            .map(|machine| device_json(machine, now))
            .collect(),
    )
}

async fn device(State(field): State<Arc<Field>>, Path(id): Path<String>) -> Answer {
    Ok(Json(device_json(machine(&field, &id)?, Timestamp::now())))
}

async fn faults(State(field): State<Arc<Field>>) -> Json<Body> {
    list(
        field
            .machines()
            .iter()
            .flat_map(|machine| faults_json(machine))
            .collect(),
    )
}

async fn device_faults(State(field): State<Arc<Field>>, Path(id): Path<String>) -> Answer {
    Ok(list(faults_json(machine(&field, &id)?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Injection {
    fault: String,
}

async fn inject(State(field): State<Arc<Field>>, Path(id): Path<String>, body: Bytes) -> Answer {
    let machine = machine(&field, &id)?;
    let Injection { fault } = read(&body, r#"{"fault": "no_answer"}"#)?;
    let kind =
        fault_of(machine, &fault).ok_or_else(|| Problem::unprocessable(no_such_fault(machine, &fault)))?;
    machine
        .state()
        .inject(&machine.device().profile, kind, Timestamp::now());
    tracing::info!(device = id, fault, "a fault was injected");
    Ok(list(faults_json(machine)))
}

async fn clear(State(field): State<Arc<Field>>, Path((id, fault)): Path<(String, String)>) -> Answer {
    let machine = machine(&field, &id)?;
    let kind = fault_of(machine, &fault).ok_or_else(|| Problem::not_found(no_such_fault(machine, &fault)))?;
    machine.state().clear(kind.name);
    tracing::info!(device = id, fault, "a fault was cleared");
    Ok(list(faults_json(machine)))
}

async fn hold(State(field): State<Arc<Field>>, Path(id): Path<String>, body: Bytes) -> Answer {
    let machine = machine(&field, &id)?;
    let asked: Map<String, Body> = read(&body, r#"{"main_pressure": 0.1}"#)?;
    if asked.is_empty() {
        return Err(Problem::unprocessable(
            r#"no point is named; send for example {"main_pressure": 0.1}"#,
        ));
    }
    // All or nothing: no point is held when one of them can't be.
    let mut held = Vec::new();
    for (name, value) in &asked {
        let point =
            point_of(machine, name).ok_or_else(|| Problem::unprocessable(no_such_point(machine, name)))?;
        held.push((point, value_for(point, value)?));
    }
    let mut state = machine.state();
    held.into_iter()
        .for_each(|(point, value)| state.hold(point, value));
    drop(state);
    Ok(Json(device_json(machine, Timestamp::now())))
}

async fn release(State(field): State<Arc<Field>>, Path((id, point)): Path<(String, String)>) -> Answer {
    let machine = machine(&field, &id)?;
    if point_of(machine, &point).is_none() {
        return Err(Problem::not_found(no_such_point(machine, &point)));
    }
    machine.state().release(&point);
    Ok(Json(device_json(machine, Timestamp::now())))
}

fn read<T: for<'body> Deserialize<'body>>(body: &[u8], example: &str) -> Result<T, Problem> {
    let json: Body = serde_json::from_slice(body).map_err(|error| {
        Problem::bad_request(format!(
            "the body is not JSON ({error}); send for example {example}"
        ))
    })?;
    serde_json::from_value(json)
        .map_err(|error| Problem::unprocessable(format!("{error}; send for example {example}")))
}

fn machine<'field>(field: &'field Field, id: &str) -> Result<&'field Arc<Machine>, Problem> {
    field.by_id(id).ok_or_else(|| {
        Problem::not_found(format!(
            "there is no device {id:?} in this site; there are {}",
            names(field.ids())
        ))
    })
}

fn fault_of(machine: &Machine, name: &str) -> Option<&'static FaultKind> {
    fault::faults_of(&machine.device().profile).find(|fault| fault.name == name)
}

fn point_of<'machine>(machine: &'machine Machine, name: &str) -> Option<&'machine Point> {
    machine.device().profile.point(name).map(|(_, point)| point)
}

fn no_such_fault(machine: &Machine, name: &str) -> String {
    let device = machine.device();
    let known = fault::faults_of(&device.profile).map(|fault| fault.name);
    format!(
        "{} can't have a fault {name:?}; it can have {}",
        device.id,
        names(known)
    )
}

fn no_such_point(machine: &Machine, name: &str) -> String {
    let device = machine.device();
    let known = device.profile.points.iter().map(|point| point.name.as_str());
    format!("{} has no point {name:?}; it has {}", device.id, names(known))
}

fn names<'name>(names: impl Iterator<Item = &'name str>) -> String {
    let names: Vec<_> = names.collect();
    let shown = names.get(..MOST_NAMES).unwrap_or(&names).join(", ");
    if names.len() > MOST_NAMES {
        format!("{shown} and {} more", names.len() - MOST_NAMES)
    } else {
        shown
    }
}

/// The value of a request for a point, if it is of the point's kind: a number, a state (or 1 and 0), a text.
fn value_for(point: &Point, value: &Body) -> Result<Value, Problem> {
    let wanted = match value {
        Body::Number(number) if !point.data_type.is_text() => number.as_f64().map(Value::Number),
        Body::Bool(state) if point.data_type.is_bool() => Some(Value::Bool(*state)),
        Body::String(text) if point.data_type.is_text() => Some(Value::Text(text.as_str().into())),
        _ => None,
    };
    let kind = match point.data_type {
        data_type if data_type.is_text() => "a text",
        data_type if data_type.is_bool() => "true or false",
        _ => "a number",
    };
    wanted.ok_or_else(|| Problem::unprocessable(format!("{} takes {kind}, not {value}", point.name)))
}

fn list(items: Vec<Body>) -> Json<Body> {
    Json(json!({ "items": items, "next": null }))
}

fn faults_json(machine: &Machine) -> Vec<Body> {
    let (device, state) = (machine.device(), machine.state());
    let fault = |fault: &FaultKind| {
        json!({
            "device": device.id,
            "class": device.profile.class.as_str(),
            "fault": fault.name,
            "summary": fault.summary(),
            "active": state.has(fault.name),
        })
    };
    fault::faults_of(&device.profile).map(fault).collect()
}

fn device_json(machine: &Machine, now: Timestamp) -> Body {
    let (device, mut state) = (machine.device(), machine.state());
    let shown = state.show(&device.profile, now);
    let points: Map<String, Body> = device
        .profile
        .points
        .iter()
        .zip(&shown)
        .map(|(point, value)| {
            let held = state.holds(&point.name);
            (
                point.name.clone(),
                json!({ "value": json_of(value), "unit": point.unit, "held": held }),
            )
        })
        .collect();
    let active = fault::faults_of(&device.profile)
        .map(|fault| fault.name)
        .filter(|fault| state.has(fault));
    json!({
        "id": device.id,
        "name": device.name,
        "class": device.profile.class.as_str(),
        "profile": device.profile.id,
        "unit": match &device.unit {
            Unit::Modbus(unit) => json!(unit),
            Unit::Topic(topic) => json!(topic),
        },
        "faults": active.collect::<Vec<_>>(),
        "points": points,
    })
}
