//! The meters part of a report: what each energy and water meter counted, with the days behind it.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use model::{Device, Point, Site};
use serde::Serialize;
use utoipa::ToSchema;

use crate::meters::MeterDay;
use crate::view::{TextView, rfc3339};

/// What a meter counted over a period.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct MeterTotal {
    /// The device.
    pub device: String,
    /// What people call it.
    pub name: String,
    /// Its building.
    pub building: String,
    /// Which of its points.
    pub point: String,
    /// What people call that.
    pub title: TextView,
    /// `energy` or `water`.
    pub meter: &'static str,
    /// The unit of the total.
    pub unit: String,
    /// The sum of its increments between `from` and `to`; null where it was not read.
    pub total: Option<f64>,
    /// Since which reading: what lies before it is in no total, and what a meter counted while nobody read it is here.
    pub from: Option<String>,
    /// Up to which reading.
    pub to: Option<String>,
    /// Where the register stood at `from`.
    pub first: Option<f64>,
    /// Where it stood at `to`.
    pub last: Option<f64>,
    /// How often the register fell: the meter was replaced or set back, and what it counted meanwhile is in no total.
    pub resets: u32,
    /// Day by day.
    pub days: Vec<MeterDayView>,
}

/// What a meter counted on a day.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct MeterDayView {
    /// The day in the site's zone.
    pub date: String,
    /// What it counted.
    pub counted: f64,
    /// Where the register stood at the day's last reading.
    pub last: f64,
    /// How often it fell.
    pub resets: u32,
}

/// Every meter of the site, energy first; one that was not read in the period is there without a total.
pub(super) fn totals(site: &Site, days: &[MeterDay]) -> Vec<MeterTotal> {
    let mut of_meter: BTreeMap<(&str, &str), Vec<&MeterDay>> = BTreeMap::new();
    for day in days {
        let meter = (day.device.as_str(), day.point.as_str());
        of_meter.entry(meter).or_default().push(day);
    }
    let mut totals = Vec::new();
    for device in site.devices.values() {
        for point in &device.profile.points {
            let days = of_meter.get(&(device.id.as_str(), point.name.as_str()));
            let days = days.map_or(&[][..], Vec::as_slice);
            totals.extend(total(device, point, days, &site.timezone));
        }
    }
    totals.sort_by(|left, right| {
        (left.meter, &left.device, &left.point).cmp(&(right.meter, &right.device, &right.point))
    });
    totals
}

fn total(device: &Device, point: &Point, days: &[&MeterDay], timezone: &TimeZone) -> Option<MeterTotal> {
    let meter = point.meter?;
    let (first, last) = (days.first(), days.last());
    Some(MeterTotal {
        device: device.id.clone(),
        name: device.name.clone(),
        building: device.building.clone(),
        point: point.name.clone(),
        title: (&point.title).into(),
        meter: meter.name(),
        unit: point.unit.clone(),
        total: (!days.is_empty()).then(|| thousandths(days.iter().map(|day| day.counted).sum())),
        from: first.map(|day| rfc3339(day.first.1, timezone)),
        to: last.map(|day| rfc3339(day.last.1, timezone)),
        first: first.map(|day| day.first.0),
        last: last.map(|day| day.last.0),
        resets: days.iter().map(|day| day.resets).sum(),
        days: days
            .iter()
            .map(|day| MeterDayView {
                date: day.day.to_string(),
                counted: thousandths(day.counted),
                last: day.last.0,
                resets: day.resets,
            })
            .collect(),
    })
}

/// Sums of decimals have more digits than any meter.
fn thousandths(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::at;
    use jiff::civil::date;

    #[test]
    fn a_months_total_is_the_sum_of_its_days_and_a_meter_that_was_not_read_has_none() {
        let site = model::load(&model::Folder::demo(), []).site;
        let day = |day: i8, counted: f64, resets| MeterDay {
            device: "cabinet-01".into(),
            point: "energy".into(),
            day: date(2026, 11, day),
            counted,
            first: (100.0, at(i64::from(day - 1) * 86_400)),
            last: (100.0 + counted, at(i64::from(day) * 86_400)),
            resets,
        };
        let totals = totals(&site, &[day(1, 0.1, 0), day(2, 0.2, 1)]);
        let read = totals.iter().find(|meter| meter.device == "cabinet-01").unwrap();
        assert_eq!((read.total, read.resets, read.days.len()), (Some(0.3), 1, 2));
        assert_eq!(read.from.as_deref(), Some("2026-11-19T00:00:00+08:00"));
        let other = totals.iter().find(|meter| meter.device == "cabinet-02").unwrap();
        assert_eq!((other.total, other.from.as_deref()), (None, None));
        let kinds: Vec<_> = totals.iter().map(|meter| meter.meter).collect();
        assert!(kinds.is_sorted() && kinds.contains(&"water"));
    }
}
