//! What follows from a rule, from time and from people: one facility, driven by plain values.

use super::*;
use jiff::SignedDuration;
use model::{Deadlines, Severity, Target, Text};

use crate::alarms::{AlarmState, Delays, Level};
use crate::tickets::{ClockKind, TicketState};

/// A facility with one rule on one device, driven by plain values.
struct Facility {
    state: State,
    standard: Standard,
    calendar: WorkCalendar,
    told: Vec<String>,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

fn watch() -> Watch {
    Watch {
        rule: "low".into(),
        severity: Severity::Critical,
        delays: Delays {
            on: SignedDuration::from_secs(10),
            off: SignedDuration::ZERO,
            latch: false,
        },
        standard: Some("fire-water".into()),
    }
}

fn main_1() -> Subject {
    Subject {
        device: Some("fire-main-1".into()),
        class: Some("fire_water".into()),
    }
}

impl Facility {
    fn new() -> Self {
        let row = Deadlines {
            id: "fire-water".into(),
            covers: Text::default(),
            respond: None,
            arrive: Some(Target::Minutes(30)),
            resolve: Some(Target::Minutes(30)),
            quote: String::new(),
            class: None,
        };
        let mut standard = Standard::default();
        standard.deadlines.insert(row.id.clone(), row);
        let calendar = WorkCalendar::utc_weekends();
        Self {
            state: State::default(),
            standard,
            calendar,
            told: Vec::new(),
        }
    }

