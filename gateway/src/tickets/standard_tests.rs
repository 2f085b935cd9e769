//! Every row and number of the service standard, each driven to one second before its deadline and one second after it.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use model::{Deadlines, Severity, Standard, Target, Text};

use super::ClockState::{Met, Missed, Running};
use super::{Action, Clock, ClockKind, ClockState, Opening, Origin, Said, Ticket, Witness, WorkCalendar};
use crate::test_site::one_fire_main;

/// The bundled standard and its calendar, as a site of China has them.
struct Promised {
    standard: Standard,
    calendar: WorkCalendar,
}

fn promised() -> Promised {
    let standard = one_fire_main().standard;
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let calendar = WorkCalendar::new(standard.calendar.clone(), zone);
    Promised { standard, calendar }
}

/// Wednesday, 30 September 2026, 10:00 in Shanghai: the day before the National Day holidays.
fn opened_at() -> Timestamp {
    "2026-09-30T10:00:00+08:00".parse().unwrap()
}

fn ticket(row: &Deadlines, at: Timestamp) -> Ticket {
    let opening = Opening {
        number: 1,
        year: 2026,
        device: None,
        alarm: None,
        origin: Origin::Person,
        severity: Severity::High,
        summary: Text::default(),
        reporter: None,
        previous: None,
        by: "Wang".into(),
    };
    Ticket::open(opening, row, at)
}

fn clock(ticket: &Ticket, kind: ClockKind) -> &Clock {
    ticket.clocks.iter().find(|clock| clock.kind == kind).unwrap()
}

/// What stops a clock of that kind.
fn stops(ticket: &mut Ticket, kind: ClockKind, at: Timestamp) {
    let actions: &[Action] = match kind {
        ClockKind::Respond => &[Action::Accept],
        ClockKind::Arrive => &[Action::Arrive],
        ClockKind::Resolve => &[Action::Accept, Action::Resolve { reason: None }],
    };
    for action in actions {
        ticket.act(action, &Said::by("Li"), Witness::None, at).unwrap();
    }
}

/// Drives a ticket of `row` to one second before `due` and one second after it.
fn check(row: &str, kind: ClockKind, target: &str, due: &str) {
    let Promised { standard, calendar } = promised();
    let row = &standard.deadlines[row];
    let due: Timestamp = due.parse().unwrap();
    let second = SignedDuration::from_secs(1);
    let (before, after) = (due - second, due + second);

    let ticket_of_row = ticket(row, opened_at());
    let stand = |ticket: &Ticket, now| clock(ticket, kind).stand(now, &calendar).unwrap();
    assert_eq!(
        stand(&ticket_of_row, opened_at()).target,
        target.parse::<Target>().unwrap()
    );
    assert_eq!(stand(&ticket_of_row, opened_at()).due, due);

    let running = stand(&ticket_of_row, before);
    assert_eq!((running.state, running.overdue), (Running, false));
    let overdue = stand(&ticket_of_row, after);
    assert_eq!((overdue.state, overdue.overdue), (Missed, true));

    let outcome = |at| -> ClockState {
        let mut ticket = ticket(row, opened_at());
        stops(&mut ticket, kind, at);
        stand(&ticket, after + SignedDuration::from_hours(24 * 30)).state
    };
    assert_eq!((outcome(before), outcome(after)), (Met, Missed));
}

/// The clocks that a row names, and no others.
fn names(row: &str, kinds: &[ClockKind]) {
    let Promised { standard, .. } = promised();
    let ticket = ticket(&standard.deadlines[row], opened_at());
    let named: Vec<ClockKind> = ticket.clocks.iter().map(|clock| clock.kind).collect();
    assert_eq!(named, kinds, "{row}");
}

use ClockKind::{Arrive, Resolve, Respond};

