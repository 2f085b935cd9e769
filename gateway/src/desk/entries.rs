//! What the journal is told of a change: every step of a ticket, every state of an alarm, and who did what to it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::alarms::Alarm;
use crate::journal::{Entry, Hash, digest};
use crate::tickets::{Step, Ticket};

/// The records of a ticket that is new or changed: one a step, the last with the digest of the whole ticket as it is now.
pub(super) fn of_ticket(before: Option<&Ticket>, after: &Ticket, now: Timestamp) -> Vec<Entry> {
    if before.is_some_and(|before| ticket_digest(before) == ticket_digest(after)) {
        return Vec::new();
    }
    let known = before.map_or(0, |before| before.steps.len());
    let steps = after.steps.iter().skip(known);
    let mut entries: Vec<Entry> = steps.map(|step| of_step(after, step, now)).collect();
    if entries.is_empty() {
        entries.push(Entry::new(
            now,
            "ticket.changed",
            &after.id,
            Value::Object(Map::new()),
        ));
    }
    if let Some(Value::Object(last)) = entries.last_mut().map(|entry| &mut entry.body) {
        last.insert("state".to_owned(), after.state.name().into());
        last.insert(
            "ticket_sha256".to_owned(),
            ticket_digest(after).to_string().into(),
        );
    }
    entries
}

/// The digest of a ticket, without what comes and goes with every doubtful reading.
pub fn ticket_digest(ticket: &Ticket) -> Hash {
    let mut lasting = ticket.clone();
    lasting.normal = None;
    digest(&lasting)
}

fn of_step(ticket: &Ticket, step: &Step, now: Timestamp) -> Entry {
    let mut body = json!({ "by": step.by, "note": step.note });
    if let (Some(told), Some(body)) = (&step.told, body.as_object_mut()) {
        let mut told = serde_json::to_value(told).unwrap_or_default();
        // Whoever was told on a reported ticket may be the reporter, and the journal is for good.
        if let Some(told) = told.as_object_mut().filter(|_| ticket.reporter.is_some()) {
            told.remove("whom");
        }
        body.insert("told".to_owned(), told);
    }
    if step.at != now
        && let Some(body) = body.as_object_mut()
    {
        body.insert("recorded_at".to_owned(), now.to_string().into());
    }
    if step.what == "opened"
        && let Some(body) = body.as_object_mut()
    {
        // Not the reporter: the journal is for good, and who reported something is confidential. The digest holds it all the same.
        body.insert("standard".to_owned(), ticket.standard.clone().into());
        body.insert("device".to_owned(), ticket.device.clone().into());
        body.insert("alarm".to_owned(), ticket.alarm.clone().into());
        body.insert("origin".to_owned(), ticket.origin.name().into());
        body.insert("severity".to_owned(), ticket.severity.name().into());
        body.insert(
            "summary".to_owned(),
            json!({ "zh": ticket.summary.zh, "en": ticket.summary.en }),
        );
    }
    Entry::new(step.at, format!("ticket.{}", step.what), &ticket.id, body)
}

/// The record of an alarm that shows another state than before.
pub(super) fn of_alarm(before: Option<&Alarm>, after: &Alarm, now: Timestamp) -> Option<Entry> {
    let from = before.map_or("normal", |before| before.state().name());
    let to = after.state().name();
    let body = json!({
        "from": from,
        "rule": after.rule,
        "device": after.device,
        "severity": after.severity.name(),
        "condition": after.condition(),
        "since": after.since.to_string(),
        "ticket": after.ticket,
    });
    (from != to).then(|| Entry::new(now, format!("alarm.{to}"), &after.id, body))
}
