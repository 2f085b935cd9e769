//! A device's record (设备档案): its nameplate, documents and commissioning sheet, its planned work, tickets and outages, over replacements of the device itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::{Device, Site};
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::alarms::{ConditionSpan, SpanKind};
use crate::desk::COMMANDED_OFF;
use crate::store::DeviceEntry;
use crate::tickets::Ticket;
use crate::view::{PlanView, TextView, rfc3339};

/// What an entry about a device can be.
pub const NAMEPLATE: &str = "nameplate";
/// See [`NAMEPLATE`].
pub const COMMISSIONING: &str = "commissioning";
/// See [`NAMEPLATE`].
pub const REPLACED: &str = "replaced";
/// See [`NAMEPLATE`]. Its body names the file: `name`, `sha256`, `bytes`.
pub const DOCUMENT: &str = "document";

/// A device's record.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DeviceRecord {
    /// The place's id: a device that is replaced keeps it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its class.
    pub class: String,
    /// Its profile.
    pub profile: String,
    /// Its building.
    pub building: String,
    /// Where in it.
    pub location: String,
    /// What stands on its nameplate; null until somebody wrote it down, and after the device was replaced.
    pub nameplate: Option<EntryView>,
    /// When the present device came, if it replaced another.
    pub replaced_at: Option<String>,
    /// Every time that it was replaced, newest first.
    pub replacements: Vec<EntryView>,
    /// Nameplates of devices that stood here before, newest first.
    pub earlier_nameplates: Vec<EntryView>,
    /// Its documents, newest first; each has `name`, `sha256` (the last part of its address), `bytes` and `note`.
    pub documents: Vec<EntryView>,
    /// Documents of devices that stood here before, newest first.
    pub earlier_documents: Vec<EntryView>,
    /// Its own planned work, with the run that is due next.
    pub planned: Vec<PlanView>,
    /// Point by point: who saw which value last.
    pub commissioning: Vec<SheetLine>,
    /// Its tickets, newest first.
    pub tickets: Vec<RecordTicket>,
    /// The alarms that made it unavailable, newest first.
    pub outages: Vec<RecordOutage>,
}

/// Something that a person wrote down.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct EntryView {
    /// When.
    pub at: String,
    /// Who.
    pub by: String,
    /// What: the fields as they were written.
    #[schema(value_type = Object)]
    #[serde(flatten)]
    pub body: Json,
}

/// A point of the commissioning sheet (对点).
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SheetLine {
    /// The point's name.
    pub point: String,
    /// What people call it.
    pub title: TextView,
    /// Its unit.
    pub unit: String,
    /// The last time that somebody looked, since the device came; null if nobody has.
    pub checked: Option<EntryView>,
}

/// A ticket of a device.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RecordTicket {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub summary: TextView,
    /// Its row of the standard.
    pub standard: String,
    /// Where it stands.
    pub state: &'static str,
    /// When it was opened.
    pub opened_at: String,
    /// When it was closed or cancelled.
    pub ended_at: Option<String>,
}

/// An alarm that made a device unavailable.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RecordOutage {
    /// The rule.
    pub rule: String,
    /// From when.
    pub from: String,
    /// Until when; null while it lasts.
    pub to: Option<String>,
}

/// What is stored about a device.
#[derive(Clone, Debug, Default)]
pub struct DeviceHistory {
    /// What people wrote down, oldest first.
    pub entries: Vec<DeviceEntry>,
    /// Its tickets, newest first.
    pub tickets: Vec<Ticket>,
    /// What its conditions were.
    pub spans: Vec<ConditionSpan>,
}

