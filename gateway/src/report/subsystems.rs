//! The availability part of a report: each subsystem with its devices and its days.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use model::Site;
use serde::Serialize;
use utoipa::ToSchema;

use super::availability::{Durations, Outages};
use super::lit::{self, Counted};
use super::period::{Period, start_of};
use super::stretches::Stretches;
use super::targets::Targets;
use crate::alarms::{ConditionSpan, SpanKind};
use crate::desk::LIGHTING;
use crate::view::{TextView, rfc3339};

/// The class that is down while any of its devices is; every other one is the mean of its devices.
const DOWN_WITH_ANY: &str = "fire_water";
/// So many outages of a device are listed; the durations count all of them.
const MOST_OUTAGES: usize = 100;

/// The three durations of a period, and what they come to.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DurationsView {
    /// Hours that it was seen to work.
    pub available_hours: f64,
    /// Hours that an alarm that counts was active.
    pub unavailable_hours: f64,
    /// Hours that nobody knows of.
    pub unknown_hours: f64,
    /// available of (available + unavailable), in percent; null where nothing is known.
    pub availability_percent: Option<f64>,
}

impl From<Durations> for DurationsView {
    fn from(durations: Durations) -> Self {
        Self {
            available_hours: hours(durations.available),
            unavailable_hours: hours(durations.unavailable),
            unknown_hours: hours(durations.unknown),
            availability_percent: durations.percent(),
        }
    }
}

/// A subsystem over a period.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Subsystem {
    /// Its class.
    pub class: String,
    /// What people call it.
    pub name: TextView,
    /// In percent of the time; null where none is set: it must be in working order.
    pub target_percent: Option<f64>,
    /// The sentence that the target comes from.
    pub quote: Option<String>,
    /// `kept`, `not_proven` or `missed`; null without a target, or before the period begins.
    pub verdict: Option<&'static str>,
    /// The whole period, as far as it has passed.
    #[serde(flatten)]
    pub durations: DurationsView,
    /// Day by day.
    pub days: Vec<DayView>,
    /// Device by device.
    pub devices: Vec<DeviceAvailability>,
}

/// A subsystem on one day.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DayView {
    /// The day in the site's zone.
    pub date: String,
    /// As far as it has passed.
    #[serde(flatten)]
    pub durations: DurationsView,
}

/// A device over a period.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DeviceAvailability {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its building.
    pub building: String,
    /// Whether any rule watches it; one that none watches is unknown.
    pub watched: bool,
    /// The whole period, as far as it has passed.
    #[serde(flatten)]
    pub durations: DurationsView,
    /// The alarms that made it unavailable, the first hundred.
    pub outages: Vec<OutageView>,
}

/// An alarm that made a device unavailable.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct OutageView {
    /// The rule.
    pub rule: String,
    /// The row of the service standard.
    pub standard: String,
    /// From when.
    pub from: String,
    /// Until when; null while it lasts.
    pub to: Option<String>,
}

/// What availability is worked out from.
pub struct Seen<'evidence> {
    /// What conditions were.
    pub spans: &'evidence [ConditionSpan],
    /// When the gateway was looking.
    pub looking: Stretches,
    /// The devices that a rule watches.
    pub watched: HashSet<&'evidence str>,
}

/// Every subsystem that the site has, in the order of their names, over what has passed of a period by `now`.
pub fn subsystems(
    site: &Site,
    targets: &Targets,
    seen: &Seen<'_>,
    period: Period,
    now: Timestamp,
) -> Vec<Subsystem> {
    let (from, to) = period.bounds(&site.timezone);
    let whole = Stretches::one(from, to.min(now));
    let schedule = lit::scheduled(site, period);
    let mut spans: HashMap<&str, Vec<&ConditionSpan>> = HashMap::new();
    for span in seen.spans {
        spans.entry(span.about.device.as_str()).or_default().push(span);
    }
    let mut classes: BTreeMap<&str, Vec<Watched<'_>>> = BTreeMap::new();
    for device in site.devices.values() {
        let of_device = spans.get(device.id.as_str()).map_or(&[][..], Vec::as_slice);
        let class = device.profile.class.as_str();
        let watched = seen.watched.contains(device.id.as_str());
        let Counted { time, spans } = lit::counted(class, of_device, schedule.as_ref(), &whole);
        let outages = Outages::of_device(&spans, &seen.looking, &time, watched);
        classes.entry(class).or_default().push(Watched {
            device,
            is_watched: watched,
            spans,
            time,
            outages,
        });
    }
    let days = days(period, &site.timezone, now);
    classes
        .into_iter()
        .map(|(class, devices)| {
            let durations = together(class, &devices, &whole);
            let target = targets.target(class);
            let verdict = target.and_then(|target| durations.verdict(target.target_percent));
            Subsystem {
                class: class.to_owned(),
                name: targets.name(class),
                target_percent: target.map(|target| target.target_percent),
                quote: target.map(|target| target.quote.clone()),
                verdict: verdict.map(super::availability::Verdict::name),
                durations: durations.into(),
                days: days
                    .iter()
                    .map(|(date, day)| DayView {
                        date: date.clone(),
                        durations: together(class, &devices, day).into(),
                    })
                    .collect(),
                devices: devices
                    .iter()
                    .map(|watched| DeviceAvailability {
                        id: watched.device.id.clone(),
                        name: watched.device.name.clone(),
                        building: watched.device.building.clone(),
                        watched: watched.is_watched,
                        durations: watched.durations(&whole).into(),
                        outages: watched.outage_list(&site.timezone),
                    })
                    .collect(),
            }
        })
        .collect()
}

