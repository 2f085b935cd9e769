//! The journal on disk: whole with every change, and broken at the right record by whatever is done behind it.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use model::{Severity, Text};
use rusqlite::Connection;

use super::{DeviceEntry, Records, RecordsReader, Verified, VerifyError};
use crate::desk::{Change, Draft, Report, State};
use crate::handover::{OpenWork, Written};
use crate::journal::Break;
use crate::test_site::one_fire_main;
use crate::tickets::{Action, Said, Ticket, WorkCalendar};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

/// The desk's drafts, written to a data folder: without rules, by hand alone.
struct Desk {
    data: tempfile::TempDir,
    records: Records,
    state: State,
    site: model::Site,
    calendar: WorkCalendar,
}

impl Desk {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let records = Records::open(data.path()).unwrap();
        Self {
            data,
            records,
            state: State::default(),
            site: one_fire_main(),
            calendar: WorkCalendar::utc_weekends(),
        }
    }

    fn drafted(&self, now: Timestamp, work: impl FnOnce(&mut Draft<'_>)) -> Change {
        let mut draft = Draft::new(&self.state, &self.site.standard, &self.calendar);
        work(&mut draft);
        draft.finish(now)
    }

    fn opens(&mut self, seconds: i64) -> Ticket {
        let report = Report {
            standard: "elevator".into(),
            device: None,
            severity: Severity::High,
            summary: Text::new("电梯门不关", "The elevator's door stays open"),
            reporter: Some("张女士 13800000000".into()),
            by: "Wang".into(),
        };
        let change = self.drafted(at(seconds), |draft| {
            draft.report(report, at(seconds)).unwrap();
        });
        self.writes(&change);
        change.tickets[0].as_ref().clone()
    }

    fn acts(&mut self, id: &str, action: &Action, seconds: i64) {
        let ticket = self.state.tickets.get(id).unwrap().clone();
        let change = self.drafted(at(seconds), |draft| {
            draft.act(&ticket, action, &Said::by("Li"), at(seconds)).unwrap();
        });
        self.writes(&change);
    }

    fn writes(&mut self, change: &Change) {
        self.records.commit(change).unwrap();
        self.state.apply(change);
    }

    fn with_two_tickets() -> Self {
        let mut desk = Self::new();
        for seconds in [0, 100] {
            let id = desk.opens(seconds).id;
            desk.acts(&id, &Action::Accept, seconds + 10);
            desk.acts(&id, &Action::Arrive, seconds + 20);
        }
        desk
    }
}

fn verify(data: &Path) -> Result<Verified, VerifyError> {
    RecordsReader::open(data).unwrap().verify_journal(None)
}

fn broken(data: &Path) -> Break {
    match verify(data).unwrap_err() {
        VerifyError::Broken(broken) => broken,
        VerifyError::Store(error) => panic!("{error}"),
    }
}

/// The file as somebody would open it who wants to change it.
fn behind(data: &Path) -> Connection {
    let connection = Connection::open(data.join("records.db")).unwrap();
    let triggers = "DROP TRIGGER IF EXISTS records_are_never_changed; DROP TRIGGER IF EXISTS records_are_never_removed;
        DROP TRIGGER IF EXISTS steps_are_never_changed; DROP TRIGGER IF EXISTS steps_are_never_removed; PRAGMA foreign_keys = OFF;";
    connection.execute_batch(triggers).unwrap();
    connection
}

#[test]
fn every_step_is_a_record_and_the_whole_holds_beside_the_writer() {
    let desk = Desk::with_two_tickets();
    let verified = verify(desk.data.path()).unwrap();
    assert_eq!((verified.head.records, verified.tickets), (6, 2));
    let kinds: Vec<String> = behind(desk.data.path())
        .prepare("SELECT kind FROM journal ORDER BY number")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(kinds[..3], ["ticket.opened", "ticket.accepted", "ticket.arrived"]);
}