    fn does(&mut self, work: impl FnOnce(&mut Draft<'_>)) {
        let mut draft = Draft::new(&self.state, &self.standard, &self.calendar);
        work(&mut draft);
        let change = draft.finish(at(0));
        self.told
            .extend(change.notices.iter().map(|notice| notice.key.clone()));
        self.state.apply(&change);
    }

    fn says(&mut self, level: Level, seconds: i64) {
        self.does(|draft| draft.level(&watch(), &main_1(), level, at(seconds), || Text::new("低", "low")));
    }

    fn ticks(&mut self, seconds: i64) {
        self.does(|draft| {
            draft.tick("fire-main-1.low", &watch(), at(seconds), || {
                Text::new("低", "low")
            });
            draft.clocks(at(seconds));
        });
    }

    fn acts(&mut self, action: Action, seconds: i64) -> Result<(), Refusal> {
        let ticket = self.ticket().clone();
        let mut result = Ok(());
        self.does(|draft| {
            result = draft
                .act(&ticket, &action, &Said::by("Li"), at(seconds))
                .map(|_| ())
        });
        result
    }

    fn ticket(&self) -> &Ticket {
        self.state.tickets.of_alarm("fire-main-1.low").unwrap()
    }

    fn alarm(&self) -> &Alarm {
        &self.state.alarms["fire-main-1.low"]
    }
}

#[test]
fn a_fault_opens_exactly_one_ticket_and_tells_people_once() {
    let mut facility = Facility::new();
    facility.says(Level::Holds, 0);
    facility.ticks(9);
    assert!(facility.told.is_empty());
    facility.ticks(10);
    facility.says(Level::Holds, 11);
    facility.ticks(12);
    assert_eq!(facility.told, ["T-2026-000001.opened"]);
    assert_eq!(facility.alarm().ticket.as_deref(), Some("T-2026-000001"));
    assert_eq!(facility.ticket().opened_at, at(10));
}

#[test]
fn a_clock_that_runs_out_is_told_once_for_each_clock() {
    let mut facility = Facility::new();
    facility.says(Level::Holds, 0);
    facility.ticks(10);
    facility.ticks(1810);
    assert_eq!(facility.told.len(), 1);
    facility.ticks(1811);
    facility.ticks(1900);
    assert_eq!(
        facility.told,
        [
            "T-2026-000001.opened",
            "T-2026-000001.overdue.arrive.1",
            "T-2026-000001.overdue.resolve.1"
        ]
    );
}

#[test]
fn a_cleared_fault_waits_for_a_person_and_accepting_its_ticket_settles_the_alarm() {
    let mut facility = Facility::new();
    facility.says(Level::Holds, 0);
    facility.ticks(10);
    facility.says(Level::Clear, 20);
    assert_eq!(facility.alarm().state(), AlarmState::ReturnedUnacked);
    assert_eq!(facility.ticket().state, TicketState::Open);
    facility.acts(Action::Accept, 30).unwrap();
    assert_eq!(facility.alarm().state(), AlarmState::Normal);
    assert_eq!(facility.ticket().state, TicketState::Accepted);
}

#[test]
fn resolving_is_refused_while_the_alarm_is_active_or_unknown() {
    let mut facility = Facility::new();
    facility.says(Level::Holds, 0);
    facility.ticks(10);
    facility.acts(Action::Accept, 30).unwrap();
    assert!(facility.acts(Action::Resolve { reason: None }, 40).is_err());
    facility.says(Level::Clear, 50);
    facility.says(Level::Unknown, 60);
    assert!(facility.acts(Action::Resolve { reason: None }, 61).is_err());
    facility.says(Level::Clear, 70);
    facility.acts(Action::Resolve { reason: None }, 71).unwrap();
}

#[test]
fn a_fault_that_comes_back_has_its_ticket_again_for_a_day_and_then_a_new_one_that_names_it() {
    let mut facility = Facility::new();
    facility.says(Level::Holds, 0);
    facility.ticks(10);
    facility.says(Level::Clear, 100);
    facility.says(Level::Holds, 200);
    facility.ticks(210);
    assert_eq!(facility.told.len(), 1, "within ten minutes nothing had stopped");

    facility.says(Level::Clear, 300);
    facility.acts(Action::Accept, 400).unwrap();
    facility.acts(Action::Resolve { reason: None }, 500).unwrap();
    facility.acts(Action::Close, 600).unwrap();
    facility.says(Level::Holds, 5000);
    facility.ticks(5010);
    assert_eq!(facility.ticket().id, "T-2026-000001");
    assert_eq!(facility.ticket().state, TicketState::Open);
    assert_eq!(facility.told.len(), 2, "people are told again");

    facility.says(Level::Clear, 6000);
    facility.acts(Action::Accept, 6001).unwrap();
    facility.acts(Action::Resolve { reason: None }, 6002).unwrap();
    facility.acts(Action::Close, 6003).unwrap();
    let two_days = 2 * 24 * 3600;
    facility.says(Level::Holds, two_days);
    facility.ticks(two_days + 10);
    assert_eq!(facility.ticket().id, "T-2026-000002");
    assert_eq!(facility.ticket().previous.as_deref(), Some("T-2026-000001"));
}

#[test]
fn a_shelved_alarm_calls_nobody_until_its_time_is_over() {
    let mut facility = Facility::new();
    facility.says(Level::Holds, 0);
    facility.does(|draft| {
        let aside = crate::alarms::SetAside {
            by: "Li".into(),
            reason: "test".into(),
            at: at(1),
            until: at(100),
        };
        draft.change_alarm("fire-main-1.low", |alarm| alarm.shelved = Some(aside));
    });
    facility.ticks(10);
    assert!(facility.told.is_empty());
    facility.ticks(100);
    assert_eq!(facility.told, ["T-2026-000001.opened"]);
}

#[test]
fn a_deadline_is_escalated_along_the_roster_once_and_not_after_it_was_kept() {
    let mut facility = Facility::new();
    facility.says(Level::Holds, 0);
    facility.ticks(10);
    facility.does(|draft| draft.escalate(at(10 + 900)));
    facility.does(|draft| draft.escalate(at(10 + 901)));
    assert_eq!(
        facility.told,
        [
            "T-2026-000001.opened",
            "T-2026-000001.due_soon.arrive.50.1",
            "T-2026-000001.due_soon.resolve.50.1"
        ]
    );
    facility.acts(Action::Arrive, 1_000).unwrap();
    facility.says(Level::Clear, 1_100);
    facility.does(|draft| draft.escalate(at(5_000)));
    assert_eq!(facility.told.len(), 3);
    let steps: Vec<_> = facility
        .ticket()
        .steps
        .iter()
        .map(|step| step.what.as_str())
        .collect();
    assert!(steps.contains(&"due_soon_arrive_50"));
}

#[test]
fn what_is_only_unknown_is_not_written() {
    let mut facility = Facility::new();
    facility.says(Level::Holds, 0);
    facility.ticks(10);
    let mut draft = Draft::new(&facility.state, &facility.standard, &facility.calendar);
    draft.level(&watch(), &main_1(), Level::Unknown, at(20), Text::default);
    let change = draft.finish(at(20));
    assert_eq!(change.alarms.len(), 1);
    assert!(!change.must_be_written());
}

#[test]
fn planned_work_opens_one_ticket_a_run_and_is_closed_only_with_its_evidence() {
    let mut facility = Facility::new();
    facility.standard.planned.push(model::PlannedWork {
        id: "fire-patrol".into(),
        what: Text::new("消防设备巡查", "Patrol the fire equipment"),
        device: None,
        every: model::Every::Month,
        first_due: "2026-11-20".parse().unwrap(),
        lead_days: 5,
        checklist: vec![Text::new("液位正常", "Levels right")],
        evidence: Text::new("记录表", "The checklist"),
        quote: String::new(),
    });
    let noon = |day: &str| -> Timestamp { format!("{day}T12:00:00Z").parse().unwrap() };
    for day in ["2026-11-14", "2026-11-15", "2026-11-16", "2026-11-17"] {
        facility.does(|draft| draft.planned(noon(day)));
    }
    assert_eq!(facility.told, ["T-2026-000001.opened"]);

    let mut does = |action: Action| {
        let ticket = facility.state.tickets.get("T-2026-000001").unwrap().clone();
        let mut result = Ok(());
        facility.does(|draft| {
            let acted = draft.act(&ticket, &action, &Said::by("Li"), noon("2026-11-18"));
            result = acted.map(|_| ());
        });
        result
    };
    does(Action::Accept).unwrap();
    let waits = Action::Wait {
        parts: "none".into(),
        told: crate::tickets::Told {
            whom: "owners".into(),
            what: "nothing".into(),
            at: at(0),
        },
    };
    assert!(
        matches!(does(waits), Err(Refusal::NothingToPause { .. })),
        "it never pauses"
    );
    does(Action::Resolve { reason: None }).unwrap();
    assert!(matches!(does(Action::Close), Err(Refusal::NoEvidence { .. })));
    does(Action::Check { item: 1 }).unwrap();
    assert_eq!(does(Action::Check { item: 2 }), Err(Refusal::NoItem { item: 2 }));
    assert!(matches!(does(Action::Close), Err(Refusal::NoEvidence { .. })));
    does(Action::Attach {
        sha256: "0".repeat(64),
        name: "checklist.jpg".into(),
        bytes: 1,
    })
    .unwrap();
    does(Action::Close).unwrap();

    // The gateway was away in December and January: those runs are made up once, and counted.
    facility.does(|draft| draft.planned(noon("2027-02-01")));
    let made_up = facility.state.tickets.get("T-2027-000002").unwrap();
    let run = made_up.planned.as_ref().unwrap();
    assert_eq!((run.due.to_string().as_str(), run.missed), ("2027-01-20", 2));
}

#[test]
fn a_reported_fault_of_a_class_has_its_row_with_the_respond_clock_beside_it() {
    let mut facility = Facility::new();
    let respond = Deadlines {
        id: "repair-report".into(),
        covers: Text::default(),
        respond: Some(Target::Hours(4)),
        arrive: None,
        resolve: None,
        quote: String::new(),
        class: None,
    };
    facility.standard.deadlines.insert(respond.id.clone(), respond);
    for (reporter, clocks) in [(Some("Zhang".to_owned()), 3), (None, 2)] {
        let report = Report {
            standard: "fire-water".into(),
            device: None,
            severity: Severity::Critical,
            summary: Text::default(),
            reporter,
            by: "Wang".into(),
        };
        facility.does(|draft| {
            let ticket = draft.report(report, at(0)).unwrap();
            assert_eq!(ticket.clocks.len(), clocks);
        });
    }
    let ticket = facility.state.tickets.get("T-2026-000001").unwrap().clone();
    facility.does(|draft| {
        let taken = draft
            .act(&ticket, &Action::Accept, &Said::by("Li"), at(10))
            .unwrap();
        assert!(taken.unstopped(ClockKind::Respond), "taking it is no answer yet");
        let mut said = Said::by("Li");
        said.told = Some(crate::tickets::Told {
            whom: "Zhang".into(),
            what: "we are on the way".into(),
            at: at(20),
        });
        let told = draft.act(&taken, &Action::Comment, &said, at(20)).unwrap();
        assert!(!told.unstopped(ClockKind::Respond));
    });
}

#[test]
fn the_first_deadline_past_the_calendars_years_raises_a_low_alarm_without_a_ticket() {
    let mut facility = Facility::new();
    let severe = Deadlines {
        id: "complaint-severe".into(),
        covers: Text::default(),
        respond: None,
        arrive: None,
        resolve: Some(Target::WorkingDays(5)),
        quote: String::new(),
        class: None,
    };
    facility.standard.deadlines.insert(severe.id.clone(), severe);
    facility.does(|draft| draft.calendar(at(0)));
    assert!(facility.state.alarms.is_empty());
    facility.does(|draft| {
        let report = Report {
            standard: "complaint-severe".into(),
            device: None,
            severity: Severity::High,
            summary: Text::default(),
            reporter: None,
            by: "Wang".into(),
        };
        draft.report(report, at(1)).unwrap();
        draft.calendar(at(1));
    });
    let alarm = facility.state.alarms["gateway.calendar-past-its-years"].clone();
    assert_eq!(
        (alarm.state(), alarm.severity, alarm.ticket.as_ref()),
        (AlarmState::ActiveUnacked, Severity::Low, None)
    );
    let ticket = facility.state.tickets.get("T-2026-000001").unwrap().clone();
    facility.does(|draft| {
        let cancel = Action::Cancel {
            reason: "a test".into(),
        };
        draft.act(&ticket, &cancel, &Said::by("Li"), at(2)).unwrap();
        draft.calendar(at(2));
    });
    let alarm = &facility.state.alarms["gateway.calendar-past-its-years"];
    assert_eq!(alarm.state(), AlarmState::ReturnedUnacked);
}

#[test]
fn an_older_ticket_of_a_fault_that_has_a_newer_one_is_not_reopened() {
    let mut facility = Facility::new();
    facility.says(Level::Holds, 0);
    facility.ticks(10);
    let old = facility.ticket().clone();
    let cancel = Action::Cancel {
        reason: "a test".into(),
    };
    facility.acts(cancel, 20).unwrap();
    facility.says(Level::Clear, 30);
    let two_days = 2 * 24 * 3600;
    facility.says(Level::Holds, two_days);
    facility.ticks(two_days + 10);
    assert_eq!(facility.ticket().id, "T-2026-000002");
    let old = facility.state.tickets.get(&old.id).unwrap().clone();
    facility.does(|draft| {
        let refused = draft.act(&old, &Action::Reopen, &Said::by("Li"), at(two_days + 20));
        let newer = "T-2026-000002".to_owned();
        assert_eq!(refused, Err(Refusal::Superseded { newer }));
    });
}