/// One test for each number of a row.
macro_rules! rows {
    ($($name:ident: $row:literal $kind:ident $target:literal $due:literal;)*) => {
        $(#[test] fn $name() { check($row, $kind, $target, $due); })*

        /// The rows that have a test above.
        const TESTED: &[(&str, ClockKind)] = &[$(($row, $kind)),*];
    };
}

rows! {
    urgent_repair_arrive_30_minutes: "urgent-repair" Arrive "30m" "2026-09-30T10:30:00+08:00";
    fire_water_arrive_30_minutes: "fire-water" Arrive "30m" "2026-09-30T10:30:00+08:00";
    fire_water_resolve_30_minutes: "fire-water" Resolve "30m" "2026-09-30T10:30:00+08:00";
    elevator_resolve_30_minutes: "elevator" Resolve "30m" "2026-09-30T10:30:00+08:00";
    elevator_entrapment_arrive_30_minutes: "elevator-entrapment" Arrive "30m" "2026-09-30T10:30:00+08:00";
    elevator_entrapment_resolve_30_minutes: "elevator-entrapment" Resolve "30m" "2026-09-30T10:30:00+08:00";
    power_resolve_30_minutes: "power" Resolve "30m" "2026-09-30T10:30:00+08:00";
    water_supply_resolve_30_minutes: "water-supply" Resolve "30m" "2026-09-30T10:30:00+08:00";
    drainage_arrive_30_minutes: "drainage" Arrive "30m" "2026-09-30T10:30:00+08:00";
    lighting_resolve_8_hours: "lighting" Resolve "8h" "2026-09-30T18:00:00+08:00";
    lighting_complex_resolve_48_hours: "lighting-complex" Resolve "48h" "2026-10-02T10:00:00+08:00";
    general_fault_respond_4_hours: "general-fault" Respond "4h" "2026-09-30T14:00:00+08:00";
    repair_report_respond_4_hours: "repair-report" Respond "4h" "2026-09-30T14:00:00+08:00";
    complaint_respond_4_hours: "complaint" Respond "4h" "2026-09-30T14:00:00+08:00";
    complaint_arrive_1_hour: "complaint" Arrive "1h" "2026-09-30T11:00:00+08:00";
    complaint_resolve_8_hours: "complaint" Resolve "8h" "2026-09-30T18:00:00+08:00";
    complaint_severe_respond_4_hours: "complaint-severe" Respond "4h" "2026-09-30T14:00:00+08:00";
    complaint_severe_arrive_1_hour: "complaint-severe" Arrive "1h" "2026-09-30T11:00:00+08:00";
    // 1 to 7 October are holidays; the 8th, 9th, 10th (a make-up Saturday), 12th and 13th are the five working days.
    complaint_severe_resolve_5_working_days: "complaint-severe" Resolve "5wd" "2026-10-14T00:00:00+08:00";
}

#[test]
fn every_row_of_the_standard_has_a_test_for_each_number_and_no_clock_beside_them() {
    let Promised { standard, .. } = promised();
    assert_eq!(standard.deadlines.len(), 13);
    for id in standard.deadlines.keys() {
        let tested: Vec<ClockKind> = TESTED
            .iter()
            .filter(|(row, _)| row == id)
            .map(|(_, kind)| *kind)
            .collect();
        names(id, &tested);
    }
}

#[test]
fn planned_resolve_at_24_00_of_its_due_day() {
    let Promised { calendar, .. } = promised();
    let run = super::Run {
        work: "fire-patrol".into(),
        due: "2026-10-15".parse().unwrap(),
        missed: 0,
        checklist: Vec::new(),
        evidence: Text::default(),
    };
    let due: Timestamp = "2026-10-16T00:00:00+08:00".parse().unwrap();
    let second = SignedDuration::from_secs(1);
    let closed = |closed_at: Timestamp| {
        let mut ticket = ticket(&super::planned_row(&run), opened_at());
        ticket.planned = Some(run.clone());
        let mut does = |action: Action, at| ticket.act(&action, &Said::by("Li"), Witness::None, at);
        does(Action::Accept, opened_at()).unwrap();
        does(Action::Resolve { reason: None }, opened_at()).unwrap();
        does(Action::Close, closed_at).unwrap_err();
        let (sha256, name) = ("0".repeat(64), "巡查表.pdf".to_owned());
        does(
            Action::Attach {
                sha256,
                name,
                bytes: 1,
            },
            closed_at,
        )
        .unwrap();
        does(Action::Close, closed_at).unwrap();
        let stand = clock(&ticket, Resolve).stand(closed_at, &calendar).unwrap();
        (stand.due, stand.state)
    };
    assert_eq!(closed(due - second), (due, Met));
    assert_eq!(closed(due + second), (due, Missed));
}

#[test]
fn resolved_means_normal_for_ten_minutes_and_not_a_second_less() {
    let Promised { standard, .. } = promised();
    for (normal_seconds, struck) in [(599, true), (600, false)] {
        let mut ticket = ticket(&standard.deadlines["elevator"], opened_at());
        let gone = opened_at() + SignedDuration::from_secs(60);
        ticket.returned_to_normal(gone);
        ticket.came_back(gone + SignedDuration::from_secs(normal_seconds));
        assert_eq!(clock(&ticket, Resolve).runs() == 1, struck, "{normal_seconds} s");
    }
}

#[test]
fn a_closed_ticket_takes_its_fault_back_for_twenty_four_hours_and_not_a_second_more() {
    let Promised { standard, .. } = promised();
    let mut ticket = ticket(&standard.deadlines["elevator"], opened_at());
    stops(&mut ticket, Resolve, opened_at());
    ticket
        .act(&Action::Close, &Said::by("Li"), Witness::None, opened_at())
        .unwrap();
    let day = opened_at() + SignedDuration::from_hours(24);
    assert!(ticket.takes_back(day));
    assert!(!ticket.takes_back(day + SignedDuration::from_secs(1)));
}

/// The page about tickets says the same as the data.
#[test]
fn the_page_about_tickets_has_every_row_with_its_numbers_and_its_quote() {
    let page = include_str!("../../../docs/tickets.md");
    let Promised { standard, .. } = promised();
    let shown = |target: Option<Target>| target.map_or("–".to_owned(), |target| target.to_string());
    for row in standard.deadlines.values() {
        let clocks = [row.respond, row.arrive, row.resolve].map(shown);
        let line = format!("| `{}` | {} | {} |", row.id, clocks.join(" | "), row.quote);
        assert!(page.contains(&line), "{line}");
    }
    for file in model::bundled_standard()
        .iter()
        .filter(|file| file.path == "planned.toml")
    {
        for quote in file.text.lines().filter_map(|line| line.strip_prefix("quote = ")) {
            assert!(page.contains(quote.trim_matches('"')), "{quote}");
        }
    }
}