/// A device with the time in which its working counts, and what it did meanwhile.
struct Watched<'site> {
    device: &'site model::Device,
    is_watched: bool,
    spans: Vec<&'site ConditionSpan>,
    time: Stretches,
    outages: Outages,
}

impl Watched<'_> {
    fn durations(&self, time: &Stretches) -> Durations {
        self.outages.durations(&self.time.intersect(time))
    }

    /// The alarms that made it unavailable; of a lamp only while it should have been lit.
    fn outage_list(&self, timezone: &TimeZone) -> Vec<OutageView> {
        let mut outages = Vec::new();
        for span in self.spans.iter().filter(|span| span.kind == SpanKind::Active) {
            if self.device.profile.class.as_str() != LIGHTING {
                outages.push((*span, span.since, span.until));
                continue;
            }
            let until = span.until.unwrap_or(Timestamp::MAX);
            let parts = Stretches::one(span.since, until).intersect(&self.time);
            let last = self.time.iter().last().map(|(_, end)| end);
            outages.extend(parts.iter().map(|(from, to)| {
                let lasts = span.until.is_none() && Some(to) == last;
                (*span, from, (!lasts).then_some(to))
            }));
        }
        outages.sort_by_key(|(_, since, _)| *since);
        let shown = outages.into_iter().take(MOST_OUTAGES);
        shown
            .map(|(span, since, until)| OutageView {
                rule: span.about.rule.clone(),
                standard: span.about.standard.clone(),
                from: rfc3339(since, timezone),
                to: until.map(|until| rfc3339(until, timezone)),
            })
            .collect()
    }
}

/// Of several devices. What is down while any of them is goes by all of the time; the others are a mean, each over its own time.
fn together(class: &str, devices: &[Watched<'_>], time: &Stretches) -> Durations {
    if class == DOWN_WITH_ANY {
        let outages: Vec<&Outages> = devices.iter().map(|watched| &watched.outages).collect();
        return Outages::of_any(&outages).durations(time);
    }
    let durations: Vec<_> = devices.iter().map(|watched| watched.durations(time)).collect();
    Durations::mean(&durations)
}

/// The days that have begun by `now`, each as far as it has passed.
fn days(period: Period, timezone: &TimeZone, now: Timestamp) -> Vec<(String, Stretches)> {
    let mut days = Vec::new();
    for day in period.days() {
        let from = start_of(day, timezone);
        let to = day
            .checked_add(1.day())
            .ok()
            .and_then(|next| start_of(next, timezone));
        if let (Some(from), Some(to)) = (from, to)
            && from < now
        {
            days.push((day.to_string(), Stretches::one(from, to.min(now))));
        }
    }
    days
}

fn hours(duration: SignedDuration) -> f64 {
    duration.as_secs_f64() / 3600.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::ConditionOf;
    use crate::report::testing::{at, site};

    fn seen(spans: &[ConditionSpan], looking: Stretches) -> Seen<'_> {
        Seen {
            spans,
            looking,
            watched: HashSet::from(["fire-main-1"]),
        }
    }

    #[test]
    fn a_subsystem_has_its_days_and_its_devices_outages() {
        // 19 November begins in Shanghai at second 0.
        let span = ConditionSpan {
            alarm: "fire-main-1.low".into(),
            about: ConditionOf {
                device: "fire-main-1".into(),
                class: "fire_water".into(),
                rule: "low".into(),
                standard: "fire-water".into(),
            },
            kind: SpanKind::Active,
            since: at(-3_600),
            until: Some(at(7_200)),
        };
        let spans = [span];
        let site = site();
        let month = "2026-11".parse().unwrap();
        let (from, _) = Period::bounds(month, &site.timezone);
        let seen = seen(&spans, Stretches::one(from, at(86_400)));
        let found = subsystems(&site, &Targets::of(&site.standard), &seen, month, at(86_400));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].verdict, Some("missed"));
        assert_eq!(found[0].durations.unavailable_hours, 3.0);
        assert_eq!(found[0].days.len(), 19);
        assert_eq!(found[0].days[17].durations.unavailable_hours, 1.0);
        assert_eq!(found[0].days[18].durations.unavailable_hours, 2.0);
        assert_eq!(found[0].devices[0].outages[0].rule, "low");
    }

    #[test]
    fn a_month_that_nobody_watched_is_not_proven() {
        let site = site();
        let found = subsystems(
            &site,
            &Targets::of(&site.standard),
            &seen(&[], Stretches::default()),
            "2026-10".parse().unwrap(),
            at(0),
        );
        assert_eq!(found[0].verdict, Some("not_proven"));
        assert_eq!(found[0].durations.availability_percent, None);
        assert_eq!(found[0].durations.unknown_hours, 31.0 * 24.0);
    }
}