#[test]
fn the_reporter_is_in_no_record() {
    let desk = Desk::with_two_tickets();
    let told: i64 = behind(desk.data.path())
        .query_row(
            "SELECT count(*) FROM journal WHERE body LIKE '%1380000%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(told, 0);
}

#[test]
fn a_flipped_byte_anywhere_in_a_record_is_found_at_that_record() {
    let desk = Desk::with_two_tickets();
    let connection = behind(desk.data.path());
    for column in ["kind", "subject", "body", "hash"] {
        for number in 1..=6_u64 {
            let read = format!("SELECT CAST({column} AS BLOB) FROM journal WHERE number = ?1");
            let bytes: Vec<u8> = connection
                .query_row(&read, [number as i64], |row| row.get(0))
                .unwrap();
            let cast = if column == "hash" {
                "?2"
            } else {
                "CAST(?2 AS TEXT)"
            };
            let write = format!("UPDATE journal SET {column} = {cast} WHERE number = ?1");
            // Each byte of the short ones, and of a long one every seventh.
            for index in (0..bytes.len()).step_by(if bytes.len() > 64 { 7 } else { 1 }) {
                for bit in [0x01, 0x80] {
                    let mut flipped = bytes.clone();
                    flipped[index] ^= bit;
                    connection
                        .execute(&write, rusqlite::params![number as i64, flipped])
                        .unwrap();
                    match broken(desk.data.path()) {
                        Break::Changed { number: found } | Break::Unreadable { number: found, .. } => {
                            assert_eq!(found, number, "{column}, byte {index}");
                        }
                        other => panic!("{column} of {number}, byte {index}: {other}"),
                    }
                }
            }
            connection
                .execute(&write, rusqlite::params![number as i64, bytes])
                .unwrap();
        }
    }
    verify(desk.data.path()).unwrap();
}

#[test]
fn a_removed_record_is_missed() {
    for number in 1..=5_u64 {
        let desk = Desk::with_two_tickets();
        behind(desk.data.path())
            .execute("DELETE FROM journal WHERE number = ?1", [number as i64])
            .unwrap();
        assert_eq!(
            broken(desk.data.path()),
            Break::Missing {
                expected: number,
                found: number + 1
            }
        );
    }
}

#[test]
fn a_cut_off_end_is_shown_by_the_tickets_and_by_the_head_that_was_kept() {
    let desk = Desk::with_two_tickets();
    let head = verify(desk.data.path()).unwrap().head;
    let reader = RecordsReader::open(desk.data.path()).unwrap();
    assert_eq!(reader.verify_journal(Some(head.hash)).unwrap().kept_at, Some(6));
    let connection = behind(desk.data.path());
    connection
        .execute("DELETE FROM journal WHERE number = 6", [])
        .unwrap();
    assert!(matches!(
        broken(desk.data.path()),
        Break::TicketUnknown { .. } | Break::Ticket { .. }
    ));
    let kept = reader.verify_journal(Some(head.hash)).unwrap_err();
    assert!(matches!(kept, VerifyError::Broken(Break::HeadGone { hash }) if hash == head.hash));
}

#[test]
fn a_ticket_that_was_changed_removed_or_put_in_behind_the_journal_is_named() {
    let changes = [
        (
            "UPDATE tickets SET body = replace(body, '13800000000', '13900000000') WHERE number = 2",
            6,
        ),
        (
            "UPDATE steps SET at = at + 1000000000 WHERE ticket = 2 AND number = 1",
            6,
        ),
        ("DELETE FROM steps WHERE ticket = 2 AND number = 2", 6),
    ];
    for (change, number) in changes {
        let desk = Desk::with_two_tickets();
        assert!(
            behind(desk.data.path()).execute(change, []).unwrap() > 0,
            "{change}"
        );
        let ticket = desk.state.tickets.next_number() - 1;
        assert_eq!(
            broken(desk.data.path()),
            Break::Ticket {
                ticket: format!("T-2026-{ticket:06}"),
                number
            },
            "{change}"
        );
    }
    let desk = Desk::with_two_tickets();
    let removed = "DELETE FROM steps WHERE ticket = 1; DELETE FROM tickets WHERE number = 1;";
    behind(desk.data.path()).execute_batch(removed).unwrap();
    assert!(matches!(
        broken(desk.data.path()),
        Break::TicketGone { number: 3, .. }
    ));

    let desk = Desk::with_two_tickets();
    let put_in = "INSERT INTO tickets SELECT 9, 'T-2026-000009', alarm, device, state, ended_at, replace(body, '000001', '000009') FROM tickets WHERE number = 1";
    behind(desk.data.path()).execute(put_in, []).unwrap();
    assert!(matches!(broken(desk.data.path()), Break::TicketUnknown { .. }));
}

#[test]
fn a_commit_that_fails_changes_nothing() {
    let mut desk = Desk::with_two_tickets();
    let before = verify(desk.data.path()).unwrap();
    let report = Report {
        standard: "power".into(),
        device: None,
        severity: Severity::High,
        summary: Text::new("停电", "No power"),
        reporter: None,
        by: "Li".into(),
    };
    let mut change = desk.drafted(at(500), |draft| {
        draft.report(report, at(500)).unwrap();
    });
    // Two running tickets of one alarm: the store refuses the second, when the first is written already.
    let mut first = change.tickets[0].as_ref().clone();
    first.alarm = Some("fire-main-1.low".into());
    let mut second = first.clone();
    (second.number, second.id) = (first.number + 1, "T-2026-000099".into());
    change.tickets = vec![Arc::new(first), Arc::new(second)];
    desk.records.commit(&change).unwrap_err();

    assert_eq!(verify(desk.data.path()).unwrap(), before);
    let reader = RecordsReader::open(desk.data.path()).unwrap();
    assert_eq!(reader.tickets(None, 10).unwrap().len(), 2);
    assert_eq!(reader.unsent().unwrap().0, 2, "no notice of it is promised");
    assert_eq!(
        Records::open(desk.data.path())
            .unwrap()
            .kept(at(501))
            .unwrap()
            .last_number,
        2
    );
}

#[test]
fn tickets_from_before_there_was_a_journal_are_taken_into_it() {
    let desk = Desk::with_two_tickets();
    let Desk { data, records, .. } = desk;
    drop(records);
    behind(data.path()).execute("DELETE FROM journal", []).unwrap();
    drop(Records::open(data.path()).unwrap());
    let verified = verify(data.path()).unwrap();
    assert_eq!((verified.head.records, verified.tickets), (2, 2));
}

#[test]
fn a_ticket_that_is_opened_and_taken_in_one_change_has_a_record_for_each_step() {
    let mut desk = Desk::new();
    let report = Report {
        standard: "power".into(),
        device: None,
        severity: Severity::High,
        summary: Text::new("停电", "No power"),
        reporter: None,
        by: "Wang".into(),
    };
    let change = desk.drafted(at(0), |draft| {
        let ticket = draft.report(report, at(0)).unwrap();
        let ticket = draft
            .act(&ticket, &Action::Accept, &Said::by("Li"), at(1))
            .unwrap();
        draft
            .act(&ticket, &Action::Arrive, &Said::by("Li"), at(2))
            .unwrap();
    });
    desk.writes(&change);
    let verified = verify(desk.data.path()).unwrap();
    assert_eq!((verified.head.records, verified.tickets), (3, 1));
}

#[test]
fn a_list_has_each_ticket_with_its_own_steps_newest_first() {
    let desk = Desk::with_two_tickets();
    let reader = RecordsReader::open(desk.data.path()).unwrap();
    let listed = reader.tickets(None, 10).unwrap();
    let one_by_one: Vec<Ticket> = ["T-2026-000002", "T-2026-000001"]
        .into_iter()
        .map(|id| reader.ticket(id).unwrap().unwrap())
        .collect();
    assert_eq!(listed, one_by_one);
    assert_eq!(listed[0].steps.len(), 3);
    assert_eq!(reader.tickets(Some(2), 10).unwrap(), one_by_one[1..]);
}

#[test]
fn what_people_wrote_besides_tickets_is_held_by_the_journal_too() {
    let with_notes = || {
        let mut desk = Desk::with_two_tickets();
        let written = Written {
            by: "Zhang".into(),
            note: "quiet".into(),
            open: OpenWork::default(),
            journal_head: None,
        };
        let number = desk.records.add_handover(at(300), &written).unwrap();
        assert!(desk.records.confirm_handover(number, "Li", at(360)).unwrap());
        let entry = DeviceEntry {
            number: 0,
            device: "fire-main-1".into(),
            at: at(400),
            kind: "replaced".into(),
            by: "Li".into(),
            body: serde_json::json!({ "note": "new gauge" }),
        };
        desk.records.add_device_entry(entry).unwrap();
        desk
    };
    assert_eq!(verify(with_notes().data.path()).unwrap().head.records, 9);
    let drop_triggers = "DROP TRIGGER handovers_are_confirmed_once; DROP TRIGGER handovers_are_never_removed;
        DROP TRIGGER device_entries_are_never_changed; DROP TRIGGER device_entries_are_never_removed;";
    for (change, what, number) in [
        (
            "UPDATE handovers SET body = replace(body, 'quiet', 'busy')",
            "handover 1",
            7,
        ),
        (
            "UPDATE handovers SET confirmed_by = 'Wang'",
            "the confirmation of handover 1",
            8,
        ),
        (
            "UPDATE device_entries SET body = replace(body, 'new', 'old')",
            "device entry 1",
            9,
        ),
        ("DELETE FROM device_entries", "row 1 of device", 9),
    ] {
        let desk = with_notes();
        let connection = behind(desk.data.path());
        connection.execute_batch(drop_triggers).unwrap();
        assert_eq!(connection.execute(change, []).unwrap(), 1);
        let what = what.to_owned();
        assert_eq!(broken(desk.data.path()), Break::Row { what, number }, "{change}");
    }
    let desk = with_notes();
    let put_in =
        "INSERT INTO device_entries (device, at, kind, by, body) VALUES ('x', 1, 'replaced', 'Li', '{}')";
    behind(desk.data.path()).execute(put_in, []).unwrap();
    let what = "device entry 2".to_owned();
    assert_eq!(broken(desk.data.path()), Break::RowUnknown { what });
}
