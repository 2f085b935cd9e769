//! A file that somebody sends: its bytes as the body with `?name=…&by=…`, or a form with the fields `file`, `by` and `note`.

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Query, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::body::missing;
use super::error::Problem;
use crate::attachments::LARGEST_BYTES;
use crate::journal::Hash;

/// The longest name of a file, in letters.
const LONGEST_NAME: usize = 120;
/// The longest text that a person may send in one field, in bytes.
const MOST_TEXT: usize = 4096;
/// A form's borders, names and texts beside its file.
const AROUND_A_FILE: usize = 64 * 1024;
/// So much of a body that is too large is read on.
const MOST_LET_GO: usize = 256 * 1024 * 1024;
/// A form has at most so many fields.
const MOST_FIELDS: usize = 16;

/// What a request that sends a file may be as large as.
pub fn body_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(LARGEST_BYTES + AROUND_A_FILE)
}

/// What a file is called, and who sends it, beside a body that is the file itself.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Named {
    /// The file's name.
    name: Option<String>,
    /// Who sends it.
    by: Option<String>,
    /// What it is, in their words.
    note: Option<String>,
}

/// A form that sends a file, as browsers and `curl -F` do.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described by it: a form is read field by field")]
pub struct UploadForm {
    /// The file.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    file: String,
    /// Who sends it.
    by: String,
    /// What to call it instead of the file's own name.
    name: Option<String>,
    /// What it is, in their words.
    note: Option<String>,
}

/// A file that was sent whole.
#[derive(Clone, Debug)]
pub struct Upload {
    /// What it is called.
    pub name: String,
    /// Who sends it.
    pub by: String,
    /// What they say of it.
    pub note: Option<String>,
    /// It.
    pub bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let is_form = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/"));
        let (parts, body) = request.into_parts();
        let bytes = whole(body).await?;
        let (named, bytes) = if is_form {
            let request = Request::from_parts(parts, Body::from(bytes));
            let form = Multipart::from_request(request, state).await;
            form_of(form.map_err(|error| Problem::unprocessable(error.body_text()))?).await?
        } else {
            let named = Query::try_from_uri(&parts.uri);
            let Query(named) = named.map_err(|error| Problem::unprocessable(error.body_text()))?;
            (named, bytes)
        };
        Self::of(named, bytes)
    }
}

/// The whole body. One that is too large is read on for a while and let go: whoever still sends does not hear an answer, but a
/// connection that breaks.
async fn whole(body: Body) -> Result<Bytes, Problem> {
    let (mut pieces, mut bytes, mut let_go) = (body.into_data_stream(), Vec::new(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        if let_go == 0 && bytes.len() + piece.len() <= LARGEST_BYTES + AROUND_A_FILE {
            bytes.extend_from_slice(&piece);
        } else {
            bytes = Vec::new();
            let_go += piece.len();
            if let_go > MOST_LET_GO {
                break;
            }
        }
    }
    if let_go > 0 {
        return Err(too_large());
    }
    Ok(bytes.into())
}

impl Upload {
    fn of(named: Named, bytes: Bytes) -> Result<Self, Problem> {
        let name = file_name(named.name.as_deref().unwrap_or_default()).ok_or_else(|| missing("name"))?;
        let by = said(named.by).ok_or_else(|| missing("by"))?;
        if bytes.is_empty() {
            let text = "the file is empty: send its bytes as the body, or as the form's field `file`";
            return Err(Problem::unprocessable(text)
                .in_chinese("文件是空的：请把文件内容作为请求正文，或作为表单的 `file` 字段发送")
                .with("field", "file"));
        }
        if bytes.len() > LARGEST_BYTES {
            return Err(too_large());
        }
        Ok(Self {
            name,
            by,
            note: said(named.note),
            bytes,
        })
    }

    /// Keeps it in the folder of attached files; it is on the disk when this returns.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn keep(&self, shared: &Shared) -> Result<Hash, Problem> {
        let (attachments, bytes) = (shared.attachments.clone(), self.bytes.clone());
        let kept = tokio::task::spawn_blocking(move || attachments.keep(&bytes)).await;
        let kept = kept.map_err(|error| Problem::internal(error.to_string()))?;
        kept.map_err(|error| Problem::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string()))
    }
}

/// A kept file, if it is still what was sent.
///
/// # Errors
/// It is gone, or was changed.
pub async fn kept_file(shared: &Shared, name: &str, sha256: &str) -> Result<Response, Problem> {
    let hash: Hash = sha256.parse().map_err(Problem::internal)?;
    let attachments = shared.attachments.clone();
    let read = tokio::task::spawn_blocking(move || attachments.read(hash)).await;
    let read = read.map_err(|error| Problem::internal(error.to_string()))?;
    let bytes = read.map_err(|error| Problem::internal(error.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, media_type(name).to_owned()),
        (header::CONTENT_DISPOSITION, disposition(name)),
        // What people upload is never run as a page of ours.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox".to_owned(),
        ),
    ];
    Ok((headers, bytes).into_response())
}

/// Reads a form; the last of several fields of one name counts.
async fn form_of(mut form: Multipart) -> Result<(Named, Bytes), Problem> {
    let mut named = Named::default();
    let (mut file_name, mut bytes) = (None, None);
    for _ in 0..MOST_FIELDS {
        let Some(field) = form.next_field().await.map_err(broken)? else {
            break;
        };
        match field.name().unwrap_or_default() {
            "file" => {
                file_name = field.file_name().map(str::to_owned);
                bytes = Some(field.bytes().await.map_err(broken)?);
            }
            "name" => named.name = Some(text(field, "name").await?),
            "by" => named.by = Some(text(field, "by").await?),
            "note" => named.note = Some(text(field, "note").await?),
            _ => {}
        }
    }
    named.name = said(named.name).or(file_name);
    let bytes = bytes.ok_or_else(|| missing("file"))?;
    Ok((named, bytes))
}

async fn text(field: Field<'_>, name: &str) -> Result<String, Problem> {
    let text = field.text().await.map_err(broken)?;
    if text.len() > MOST_TEXT {
        let problem = Problem::unprocessable(format!("`{name}` is longer than {MOST_TEXT} bytes"));
        return Err(problem.with("field", name));
    }
    Ok(text)
}

fn broken(error: MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        status => Problem::new(status, error.body_text()),
    }
}

fn too_large() -> Problem {
    let most = LARGEST_BYTES >> 20;
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("a file has at most {most} MiB: make it smaller, or send it in parts"),
    )
    .in_chinese(format!("文件最大 {most} MiB：请压缩或分成几个文件"))
    .with("field", "file")
}

fn said(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
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
