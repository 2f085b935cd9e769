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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::Phase;
    use crate::test_ticket::{REPORTER, reported, told};
    use crate::tickets::{Action, Said, Witness};
    use model::{Severity, Text};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    fn alarm() -> Alarm {
        Alarm {
            id: "fire-main-1.low".into(),
            rule: "low".into(),
            device: Some("fire-main-1".into()),
            class: Some("fire_water".into()),
            severity: Severity::Critical,
            phase: Phase::Active,
            known: true,
            acknowledged: false,
            latched: false,
            since: at(0),
            summary: Text::default(),
            ticket: None,
            shelved: None,
            out_of_service: None,
        }
    }

    #[test]
    fn an_alarm_has_a_record_when_it_shows_another_state_and_only_then() {
        let raised = of_alarm(None, &alarm(), at(10)).unwrap();
        assert_eq!(
            (raised.kind.as_str(), raised.subject.as_str()),
            ("alarm.active_unacked", "fire-main-1.low")
        );
        let mut seen = alarm();
        assert_eq!(of_alarm(Some(&alarm()), &seen, at(11)), None);
        seen.acknowledged = true;
        let entry = of_alarm(Some(&alarm()), &seen, at(12)).unwrap();
        assert_eq!(
            (entry.kind.as_str(), entry.body["from"].as_str()),
            ("alarm.active_acked", Some("active_unacked"))
        );
    }

    #[test]
    fn a_ticket_has_a_record_for_each_new_step_and_the_last_one_has_its_digest() {
        let before = reported(at(0));
        let mut after = before.clone();
        for action in [Action::Accept, Action::Arrive] {
            after
                .act(&action, &Said::by("Li"), Witness::None, at(20))
                .unwrap();
        }
        let entries = of_ticket(Some(&before), &after, at(20));
        let kinds: Vec<&str> = entries.iter().map(|entry| entry.kind.as_str()).collect();
        assert_eq!(kinds, ["ticket.accepted", "ticket.arrived"]);
        let digest = ticket_digest(&after).to_string();
        assert_eq!(entries[1].body["ticket_sha256"], digest.as_str());
        assert_eq!(of_ticket(Some(&after), &after, at(21)), []);
    }

    #[test]
    fn who_was_told_on_a_reported_ticket_is_not_in_the_journal_but_its_digest_holds_it() {
        let before = reported(at(0));
        let told = |whom: &str| {
            let mut ticket = before.clone();
            ticket
                .act(&Action::Comment, &told(whom, at(5)), Witness::None, at(6))
                .unwrap();
            ticket
        };
        let entries = of_ticket(Some(&before), &told(REPORTER), at(6));
        let record = crate::journal::canonical(&entries[0].body);
        assert!(
            record.contains("on the way") && !record.contains("1380000"),
            "{record}"
        );
        assert_ne!(ticket_digest(&told("Zhang")), ticket_digest(&told("Zhao")));
    }
}
