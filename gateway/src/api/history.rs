//! A point's trend from local history.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::{Path, Query, State as Extract};
use jiff::{SignedDuration, Timestamp};
use model::{Reading, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as JsonValue;
use utoipa::{IntoParams, ToSchema};

use super::State;
use super::error::Problem;
use super::lists::MOST_ITEMS;
use crate::store::{Recorded, Trend};
use crate::view::{quality, rfc3339, value};

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
    /// Where to go on; null at the end.
    next: Option<String>,
}

/// One reading, or what the readings of one interval say together.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TrendItem {
    /// When it was read, or when the interval begins.
    at: String,
    /// The value, or the mean of the good numbers; null where nothing was good.
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

    let (history, device_id, wanted) = (Arc::clone(&shared.history), id.clone(), name.clone());
    let buckets = tokio::task::spawn_blocking(move || {
        let mut buckets = Buckets {
            from,
            every,
            limit,
            buckets: Vec::new(),
        };
        let trend = Trend {
            from,
            to,
            limit: usize::MAX,
        };
        let history = history.lock().unwrap_or_else(PoisonError::into_inner);
        history.each(&device_id, &wanted, trend, |recorded| buckets.take(recorded))?;
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
        next: next.map(|at| rfc3339(at, timezone)),
    }))
}

/// Readings put together by interval.
struct Buckets {
    from: Timestamp,
    every: Option<SignedDuration>,
    limit: usize,
    buckets: Vec<Bucket>,
}

struct Bucket {
    at: Timestamp,
    sum: f64,
    count: u32,
    min: f64,
    max: f64,
    last: JsonValue,
    quality: &'static str,
}

impl Buckets {
    /// Takes a reading; says whether another is wanted: one item more than the limit shows that there is more.
    fn take(&mut self, recorded: Recorded) -> bool {
        let at = match self.every {
            Some(every) => {
                let steps = recorded.at.duration_since(self.from).as_nanos() / every.as_nanos().max(1);
                let since = i64::try_from(steps * every.as_nanos()).unwrap_or(i64::MAX);
                self.from
                    .saturating_add(SignedDuration::from_nanos(since))
                    .unwrap_or(recorded.at)
            }
            None => recorded.at,
        };
        if self.buckets.last().is_none_or(|bucket| bucket.at != at) {
            if self.buckets.len() > self.limit {
                return false;
            }
            self.buckets.push(Bucket::new(at));
        }
        if let Some(bucket) = self.buckets.last_mut() {
            bucket.take(&recorded.reading);
        }
        true
    }
}

impl Bucket {
    fn new(at: Timestamp) -> Self {
        let last = JsonValue::Null;
        Self {
            at,
            sum: 0.0,
            count: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            last,
            quality: "missing",
        }
    }

    fn take(&mut self, reading: &Reading) {
        let (quality, _) = quality(reading);
        if rank(quality) < rank(self.quality) {
            self.quality = quality;
        }
        let Some(good) = reading.good() else { return };
        self.last = value(good);
        if let Value::Number(number) = good {
            self.sum += number;
            self.count += 1;
            self.min = self.min.min(*number);
            self.max = self.max.max(*number);
        }
    }

    fn item(&self, at: String) -> TrendItem {
        let numbers = self.count > 0;
        let value = match self.count {
            0 | 1 => self.last.clone(),
            count => (self.sum / f64::from(count)).into(),
        };
        TrendItem {
            at,
            value,
            min: numbers.then_some(self.min),
            max: numbers.then_some(self.max),
            quality: self.quality,
        }
    }
}

fn rank(quality: &str) -> u8 {
    match quality {
        "good" => 0,
        "uncertain" => 1,
        _ => 2,
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
    use model::Missing;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    #[test]
    fn an_interval_has_the_mean_the_ends_and_the_best_quality() {
        let mut buckets = Buckets {
            from: at(0),
            every: Some(SignedDuration::from_secs(10)),
            limit: 10,
            buckets: Vec::new(),
        };
        for (seconds, reading) in [
            (0, Reading::Good(Value::Number(1.0))),
            (5, Reading::Good(Value::Number(4.0))),
            (9, Reading::Missing(Missing::NoAnswer)),
            (10, Reading::Missing(Missing::NoAnswer)),
        ] {
            buckets.take(Recorded {
                at: at(seconds),
                reading,
            });
        }
        let items: Vec<_> = buckets
            .buckets
            .iter()
            .map(|bucket| bucket.item(String::new()))
            .collect();
        assert_eq!(
            (&items[0].value, items[0].min, items[0].max, items[0].quality),
            (&JsonValue::from(2.5), Some(1.0), Some(4.0), "good")
        );
        assert_eq!(
            (&items[1].value, items[1].min, items[1].quality),
            (&JsonValue::Null, None, "missing")
        );
    }
}
