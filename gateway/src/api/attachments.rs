//! Files that belong to tickets: evidence, photos, test reports.

use axum::Json;
use axum::extract::{Path, State as Extract};
use axum::response::Response;

use super::State;
use super::error::Problem;
use super::tickets::{ask, stored};
use super::uploads::{Named, Upload, UploadForm, kept_file};
use crate::tickets::{Action, Said};
use crate::view::TicketView;

/// Attaches a file of at most 20 MiB to a ticket: its bytes are the body, with `name` and `by` in the address; or a form has them.
#[utoipa::path(post, path = "/api/v1/tickets/{id}/attachments", params(("id" = String, Path), Named),
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
        (UploadForm = "multipart/form-data")
    ), description = "The file's bytes, or a form with `file` and `by`"),
    responses((status = 200, body = TicketView), (status = 404, description = "No such ticket"),
        (status = 409, description = "The ticket holds all the files that it can"), (status = 413, description = "Larger than 20 MiB"),
        (status = 422, description = "The name, `by` or the file is missing")))]
pub async fn attach(
    Extract(shared): State,
    Path(id): Path<String>,
    upload: Upload,
) -> Result<Json<TicketView>, Problem> {
    // Only for a ticket that there is: files of nobody would fill the disk.
    stored(&shared, &id).await?;
    let sha256 = upload.keep(&shared).await?.to_string();
    let action = Action::Attach {
        sha256,
        bytes: upload.bytes.len() as u64,
        name: upload.name,
    };
    let said = Said {
        by: upload.by,
        note: upload.note,
        told: None,
    };
    ask(&shared, id, action, said).await.map(Json)
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
    kept_file(&shared, &file.name, &sha256).await
}