impl DeviceRecord {
    /// A device's record, out of what is stored about it.
    pub fn of(site: &Site, device: &Device, history: &DeviceHistory, now: Timestamp) -> Self {
        let timezone = &site.timezone;
        let today = now.to_zoned_datetime(timezone.clone()).date();
        let planned = site.standard.planned.iter();
        let planned = planned.filter(|work| work.device.as_deref() == Some(&device.id));
        let view = |entry: &DeviceEntry| EntryView {
            at: rfc3339(entry.at, timezone),
            by: entry.by.clone(),
            body: entry.body.clone(),
        };
        let of_kind = |kind: &'static str| {
            history
                .entries
                .iter()
                .rev()
                .filter(move |entry| entry.kind == kind)
        };
        let replaced = of_kind(REPLACED).next();
        let is_of_present =
            |entry: &&DeviceEntry| replaced.is_none_or(|replaced| replaced.number < entry.number);
        let nameplate = of_kind(NAMEPLATE).find(is_of_present);
        let earlier = of_kind(NAMEPLATE).filter(|entry| !is_of_present(entry));
        Self {
            id: device.id.clone(),
            name: device.name.clone(),
            class: device.profile.class.as_str().to_owned(),
            profile: device.profile.id.clone(),
            building: device.building.clone(),
            location: device.location.clone(),
            nameplate: nameplate.map(view),
            replaced_at: replaced.map(|entry| rfc3339(entry.at, timezone)),
            replacements: of_kind(REPLACED).map(view).collect(),
            earlier_nameplates: earlier.map(view).collect(),
            documents: of_kind(DOCUMENT).filter(is_of_present).map(view).collect(),
            earlier_documents: of_kind(DOCUMENT)
                .filter(|entry| !is_of_present(entry))
                .map(view)
                .collect(),
            planned: planned.map(|work| PlanView::new(work, today, None)).collect(),
            commissioning: sheet(device, of_kind(COMMISSIONING).filter(is_of_present), view),
            tickets: history
                .tickets
                .iter()
                .map(|ticket| RecordTicket::of(ticket, timezone))
                .collect(),
            outages: outages(&history.spans, timezone),
        }
    }
}

/// The sheet: every point of the device with its newest entry.
fn sheet<'entry>(
    device: &Device,
    newest_first: impl Iterator<Item = &'entry DeviceEntry>,
    view: impl Fn(&DeviceEntry) -> EntryView,
) -> Vec<SheetLine> {
    let mut newest: BTreeMap<&str, &DeviceEntry> = BTreeMap::new();
    for entry in newest_first {
        if let Some(point) = entry.body.get("point").and_then(Json::as_str) {
            newest.entry(point).or_insert(entry);
        }
    }
    let lines = device.profile.points.iter().map(|point| SheetLine {
        point: point.name.clone(),
        title: (&point.title).into(),
        unit: point.unit.clone(),
        checked: newest.get(point.name.as_str()).map(|entry| view(entry)),
    });
    lines.collect()
}

impl RecordTicket {
    fn of(ticket: &Ticket, timezone: &TimeZone) -> Self {
        Self {
            id: ticket.id.clone(),
            summary: (&ticket.summary).into(),
            standard: ticket.standard.clone(),
            state: ticket.state.name(),
            opened_at: rfc3339(ticket.opened_at, timezone),
            ended_at: ticket.ended_at.map(|at| rfc3339(at, timezone)),
        }
    }
}

fn outages(spans: &[ConditionSpan], timezone: &TimeZone) -> Vec<RecordOutage> {
    let mut active: Vec<_> = spans
        .iter()
        .filter(|span| span.kind == SpanKind::Active && span.about.rule != COMMANDED_OFF)
        .collect();
    active.sort_by_key(|span| std::cmp::Reverse(span.since));
    let outages = active.into_iter().map(|span| RecordOutage {
        rule: span.about.rule.clone(),
        from: rfc3339(span.since, timezone),
        to: span.until.map(|until| rfc3339(until, timezone)),
    });
    outages.collect()
}

/// The commissioning sheet as a page to print and sign.
pub fn sheet_html(record: &DeviceRecord) -> String {
    const STYLE: &str = include_str!("report/html/style.css");
    let cell = |text: &str| format!("<td>{}</td>", crate::report::escaped(text));
    let lines: Vec<String> = record
        .commissioning
        .iter()
        .map(|line| {
            let field = |name: &str| {
                let value = line.checked.as_ref().and_then(|entry| entry.body.get(name));
                value.map_or_else(|| "—".to_owned(), shown)
            };
            let live = line
                .checked
                .as_ref()
                .and_then(|entry| entry.body.pointer("/live/value"));
            let (at, by) = line.checked.as_ref().map_or(("", ""), |entry| {
                (entry.at.get(..16).unwrap_or(&entry.at), entry.by.as_str())
            });
            format!(
                "<tr><td>{}<span class=\"en\"> {}</span></td>{}{}{}{}{}{}</tr>",
                crate::report::escaped(&line.title.zh),
                crate::report::escaped(&line.title.en),
                cell(&live.map_or_else(|| "—".to_owned(), shown)),
                cell(&field("seen")),
                cell(&line.unit),
                cell(&field("instrument")),
                cell(&at.replace('T', " ")),
                cell(by)
            )
        })
        .collect();
    format!(
        "<!doctype html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>对点表 {id}</title><style>{STYLE}</style></head><body><main><header><h1>{name} 对点表 <span class=\"en\">Commissioning sheet</span></h1>\
         <p>{id} · {building} {location}</p></header><section><table><thead><tr><th>点位<br>Point</th><th>网关读数<br>Gateway</th><th>仪表读数<br>Instrument shows</th>\
         <th>单位<br>Unit</th><th>仪表<br>Instrument</th><th>时间<br>At</th><th>人员<br>By</th></tr></thead><tbody>{lines}</tbody></table></section></main></body></html>\n",
        id = record.id,
        name = crate::report::escaped(&record.name),
        building = crate::report::escaped(&record.building),
        location = crate::report::escaped(&record.location),
        lines = lines.concat()
    )
}

fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => "—".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{at, opened, site};
    use serde_json::json;

    fn entry(number: i64, kind: &str, body: Json) -> DeviceEntry {
        DeviceEntry {
            number,
            device: "fire-main-1".into(),
            at: at(number * 60),
            kind: kind.into(),
            by: "Li".into(),
            body,
        }
    }

    fn record(entries: Vec<DeviceEntry>) -> DeviceRecord {
        let site = site();
        let device = site.devices.values().next().unwrap();
        let history = DeviceHistory {
            entries,
            tickets: vec![opened(1, 0)],
            spans: Vec::new(),
        };
        DeviceRecord::of(&site, device, &history, at(0))
    }

    #[test]
    fn a_device_that_is_replaced_keeps_its_places_history_and_begins_its_own() {
        let before = vec![
            entry(1, NAMEPLATE, json!({ "maker": "old" })),
            entry(
                2,
                COMMISSIONING,
                json!({ "point": "main_pressure", "seen": 0.41 }),
            ),
        ];
        let first = record(before.clone());
        assert_eq!(first.nameplate.as_ref().unwrap().body["maker"], "old");
        assert_eq!(
            first.commissioning[0].checked.as_ref().unwrap().body["seen"],
            0.41
        );
        assert_eq!(first.commissioning[1].checked, None);

        let mut after = before;
        after.push(entry(3, REPLACED, json!({ "note": "worn out" })));
        let replaced = record(after.clone());
        assert_eq!(replaced.nameplate, None);
        assert_eq!(
            replaced.commissioning[0].checked, None,
            "the new device was not checked yet"
        );
        assert_eq!(replaced.earlier_nameplates[0].body["maker"], "old");
        assert_eq!(replaced.tickets.len(), 1);

        after.push(entry(4, NAMEPLATE, json!({ "maker": "new" })));
        assert_eq!(record(after).nameplate.unwrap().body["maker"], "new");
    }

    #[test]
    fn documents_of_a_device_that_was_replaced_are_kept_apart() {
        let record = record(vec![
            entry(1, DOCUMENT, json!({ "name": "old.pdf" })),
            entry(2, REPLACED, json!({ "note": "worn out" })),
            entry(3, DOCUMENT, json!({ "name": "new.pdf" })),
        ]);
        let names = |entries: &[EntryView]| {
            let names = entries.iter().map(|entry| entry.body["name"].to_string());
            names.collect::<Vec<_>>()
        };
        assert_eq!(names(&record.documents), ["\"new.pdf\""]);
        assert_eq!(names(&record.earlier_documents), ["\"old.pdf\""]);
    }

    #[test]
    fn the_sheet_shows_the_newest_look_at_each_point() {
        let sheet = record(vec![
            entry(
                1,
                COMMISSIONING,
                json!({ "point": "main_pressure", "seen": 0.41, "live": { "value": 0.4 } }),
            ),
            entry(
                2,
                COMMISSIONING,
                json!({ "point": "main_pressure", "seen": 0.52, "live": { "value": 0.5 }, "instrument": "<b>" }),
            ),
        ]);
        let page = sheet_html(&sheet);
        assert!(page.contains("<td>0.52</td>") && page.contains("<td>0.5</td>") && !page.contains("0.41"));
        assert!(page.contains("&lt;b&gt;"));
    }
}
