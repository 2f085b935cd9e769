//! What holds of alarms and tickets whatever happens, in whatever order: faults that come and go, people, time, a clock that
//! is set back, and restarts.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use model::{Severity, Site, Standard, Text};
use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;

use super::draft::{Change, Draft, Report, Subject, Watch};
use super::state::State;
use crate::alarms::{AlarmState, Delays, Level};
use crate::journal::{Follower, Head, Record};
use crate::store::{Records, RecordsReader};
use crate::test_site::one_fire_main;
use crate::tickets::{
    Action, ClockKind, ClockState, Said, StoppedBy, Ticket, TicketBook, TicketState, Told, WorkCalendar,
};

static SITE: LazyLock<Site> = LazyLock::new(one_fire_main);

/// One thing that happens.
#[derive(Clone, Debug)]
enum Happens {
    /// A rule says a level; which of two.
    Level(usize, Level),
    /// Somebody does something to the newest ticket but so many.
    Acts(usize, Action),
    /// Somebody tells a reporter something with a comment.
    Tells(usize),
    /// Somebody reports a fault.
    Reports(&'static str, bool),
    /// Time passes.
    Passes(i64),
    /// The system's clock is set back.
    SetBack(i64),
    /// The gateway is started anew.
    Restarts,
}

fn told() -> Told {
    Told {
        whom: "owners".into(),
        what: "a part must be bought".into(),
        at: start(),
    }
}

fn action() -> impl Strategy<Value = Action> {
    let row = |id: &str| Action::Raise {
        row: SITE.standard.deadlines[id].clone(),
    };
    let reason = || Some("seen with a gauge".to_owned());
    prop_oneof![
        3 => Just(Action::Accept),
        3 => Just(Action::Arrive),
        2 => Just(Action::Resolve { reason: None }),
        2 => Just(Action::Resolve { reason: reason() }),
        2 => Just(Action::Close),
        2 => Just(Action::Wait { parts: "a seal".into(), told: told() }),
        2 => Just(Action::Resume),
        1 => Just(Action::Reopen),
        1 => Just(Action::Cancel { reason: "a test".into() }),
        1 => Just(Action::Assign { to: "Zhao".into() }),
        1 => Just(row("urgent-repair")),
        1 => Just(row("lighting-complex")),
        1 => Just(Action::Comment),
    ]
}

fn happens() -> impl Strategy<Value = Happens> {
    let level = prop_oneof![Just(Level::Holds), Just(Level::Clear), Just(Level::Unknown)];
    prop_oneof![
        6 => (0..2_usize, level).prop_map(|(rule, level)| Happens::Level(rule, level)),
        8 => (0..3_usize, action()).prop_map(|(which, action)| Happens::Acts(which, action)),
        1 => (0..3_usize).prop_map(Happens::Tells),
        1 => (prop_oneof![Just("lighting"), Just("complaint-severe"), Just("elevator")], any::<bool>())
            .prop_map(|(row, reporter)| Happens::Reports(row, reporter)),
        4 => (1..700_i64).prop_map(Happens::Passes),
        2 => (700..200_000_i64).prop_map(Happens::Passes),
        1 => (1..7_200_i64).prop_map(Happens::SetBack),
        1 => Just(Happens::Restarts),
    ]
}

fn start() -> Timestamp {
    // Before the holidays of October, so that working days matter.
    "2026-09-29T10:00:00+08:00".parse().unwrap()
}

fn watch(rule: usize) -> Watch {
    Watch {
        rule: format!("rule-{rule}"),
        severity: Severity::High,
        delays: Delays {
            on: SignedDuration::from_secs(5),
            off: SignedDuration::from_secs(if rule == 0 { 0 } else { 30 }),
            latch: false,
        },
        standard: Some(if rule == 0 { "fire-water" } else { "lighting" }.into()),
    }
}

/// A facility with two rules on one device.
struct Facility {
    state: State,
    standard: Standard,
    calendar: WorkCalendar,
    now: Timestamp,
    /// Every ticket ever, as it was last.
    all: HashMap<String, Ticket>,
    /// Runs of clocks that were seen missed while they still ran, and when they were due.
    missed: HashMap<(String, ClockKind, usize), Timestamp>,
    head: Head,
    follower: Follower,
    /// The store, in the test that has one.
    stored: Option<(tempfile::TempDir, Records)>,
}

impl Facility {
    fn new() -> Self {
        Self {
            state: State::default(),
            calendar: WorkCalendar::new(SITE.standard.calendar.clone(), SITE.timezone.clone()),
            standard: SITE.standard.clone(),
            now: start(),
            all: HashMap::new(),
            missed: HashMap::new(),
            head: Head::default(),
            follower: Follower::default(),
            stored: None,
        }
    }

