//! A point's trend from local history.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::{Path, Query, State as Extract};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value as JsonValue;
use utoipa::{IntoParams, ToSchema};

use super::State;
use super::error::Problem;
use super::lists::MOST_ITEMS;
use crate::store::{Grain, Piece, Summary, Trend};
use crate::view::{rfc3339, value};

/// Without a `from`, a trend goes back so far.
const ONE_HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Which trend.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// The point's name.
    point: Option<String>,
    /// RFC 3339; an hour before `to` unless given.
    from: Option<String>,
    /// RFC 3339; now unless given.
    to: Option<String>,
    /// One item for each so long (`10s`, `5m`, `1h`); every reading unless given.
    every: Option<String>,
    /// The `next` of the part before.
    after: Option<String>,
    /// At most so many items, 1 to 1000.
    limit: Option<usize>,
}

/// A trend, oldest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrendView {
    point: String,
    unit: String,
    items: Vec<TrendItem>,
    /// When the system's clock was set after times of this trend, newest first: those are of the clock before it.
    clock_steps: Vec<ClockStepView>,
    /// Where to go on; null at the end.
    next: Option<String>,
}

/// A stretch of times that a clock told which was then set.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ClockStepView {
    /// The first moment that it told.
    since: String,
    /// The last.
    until: String,
    /// By how many seconds it was set then: above zero it had been behind what it was set to.
    seconds: f64,
}

/// One reading, or what the readings of one interval say together.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TrendItem {
    /// When it was read, or when the interval begins.
    at: String,
    /// The value, or the mean of the good numbers; null where nothing was good, or no number can hold their sum.
    #[schema(value_type = Option<f64>)]
    value: JsonValue,
    /// The lowest good number.
    min: Option<f64>,
    /// The highest good number.
    max: Option<f64>,
    /// `good`, `uncertain` or `missing`: of an interval, the best of its readings.
    quality: &'static str,
}

/// A point's trend.
#[utoipa::path(get, path = "/api/v1/devices/{id}/history", params(("id" = String, Path), Asked),
    responses((status = 200, body = TrendView), (status = 404, description = "No such device or point"), (status = 422, description = "A parameter is wrong")))]
pub async fn show(
    Extract(shared): State,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<TrendView>, Problem> {
    let (_, device) = shared
        .site
        .device_by_id(&id)
        .ok_or_else(|| Problem::not_found("device", &id))?;
    let name = asked.point.clone().ok_or_else(|| super::body::missing("point"))?;
    let (_, point) = device
        .profile
        .point(&name)
        .ok_or_else(|| Problem::not_found("point", &name))?;
    let to = moment("to", asked.to.as_deref())?.unwrap_or_else(Timestamp::now);
    let from = moment("from", asked.from.as_deref())?;
    let from = from.unwrap_or_else(|| to.saturating_sub(ONE_HOUR).unwrap_or(Timestamp::MIN));
    let from = moment("after", asked.after.as_deref())?.unwrap_or(from);
    let every = asked.every.as_deref().map(span).transpose()?;
    let limit = asked.limit.unwrap_or(MOST_ITEMS).clamp(1, MOST_ITEMS);

    let grain = every
        .filter(|_| !point.data_type.is_text())
        .and_then(|every| i64::try_from(every.as_nanos()).ok())
        .map_or(Grain::Readings, Grain::Within);
    let trend = Trend { from, to, grain };
    let clock_steps = shared
        .records
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clock_steps(from, to);
    let clock_steps = clock_steps.map_err(|error| Problem::internal(error.to_string()))?;
    let (history, device_id, wanted) = (Arc::clone(&shared.history), id.clone(), name.clone());
    let buckets = tokio::task::spawn_blocking(move || {
        let mut buckets = Buckets {
            every,
            limit,
            buckets: Vec::new(),
        };
        history.look(|history| history.each(&device_id, &wanted, trend, |piece| buckets.take(piece)))?;
        Ok::<_, crate::store::StoreError>(buckets.buckets)
    });
    let buckets = buckets
        .await
        .map_err(|error| Problem::internal(error.to_string()))?;
    let mut buckets = buckets.map_err(|error| Problem::internal(error.to_string()))?;
    let more = buckets.len() > limit;
    let next = buckets.get(limit).filter(|_| more).map(|bucket| bucket.at);
    buckets.truncate(limit);
    let timezone = &shared.site.timezone;
    Ok(Json(TrendView {
        point: name,
        unit: point.unit.clone(),
        items: buckets
            .iter()
            .map(|bucket| bucket.item(rfc3339(bucket.at, timezone)))
            .collect(),
        clock_steps: clock_steps
            .iter()
            .map(|step| ClockStepView {
                since: rfc3339(step.since, timezone),
                until: rfc3339(step.until, timezone),
                seconds: step.by().as_secs_f64(),
            })
            .collect(),
        next: next.map(|at| rfc3339(at, timezone)),
    }))
}

/// The pieces of a history put together by interval; intervals are counted from 1970, so that a trend that is asked for again
/// later has the same ones.
struct Buckets {
    every: Option<SignedDuration>,
    limit: usize,
    buckets: Vec<Bucket>,
}

struct Bucket {
    at: Timestamp,
    summary: Summary,
    /// The value itself, where a single good reading stands for itself.
    single: Option<JsonValue>,
}

impl Buckets {
    /// Takes a piece; says whether another is wanted: one item more than the limit shows that there is more.
    fn take(&mut self, piece: Piece) -> bool {
        let at = match &piece {
            Piece::Reading(recorded) => recorded.at,
            Piece::Stretch(at, _) => *at,
        };
        let at = self.every.map_or(at, |every| interval(at, every));
        if self.buckets.last().is_none_or(|bucket| bucket.at != at) {
            if self.buckets.len() > self.limit {
                return false;
            }
            self.buckets.push(Bucket {
                at,
                summary: Summary::default(),
                single: None,
            });
        }
        if let Some(bucket) = self.buckets.last_mut() {
            bucket.take(&piece);
        }
        true
    }
}

/// When the interval that a moment is in began.
fn interval(at: Timestamp, every: SignedDuration) -> Timestamp {
    let every = i64::try_from(every.as_nanos()).unwrap_or(i64::MAX).max(1);
    let nanoseconds = i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX);
    Timestamp::from_nanosecond(i128::from(nanoseconds.div_euclid(every)) * i128::from(every)).unwrap_or(at)
}

