//! Reads a request's JSON body field by field, so that what is missing is told by its name.

use axum::body::Bytes;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::error::Problem;

/// The longest text that a person may send in one field, in bytes.
const MOST_TEXT: usize = 4096;

/// The fields of a request's body.
pub struct Fields(Map<String, Json>);

impl Fields {
    /// Reads a body.
    ///
    /// # Errors
    /// It is not a JSON object.
    pub fn read(body: &Bytes) -> Result<Self, Problem> {
        match serde_json::from_slice(body) {
            Ok(Json::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "the body must be a JSON object",
            )),
            Err(error) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the body is not JSON: {error}"),
            )),
        }
    }

    /// A text that must be there and not empty.
    ///
    /// # Errors
    /// It is missing, empty, too long, or not a text.
    pub fn text(&self, name: &str) -> Result<String, Problem> {
        self.optional_text(name)?.ok_or_else(|| missing(name))
    }

    /// A text that may be there.
    ///
    /// # Errors
    /// It is too long or not a text.
    pub fn optional_text(&self, name: &str) -> Result<Option<String>, Problem> {
        match self.0.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) if text.len() > MOST_TEXT => Err(Problem::unprocessable(format!(
                "`{name}` is longer than {MOST_TEXT} bytes"
            ))
            .in_chinese(format!("`{name}` 超过 {MOST_TEXT} 字节"))
            .with("field", name)),
            Some(Json::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Some(_) => Err(Problem::unprocessable(format!("`{name}` must be a text"))
                .in_chinese(format!("`{name}` 应为文本"))
                .with("field", name)),
        }
    }

    /// A moment that must be there.
    ///
    /// # Errors
    /// It is missing or not RFC 3339 with an offset.
    pub fn moment(&self, name: &str) -> Result<Timestamp, Problem> {
        let text = self.text(name)?;
        text.parse().map_err(|_| {
            Problem::unprocessable(format!(
                "`{name}` must be a time such as 2026-11-24T14:32:07+08:00"
            ))
            .in_chinese(format!("`{name}` 应为时间，例如 2026-11-24T14:32:07+08:00"))
            .with("field", name)
        })
    }

    /// The fields of an object that must be there.
    ///
    /// # Errors
    /// It is missing or not an object.
    pub fn object(&self, name: &str) -> Result<Self, Problem> {
        match self.0.get(name) {
            Some(Json::Object(fields)) => Ok(Self(fields.clone())),
            _ => Err(missing(name)),
        }
    }

    /// A field as it is.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }
}

/// A field is missing.
pub fn missing(name: &str) -> Problem {
    Problem::unprocessable(format!("`{name}` is missing"))
        .in_chinese(format!("缺少 `{name}`"))
        .with("field", name)
}
