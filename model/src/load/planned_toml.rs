//! What `planned.toml` has: recurring work, from the bundled standard's list or the site's own, with the day that it is first due.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::document::read_document;
use super::environment::Overrides;
use super::field::Field;
use super::names::{check_id, one_of, said, shown};
use super::nearest::nearest;
use super::table::Table;
use crate::{BundledFile, Device, Every, Fault, PlannedWork, Text};

/// The file's name.
pub(super) const FILE: &str = "planned.toml";

/// The most items of a checklist.
const MOST_ITEMS: usize = 50;

/// Work that the published standard asks for; a site says when it is first due.
pub(super) struct Asked {
    what: Text,
    every: Every,
    checklist: Vec<Text>,
    evidence: Text,
    quote: String,
}

/// Reads the bundled list. A fault in it is one of the program's own; tests keep it free of them.
pub(super) fn read_bundled(files: &[BundledFile]) -> (BTreeMap<String, Asked>, Vec<Fault>) {
    let Some(file) = files.iter().find(|file| file.path == FILE) else {
        return (BTreeMap::new(), Vec::new());
    };
    read_document(FILE, &file.text, &Overrides::default(), |root| {
        let rows = root.table("planned", |table| {
            let ids = table.own_keys();
            let rows = ids
                .iter()
                .map(|id| (id.value, table.table(id.value, |row| asked(row, None))));
            rows.filter_map(|(id, row)| Some((id.to_owned(), row??)))
                .collect()
        });
        rows.unwrap_or_default()
    })
}

/// Reads a site's own file: `[planned.water-tanks]` takes what the bundled list says of it, and what it says itself.
pub(super) fn read_own(
    text: &str,
    bundled: &BTreeMap<String, Asked>,
    devices: &[Device],
) -> (Vec<PlannedWork>, Vec<Fault>) {
    read_document(FILE, text, &Overrides::default(), |root| {
        let rows = root.table("planned", |table| {
            let ids = table.own_keys();
            let rows = ids.iter().filter_map(|id| {
                if let Err(text) = check_id(id.value) {
                    table.fault(id.spot, text);
                }
                table.table(id.value, |row| work(row, id.value, bundled, devices))?
            });
            rows.collect()
        });
        rows.unwrap_or_default()
    })
}

fn work(
    row: &Table<'_>,
    id: &str,
    bundled: &BTreeMap<String, Asked>,
    devices: &[Device],
) -> Option<PlannedWork> {
    let base = row.parsed("like", |like| {
        bundled
            .get(like)
            .ok_or_else(|| unknown("planned work", like, bundled.keys()))
    });
    let base = base.map(|given| given.value).or_else(|| bundled.get(id));
    let asked = asked(row, base);
    let first_due = row.parsed("first_due", |text| {
        text.parse::<Date>()
            .map_err(|_| format!("`{}` is no date: write `2026-12-01`", shown(text)))
    });
    let first_due = row.needed(
        "first_due",
        "the first day that it is due, such as `2026-12-01`",
        first_due,
    );
    let device = row.parsed("device", |wanted| {
        let known = devices.iter().any(|device| device.id == wanted);
        let ids = devices.iter().map(|device| &device.id);
        if known {
            Ok(wanted.to_owned())
        } else {
            Err(unknown("device", wanted, ids))
        }
    });
    let asked = asked?;
    Some(PlannedWork {
        id: id.to_owned(),
        lead_days: lead_days(row, asked.every),
        what: asked.what,
        device: device.map(|given| given.value),
        every: asked.every,
        first_due: first_due?.value,
        checklist: asked.checklist,
        evidence: asked.evidence,
        quote: asked.quote,
    })
}

/// What is asked for: what the row says itself, and for the rest what `base` says.
fn asked(row: &Table<'_>, base: Option<&Asked>) -> Option<Asked> {
    let what = row.bilingual("what").map(|given| given.value);
    let every = row.parsed("every", |text| one_of("how often", text, &Every::NAMES));
    let evidence = row.bilingual("evidence").map(|given| given.value);
    let quote = row.string("quote").map(|given| given.value.to_owned());
    let checklist = checklist(row);
    if base.is_none() {
        row.needed(
            "what",
            "`{ zh = \"…\", en = \"…\" }`: what is to be done",
            what.as_ref(),
        );
        row.needed(
            "every",
            "how often: daily, weekly, monthly, quarterly, twice_a_year or yearly",
            every.as_ref(),
        );
        row.needed(
            "evidence",
            "`{ zh = \"…\", en = \"…\" }`: what must be attached to close it",
            evidence.as_ref(),
        );
    }
    Some(Asked {
        what: what.or_else(|| base.map(|base| base.what.clone()))?,
        every: every
            .map(|given| given.value)
            .or_else(|| base.map(|base| base.every))?,
        checklist: checklist
            .or_else(|| base.map(|base| base.checklist.clone()))
            .unwrap_or_default(),
        evidence: evidence.or_else(|| base.map(|base| base.evidence.clone()))?,
        quote: quote
            .or_else(|| base.map(|base| base.quote.clone()))
            .unwrap_or_default(),
    })
}

/// The days before the due day on which the ticket opens: `lead = "7d"`.
fn lead_days(row: &Table<'_>, every: Every) -> u16 {
    let most = every.least_days() - 1;
    let given = row.parsed("lead", |text| {
        let days = text.strip_suffix('d').and_then(|days| days.parse::<u16>().ok());
        days.filter(|days| *days <= most).ok_or_else(|| {
            format!("`{}` is no lead: write whole days from `0d` to `{most}d`, less than the time between two runs", shown(text))
        })
    });
    given.map_or(every.usual_lead_days(), |given| given.value)
}

/// `checklist = [{ zh = "…", en = "…" }, …]`
fn checklist(row: &Table<'_>) -> Option<Vec<Text>> {
    let given = row.array("checklist")?;
    if given.value.len() > MOST_ITEMS {
        row.fault_of(
            "checklist",
            given.spot,
            format!("it has more than {MOST_ITEMS} items"),
        );
    }
    let items = given.value.iter().take(MOST_ITEMS);
    Some(items.filter_map(|item| item_of(row, *item)).collect())
}

fn item_of(row: &Table<'_>, item: Field<'_>) -> Option<Text> {
    let half = |language: &str| {
        let field = item.entries()?.get(language).map(Field::of_file)?;
        said(field.string()?.value).ok().map(str::to_owned)
    };
    let text = half("zh").zip(half("en")).map(|(zh, en)| Text::new(zh, en));
    if text.is_none() {
        let right = "an item is in both languages: `{ zh = \"…\", en = \"…\" }`";
        row.fault_of("checklist", item.spot, right);
    }
    text
}

fn unknown<'name>(what: &str, name: &str, known: impl Iterator<Item = &'name String>) -> String {
    let near = nearest(name, known.map(String::as_str));
    let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("there is no {what} `{}`{near}", shown(name))
}