impl Bucket {
    fn take(&mut self, piece: &Piece) {
        match piece {
            Piece::Stretch(_, summary) => self.summary.join(summary),
            Piece::Reading(recorded) => {
                self.summary.add(&recorded.reading);
                if let Some(good) = recorded.reading.good() {
                    self.single = Some(value(good));
                }
            }
        }
    }

    fn item(&self, at: String) -> TrendItem {
        let mean = self.summary.mean().map(JsonValue::from);
        let value = if self.summary.count > 1 {
            mean
        } else {
            self.single.clone().or(mean)
        };
        TrendItem {
            at,
            value: value.unwrap_or_default(),
            min: self.summary.low,
            max: self.summary.high,
            quality: match self.summary.quality {
                0 => "good",
                1 => "uncertain",
                _ => "missing",
            },
        }
    }
}

fn moment(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    // A `+` that was not escaped arrives as a space; no other space belongs in a time.
    let parsed = text.map(|text| text.trim().replace(' ', "+").parse());
    parsed.transpose().map_err(|_| {
        Problem::unprocessable(format!(
            "`{name}` must be a time such as 2026-11-24T14:32:07+08:00"
        ))
        .with("field", name)
    })
}

fn span(text: &str) -> Result<SignedDuration, Problem> {
    let wrong =
        || Problem::unprocessable("`every` must be a span such as 10s, 5m or 1h").with("field", "every");
    let split = text
        .find(|character: char| !character.is_ascii_digit())
        .ok_or_else(wrong)?;
    let (count, unit) = text.split_at(split);
    let count: i64 = count
        .parse()
        .ok()
        .filter(|count| (1..=1_000_000).contains(count))
        .ok_or_else(wrong)?;
    match unit {
        "s" => Ok(SignedDuration::from_secs(count)),
        "m" => Ok(SignedDuration::from_mins(count)),
        "h" => Ok(SignedDuration::from_hours(count)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Recorded;
    use model::{Missing, Reading, Value};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    fn items(every: Option<i64>, readings: &[(i64, Reading)]) -> Vec<TrendItem> {
        let mut buckets = Buckets {
            every: every.map(SignedDuration::from_secs),
            limit: 10,
            buckets: Vec::new(),
        };
        for (seconds, reading) in readings {
            buckets.take(Piece::Reading(Recorded {
                at: at(*seconds),
                reading: reading.clone(),
            }));
        }
        buckets
            .buckets
            .iter()
            .map(|bucket| bucket.item(bucket.at.to_string()))
            .collect()
    }

    #[test]
    fn an_interval_has_the_mean_the_ends_and_the_best_quality() {
        let readings = [
            (0, Reading::Good(Value::Number(1.0))),
            (5, Reading::Good(Value::Number(4.0))),
            (9, Reading::Missing(Missing::NoAnswer)),
            (10, Reading::Missing(Missing::NoAnswer)),
        ];
        let items = items(Some(10), &readings);
        assert_eq!(
            (&items[0].value, items[0].min, items[0].max, items[0].quality),
            (&JsonValue::from(2.5), Some(1.0), Some(4.0), "good")
        );
        assert_eq!(
            (&items[1].value, items[1].min, items[1].quality),
            (&JsonValue::Null, None, "missing")
        );
    }

    #[test]
    fn a_reading_by_itself_is_shown_as_it_was() {
        let readings = [
            (0, Reading::Good(Value::Bool(true))),
            (1, Reading::Good(Value::Text("auto".into()))),
        ];
        let items = items(None, &readings);
        assert_eq!(
            (&items[0].value, &items[1].value),
            (&JsonValue::from(true), &JsonValue::from("auto"))
        );
    }

    #[test]
    fn intervals_are_the_same_whenever_they_are_asked_for() {
        assert_eq!(interval(at(7), SignedDuration::from_secs(10)), at(0));
        assert_eq!(interval(at(10), SignedDuration::from_secs(10)), at(10));
    }
}