    fn with_a_store() -> Self {
        let data = tempfile::tempdir().unwrap();
        let records = Records::open(data.path()).unwrap();
        Self {
            stored: Some((data, records)),
            ..Self::new()
        }
    }

    fn does(&mut self, work: impl FnOnce(&mut Draft<'_>, Timestamp)) {
        let mut draft = Draft::new(&self.state, &self.standard, &self.calendar);
        work(&mut draft, self.now);
        draft.clocks(self.now);
        let change = draft.finish(self.now);
        self.check(&change);
        if let Some((_, records)) = self.stored.as_mut().filter(|_| change.must_be_written()) {
            records.commit(&change).unwrap();
        }
        self.state.apply(&change);
    }

    fn happens(&mut self, happens: Happens) {
        match happens {
            Happens::Level(rule, level) => {
                let subject = Subject {
                    device: Some("fire-main-1".into()),
                    class: Some("fire_water".into()),
                };
                self.does(|draft, now| draft.level(&watch(rule), &subject, level, now, Text::default));
            }
            Happens::Acts(which, action) => self.acts(which, action, None),
            Happens::Tells(which) => self.acts(which, Action::Comment, Some(told())),
            Happens::Reports(row, reporter) => self.does(|draft, now| {
                let report = Report {
                    standard: row.into(),
                    device: None,
                    severity: Severity::Medium,
                    summary: Text::default(),
                    reporter: reporter.then(|| "Zhang".into()),
                    by: "Wang".into(),
                };
                draft.report(report, now).unwrap();
            }),
            Happens::Passes(seconds) => {
                self.now += SignedDuration::from_secs(seconds);
                self.does(|draft, now| {
                    for rule in 0..2 {
                        draft.tick(
                            &format!("fire-main-1.rule-{rule}"),
                            &watch(rule),
                            now,
                            Text::default,
                        );
                    }
                });
            }
            Happens::SetBack(seconds) => {
                self.now -= SignedDuration::from_secs(seconds);
                self.does(|_, _| {});
            }
            Happens::Restarts => self.restarts(),
        }
        self.look();
    }

    fn acts(&mut self, which: usize, action: Action, told: Option<Told>) {
        let newest = self.all.values().map(|ticket| ticket.number).max().unwrap_or(0);
        let wanted = newest.saturating_sub(which as u64);
        let Some(ticket) = self.all.values().find(|ticket| ticket.number == wanted).cloned() else {
            return;
        };
        let mut said = Said::by("Li");
        said.told = told;
        self.does(|draft, now| {
            let _ = draft.act(&ticket, &action, &said, now);
        });
    }

    /// Everything that is kept is written as it is stored, and read again.
    fn restarts(&mut self) {
        if let Some((data, records)) = self.stored.take() {
            drop(records);
            let records = Records::open(data.path()).unwrap();
            let kept = records.kept(self.now).unwrap();
            for ticket in &kept.tickets {
                assert_eq!(
                    Some(ticket),
                    self.all.get(&ticket.id),
                    "a ticket is stored as it was"
                );
            }
            self.stored = Some((data, records));
        }
        let tickets = self.all.values().map(|ticket| {
            let body = serde_json::to_string(ticket).unwrap();
            let read: Ticket = serde_json::from_str(&body).unwrap();
            assert_eq!(read, *ticket, "a ticket reads back as it was written");
            read
        });
        let last = self.all.values().map(|ticket| ticket.number).max().unwrap_or(0);
        let mut book = TicketBook::new(tickets.collect::<Vec<_>>(), last);
        book.forget_old(self.now);
        self.state.tickets = book;
        for alarm in self.state.alarms.values_mut() {
            let mut read: crate::alarms::Alarm =
                serde_json::from_str(&serde_json::to_string(alarm.as_ref()).unwrap()).unwrap();
            read.known = false;
            *alarm = Arc::new(read);
        }
    }

    /// What holds of every change before it is written.
    fn check(&mut self, change: &Change) {
        for entry in &change.journal {
            let record = Record::after(self.head, entry);
            self.head = record.head();
            self.follower.follow(&record).unwrap();
        }
        for ticket in &change.tickets {
            let records = change.journal.iter().filter(|entry| entry.subject == ticket.id);
            if let Some(before) = self.all.get(&ticket.id) {
                assert_eq!(before.opened_at, ticket.opened_at);
                assert_eq!(
                    before.steps[..],
                    ticket.steps[..before.steps.len()],
                    "history only grows"
                );
                assert_eq!(
                    before.attachments[..],
                    ticket.attachments[..before.attachments.len()]
                );
                for (before, after) in before.clocks.iter().zip(&ticket.clocks) {
                    assert_eq!(before.kind, after.kind);
                    assert_eq!(before.events[..], after.events[..before.events.len()]);
                }
                assert!(records.count() >= ticket.steps.len() - before.steps.len());
            } else {
                assert_eq!(records.count(), ticket.steps.len());
            }
            self.all.insert(ticket.id.clone(), ticket.as_ref().clone());
        }
        let keys: Vec<&str> = change.notices.iter().map(|notice| notice.key.as_str()).collect();
        let distinct: std::collections::BTreeSet<&str> = keys.iter().copied().collect();
        assert_eq!(keys.len(), distinct.len(), "each notice has a key of its own");
    }

    /// What holds at every moment.
    fn look(&mut self) {
        let all = self.state.tickets.open();
        let dues = all.flat_map(|ticket| ticket.unannounced(self.now, &self.calendar));
        let next = dues.map(|(_, due)| due).min();
        assert_eq!(self.state.tickets.next_due(self.now, &self.calendar), next);
        let mut running: HashMap<&str, u32> = HashMap::new();
        for ticket in self.all.values() {
            let ended = ticket.state.is_ended();
            if let Some(alarm) = ticket.alarm.as_deref().filter(|_| !ended) {
                *running.entry(alarm).or_default() += 1;
            }
            for clock in &ticket.clocks {
                let stand = clock.stand(self.now, &self.calendar).unwrap();
                assert!(
                    !(ended && stand.stopped.is_none()),
                    "{}: closed, and its clock runs",
                    ticket.id
                );
                let waits = ticket.state == TicketState::Waiting && clock.kind == ClockKind::Resolve;
                let runs = stand.stopped.is_none();
                assert!(
                    !(waits && runs) || clock.is_paused(),
                    "{}: it waits, and its clock does not",
                    ticket.id
                );
                assert!(
                    !clock.is_paused() || waits,
                    "{}: a clock waits and its ticket does not",
                    ticket.id
                );
                let run = (ticket.id.clone(), clock.kind, clock.runs());
                if stand.overdue {
                    self.missed.entry(run).or_insert(stand.due);
                } else if let Some(due) = self.missed.get(&run) {
                    let shown = matches!(&stand.stopped, Some((at, StoppedBy::Telemetry)) if at <= due);
                    assert!(
                        stand.state == ClockState::Missed || shown,
                        "{run:?}: missed is for good: {stand:?}"
                    );
                }
            }
            if ticket.reporter.is_some() && !ended {
                let anew = ticket.steps.iter().rposition(|step| step.what == "reopened");
                let steps = &ticket.steps[anew.unwrap_or(0)..];
                let told = steps.iter().any(|step| step.told.is_some());
                assert_eq!(ticket.unstopped(ClockKind::Respond), !told, "{}", ticket.id);
            }
        }
        assert!(
            running.values().all(|count| *count == 1),
            "one running ticket an alarm"
        );
        for alarm in self.state.alarms.values() {
            let called = alarm.is_active() && alarm.state() != AlarmState::Shelved;
            assert!(
                !called || alarm.ticket.is_some(),
                "an alarm that calls has a ticket"
            );
        }
    }
}

/// More of them in a soak.
fn cases(usual: u32, soak: u32) -> ProptestConfig {
    ProptestConfig {
        cases: if std::env::var_os("SOAK").is_some() {
            soak
        } else {
            usual
        },
        // Without optimisation proptest's own ChaCha costs a third of a case.
        rng_algorithm: RngAlgorithm::XorShift,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(300, 20_000))]

    #[test]
    fn whatever_happens_history_only_grows_and_missed_is_for_good(
        story in proptest::collection::vec(happens(), 1..60),
    ) {
        let mut facility = Facility::new();
        for happens in story {
            facility.happens(happens);
        }
    }
}

proptest! {
    #![proptest_config(cases(4, 500))]

    #[test]
    fn whatever_happens_the_store_has_it_all_and_its_journal_holds(
        story in proptest::collection::vec(happens(), 1..60),
    ) {
        let mut facility = Facility::with_a_store();
        for happens in story {
            facility.happens(happens);
        }
        facility.happens(Happens::Restarts);
        let (data, _records) = facility.stored.take().unwrap();
        let reader = RecordsReader::open(data.path()).unwrap();
        let verified = reader.verify_journal(Some(facility.head.hash)).unwrap();
        prop_assert_eq!(verified.head, facility.head);
        prop_assert_eq!(verified.tickets, facility.all.len() as u64);
        for ticket in reader.tickets(None, 1_000).unwrap() {
            prop_assert_eq!(Some(&ticket), facility.all.get(&ticket.id));
        }
    }
}
