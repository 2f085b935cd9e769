//! Errors as RFC 9457 problem details; `text` says the detail in both languages, since the RFC's own members have one.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::Text;
use serde_json::{Map, Value as Json, json};

/// What went wrong with a request, for the one who asked.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    // Boxed, since a problem is the rare half of every answer.
    detail: Box<str>,
    chinese: Option<Box<str>>,
    more: Map<String, Json>,
}

impl Problem {
    /// A problem with a sentence for the one who asked.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into().into_boxed_str(),
            chinese: None,
            more: Map::new(),
        }
    }

    /// There is no such thing.
    pub fn not_found(what: &str, id: &str) -> Self {
        let in_chinese = format!("没有{} {id}", thing_in_chinese(what));
        Self::new(StatusCode::NOT_FOUND, format!("there is no {what} {id}")).in_chinese(in_chinese)
    }

    /// A parameter or a body's field is missing or not as it should be.
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// Something of ours failed.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// With the same sentence in Chinese.
    pub fn in_chinese(mut self, detail: impl Into<String>) -> Self {
        self.chinese = Some(detail.into().into_boxed_str());
        self
    }

    /// With a sentence in both languages.
    pub fn of_text(status: StatusCode, text: Text) -> Self {
        Self::new(status, text.en).in_chinese(text.zh)
    }

    /// With one more member.
    pub fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let chinese = self.chinese.map_or_else(
            || format!("{}（{}）", status_in_chinese(self.status), self.detail),
            String::from,
        );
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "text": { "zh": chinese, "en": &self.detail },
            "detail": self.detail,
        });
        if let Some(members) = body.as_object_mut() {
            members.extend(self.more);
        }
        (
            self.status,
            [(header::CONTENT_TYPE, "application/problem+json")],
            body.to_string(),
        )
            .into_response()
    }
}

fn thing_in_chinese(what: &str) -> &str {
    match what {
        "device" => "设备",
        "point" => "点位",
        "alarm" => "报警",
        "ticket" => "工单",
        "action" => "操作",
        "handover" => "交接班记录",
        "attachment" => "附件",
        "document" => "资料",
        "such resource" => "该资源",
        other => other,
    }
}

/// What a status says where a problem has no sentence of its own in Chinese.
fn status_in_chinese(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "请求格式有误",
        StatusCode::UNAUTHORIZED => "请先登录",
        StatusCode::FORBIDDEN => "没有权限",
        StatusCode::NOT_FOUND => "没有所请求的内容",
        StatusCode::CONFLICT => "当前状态不允许此操作",
        StatusCode::PAYLOAD_TOO_LARGE => "内容过大",
        StatusCode::UNPROCESSABLE_ENTITY => "请求内容有误",
        StatusCode::TOO_MANY_REQUESTS => "请求过于频繁",
        StatusCode::SERVICE_UNAVAILABLE => "网关正忙，请稍后再试",
        StatusCode::INSUFFICIENT_STORAGE => "无法存盘",
        status if status.is_server_error() => "网关内部出错",
        _ => "请求未被接受",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(problem: Problem) -> Json {
        let body = problem.into_response().into_body();
        let bytes = axum::body::to_bytes(body, 10_000).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn a_problem_is_told_in_both_languages_whatever_it_is() {
        let missing = body(Problem::not_found("ticket", "T-2026-000001")).await;
        assert_eq!(missing["text"]["zh"], "没有工单 T-2026-000001");
        assert_eq!(missing["text"]["en"], missing["detail"]);
        let plain = body(Problem::unprocessable("`after` is wrong")).await;
        assert_eq!(plain["text"]["zh"], "请求内容有误（`after` is wrong）");
    }
}
