//! Files that belong to tickets: evidence, photos, test reports.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::State;
use super::error::Problem;
use super::tickets::{ask, stored};
use crate::attachments::LARGEST_BYTES;
use crate::journal::Hash;
use crate::tickets::{Action, Said};
use crate::view::TicketView;

/// The longest name of a file, in letters.
const LONGEST_NAME: usize = 120;

/// What a file is called, and who attaches it.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Named {
    /// The file's name.
    name: Option<String>,
    /// Who attaches it.
    by: Option<String>,
}

/// Attaches a file to a ticket: its bytes are the body, at most 20 MiB.
#[utoipa::path(post, path = "/api/v1/tickets/{id}/attachments", params(("id" = String, Path), Named),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file's bytes"),
    responses((status = 200, body = TicketView), (status = 404, description = "No such ticket"),
        (status = 409, description = "The ticket holds all the files that it can"), (status = 413, description = "Larger than 20 MiB"),
        (status = 415, description = "A form instead of the file itself"),
        (status = 422, description = "The name, `by` or the file is missing")))]
pub async fn attach(
    Extract(shared): State,
    Path(id): Path<String>,
    Query(named): Query<Named>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<TicketView>, Problem> {
    refuse_forms(&headers)?;
    let body = body.map_err(|rejection| {
        let right = format!("{rejection}: a file has at most {} MiB", LARGEST_BYTES >> 20);
        Problem::new(rejection.status(), right)
    })?;
    let name =
        file_name(named.name.as_deref().unwrap_or_default()).ok_or_else(|| super::body::missing("name"))?;
    let by = named
        .by
        .map(|by| by.trim().to_owned())
        .filter(|by| !by.is_empty());
    let by = by.ok_or_else(|| super::body::missing("by"))?;
    if body.is_empty() {
        return Err(
            Problem::unprocessable("the body is empty: send the file's bytes as it").with("field", "body"),
        );
    }
    // Only for a ticket that there is: files of nobody would fill the disk.
    stored(&shared, &id).await?;
    let bytes = body.len() as u64;
    let attachments = shared.attachments.clone();
    let kept = tokio::task::spawn_blocking(move || attachments.keep(&body)).await;
    let kept = kept.map_err(|error| Problem::internal(error.to_string()))?;
    let sha256 = kept
        .map_err(|error| Problem::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string()))?
        .to_string();
    let action = Action::Attach { sha256, name, bytes };
    ask(&shared, id, action, Said::by(&by)).await.map(Json)
}

/// A form would be kept with its borders and fields around the file, and be evidence of nothing.
fn refuse_forms(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    match kind.filter(|kind| kind.starts_with("multipart/")) {
        None => Ok(()),
        Some(kind) => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("send the file itself as the body, with ?name=…&by=…, not as {kind}"),
        )),
    }
}

/// Gives an attached file back, if it is still what was attached.
#[utoipa::path(get, path = "/api/v1/tickets/{id}/attachments/{sha256}", params(("id" = String, Path), ("sha256" = String, Path)),
    responses((status = 200, description = "The file's bytes", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "No such ticket or file")))]
pub async fn show(
    Extract(shared): State,
    Path((id, sha256)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let ticket = stored(&shared, &id).await?;
    let file = ticket.attachments.iter().find(|file| file.sha256 == sha256);
    let file = file.ok_or_else(|| Problem::not_found("attachment", &sha256))?;
    let hash: Hash = sha256.parse().map_err(Problem::internal)?;
    let attachments = Arc::new(shared.attachments.clone());
    let read = tokio::task::spawn_blocking(move || attachments.read(hash)).await;
    let read = read.map_err(|error| Problem::internal(error.to_string()))?;
    let bytes = read.map_err(|error| Problem::internal(error.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, media_type(&file.name).to_owned()),
        (header::CONTENT_DISPOSITION, disposition(&file.name)),
        // What people upload is never run as a page of ours.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox".to_owned(),
        ),
    ];
    Ok((headers, bytes).into_response())
}

/// The last part of a name, without what cannot be shown.
fn file_name(given: &str) -> Option<String> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown: String = last
        .chars()
        .filter(|letter| !letter.is_control())
        .take(LONGEST_NAME)
        .collect();
    Some(shown.trim().to_owned()).filter(|name| !name.is_empty())
}

fn media_type(name: &str) -> &'static str {
    let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}

/// The name in the form that takes any letter (RFC 6266, RFC 5987).
fn disposition(name: &str) -> String {
    let mut said = String::from("attachment; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            said.push(char::from(byte));
        } else {
            said.push_str(&format!("%{byte:02X}"));
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_its_last_part_and_can_be_sent_whatever_its_letters() {
        assert_eq!(file_name("C:\\photos\\泵房.jpg").as_deref(), Some("泵房.jpg"));
        assert_eq!(file_name("../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(file_name("a/\r\n"), None);
        assert_eq!(disposition("a b.pdf"), "attachment; filename*=UTF-8''a%20b.pdf");
        assert_eq!(media_type("x.JPG"), "image/jpeg");
        assert_eq!(media_type("x.html"), "application/octet-stream");
    }
}
