//! The service report of a day, a month or a quarter.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::{Query, State as Extract};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::State;
use super::error::Problem;
use crate::report::{Evidence, Period, Report, csv, html};

/// Which report, and how it is written.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// `2026-11-24`
    day: Option<String>,
    /// `2026-11`; the present month unless anything else is given.
    month: Option<String>,
    /// `2026-Q4`
    quarter: Option<String>,
    /// `json`, `html` or `csv`; `json` unless given.
    format: Option<String>,
}

impl Asked {
    fn period(&self, now: Timestamp, timezone: &jiff::tz::TimeZone) -> Result<Period, Problem> {
        let asked = [
            ("day", &self.day),
            ("month", &self.month),
            ("quarter", &self.quarter),
        ];
        let mut given = asked
            .into_iter()
            .filter_map(|(field, text)| Some((field, text.as_ref()?)));
        let Some((field, text)) = given.next() else {
            return Ok(Period::month_of(now, timezone));
        };
        if given.next().is_some() {
            return Err(
                Problem::unprocessable("give one of `day`, `month` and `quarter`").with("field", field)
            );
        }
        let wrong = |text: String| Problem::unprocessable(text).with("field", field);
        let period: Period = text.parse().map_err(wrong)?;
        let fits = matches!(
            (field, period),
            ("day", Period::Day(_)) | ("month", Period::Month { .. }) | ("quarter", Period::Quarter { .. })
        );
        if fits {
            Ok(period)
        } else {
            Err(wrong(format!("`{text}` is no {field}")))
        }
    }
}

/// The service report: deadlines kept and missed, availability, repairs, the worst devices; each figure with the tickets behind it.
#[utoipa::path(get, path = "/api/v1/report", params(Asked),
    responses((status = 200, body = Report), (status = 422, description = "No such period or format")))]
pub async fn show(Extract(shared): State, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let period = asked.period(now, &shared.site.timezone)?;
    let format = asked.format.clone().unwrap_or_else(|| "json".to_owned());
    if !["json", "html", "csv"].contains(&format.as_str()) {
        let text = format!("there is no format `{format}`: json, html and csv are there");
        return Err(Problem::unprocessable(text).with("field", "format"));
    }
    let reading = Arc::clone(&shared);
    let report = tokio::task::spawn_blocking(move || {
        let records = reading
            .records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .another()?;
        let evidence = Evidence::read(&records, &reading.site, &reading.rules, period)?;
        Ok::<_, crate::store::StoreError>(Report::of(
            &reading.site,
            &reading.calendar,
            period,
            &evidence,
            now,
        ))
    });
    let report = report
        .await
        .map_err(|error| Problem::internal(error.to_string()))?
        .map_err(|error| Problem::internal(error.to_string()))?;
    let name = format!("attachment; filename=\"{}-{period}.csv\"", shared.site.id);
    Ok(match format.as_str() {
        "html" => (
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            html(&report),
        )
            .into_response(),
        "csv" => {
            let headers = [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
                (header::CONTENT_DISPOSITION, name),
            ];
            (headers, csv(&report)).into_response()
        }
        _ => Json(report).into_response(),
    })
}
