//! Documents of a device (设备档案): manuals, certificates, acceptance and test reports.

use axum::Json;
use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::State;
use super::device_records::{entries, write};
use super::error::Problem;
use super::uploads::{Named, Upload, UploadForm, kept_file};
use crate::device_record::{DOCUMENT, DeviceRecord};

/// A device has at most so many documents; older ones can be read for ever, and a further one is refused.
const MOST_DOCUMENTS: usize = 1_000;

/// Adds a document of at most 20 MiB to a device's record: its bytes are the body, with `name` and `by` in the address; or a form has
/// them. Its hash stands in the journal.
#[utoipa::path(post, path = "/api/v1/devices/{id}/documents", params(("id" = String, Path), Named),
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
        (UploadForm = "multipart/form-data")
    ), description = "The file's bytes, or a form with `file` and `by`"),
    responses((status = 201, body = DeviceRecord), (status = 404, description = "No such device"),
        (status = 409, description = "The device has all the documents that it can"), (status = 413, description = "Larger than 20 MiB"),
        (status = 422, description = "The name, `by` or the file is missing")))]
pub async fn add(
    Extract(shared): State,
    Path(id): Path<String>,
    upload: Upload,
) -> Result<(StatusCode, Json<DeviceRecord>), Problem> {
    // Only for a device that there is: files of nobody would fill the disk.
    let known = entries(&shared, &id).await?;
    if known.iter().filter(|entry| entry.kind == DOCUMENT).count() >= MOST_DOCUMENTS {
        let text = format!("a device has at most {MOST_DOCUMENTS} documents");
        return Err(Problem::new(StatusCode::CONFLICT, text)
            .in_chinese(format!("一台设备最多 {MOST_DOCUMENTS} 份资料"))
            .with("state", "full"));
    }
    let body = json!({
        "name": upload.name,
        "sha256": upload.keep(&shared).await?.to_string(),
        "bytes": upload.bytes.len(),
        "note": upload.note,
    });
    write(&shared, id, DOCUMENT, upload.by, body).await
}

/// Gives a document back, if it is still what was added.
#[utoipa::path(get, path = "/api/v1/devices/{id}/documents/{sha256}", params(("id" = String, Path), ("sha256" = String, Path)),
    responses((status = 200, description = "The file's bytes", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "No such device or document")))]
pub async fn show(
    Extract(shared): State,
    Path((id, sha256)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let entries = entries(&shared, &id).await?;
    let mut documents = entries.iter().rev().filter(|entry| entry.kind == DOCUMENT);
    let found = documents.find(|entry| entry.body.get("sha256").and_then(Value::as_str) == Some(&sha256));
    let document = found.ok_or_else(|| Problem::not_found("document", &sha256))?;
    let name = document.body.get("name").and_then(Value::as_str);
    kept_file(&shared, name.unwrap_or("document"), &sha256).await
}
