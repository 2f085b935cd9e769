//! A ticket's life, step by step: what people and faults do to it.

use jiff::Timestamp;

use super::WorkCalendar;
use super::action::Action;
use super::clock::{ClockKind, ClockState, StoppedBy};
use super::fault::{ComesBack, Witness};
use super::refusal::Refusal;
use super::ticket::{Said, Ticket, TicketState, Told};
use crate::test_ticket::opened_by_rule;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

fn opened() -> Ticket {
    opened_by_rule(7, at(0))
}

fn act(ticket: &mut Ticket, action: Action, witness: Witness, seconds: i64) -> Result<(), Refusal> {
    ticket.act(&action, &Said::by("Li"), witness, at(seconds))
}

fn state_of(ticket: &Ticket, kind: ClockKind, seconds: i64) -> ClockState {
    let clock = ticket.clocks.iter().find(|clock| clock.kind == kind).unwrap();
    clock
        .stand(at(seconds), &WorkCalendar::utc_weekends())
        .unwrap()
        .state
}

#[test]
fn a_ticket_goes_from_open_to_closed() {
    let mut ticket = opened();
    assert_eq!(ticket.id, "T-2026-000007");
    act(&mut ticket, Action::Accept, Witness::Active, 60).unwrap();
    act(&mut ticket, Action::Arrive, Witness::Active, 600).unwrap();
    assert_eq!(state_of(&ticket, ClockKind::Arrive, 9999), ClockState::Met);
    ticket.returned_to_normal(at(900));
    act(
        &mut ticket,
        Action::Resolve { reason: None },
        Witness::Clear,
        1000,
    )
    .unwrap();
    act(&mut ticket, Action::Close, Witness::Clear, 1100).unwrap();
    assert_eq!(ticket.state, TicketState::Closed);
    assert_eq!(state_of(&ticket, ClockKind::Resolve, 9999), ClockState::Met);
}

#[test]
fn resolving_is_refused_while_the_fault_is_there_unless_a_reason_is_given() {
    let mut ticket = opened();
    act(&mut ticket, Action::Accept, Witness::Active, 60).unwrap();
    let refusal = act(
        &mut ticket,
        Action::Resolve { reason: None },
        Witness::Unknown,
        70,
    )
    .unwrap_err();
    assert_eq!(refusal, Refusal::NotClear { condition: "unknown" });
    let reason = Some("sensor is broken, seen with a gauge".to_owned());
    act(&mut ticket, Action::Resolve { reason }, Witness::Active, 80).unwrap();
    let clock = ticket
        .clocks
        .iter()
        .find(|clock| clock.kind == ClockKind::Resolve)
        .unwrap();
    let stand = clock.stand(at(90), &WorkCalendar::utc_weekends()).unwrap();
    assert_eq!(stand.stopped, Some((at(80), StoppedBy::Word("Li".into()))));
}

#[test]
fn a_fault_back_within_ten_minutes_had_never_stopped() {
    let mut ticket = opened();
    ticket.returned_to_normal(at(1000));
    assert_eq!(state_of(&ticket, ClockKind::Resolve, 1500), ClockState::Met);
    assert_eq!(ticket.came_back(at(1599)), ComesBack::AsIfNeverStopped);
    assert_eq!(state_of(&ticket, ClockKind::Resolve, 1801), ClockState::Missed);
}

#[test]
fn unknown_time_neither_counts_nor_breaks_the_ten_minutes() {
    let mut ticket = opened();
    ticket.returned_to_normal(at(1000));
    ticket.set_unknown(true, at(1100));
    ticket.set_unknown(false, at(5000));
    assert_eq!(ticket.came_back(at(5499)), ComesBack::AsIfNeverStopped);
    ticket.returned_to_normal(at(6000));
    ticket.set_unknown(true, at(6100));
    ticket.set_unknown(false, at(7000));
    assert_eq!(ticket.came_back(at(7500)), ComesBack::StartsAnew);
}

#[test]
fn a_fault_back_later_starts_what_had_stopped_anew_and_opens_a_closed_ticket() {
    let mut ticket = opened();
    act(&mut ticket, Action::Accept, Witness::Active, 60).unwrap();
    act(&mut ticket, Action::Arrive, Witness::Active, 100).unwrap();
    ticket.returned_to_normal(at(200));
    act(&mut ticket, Action::Resolve { reason: None }, Witness::Clear, 300).unwrap();
    act(&mut ticket, Action::Close, Witness::Clear, 400).unwrap();
    let day = 24 * 3600;
    assert!(ticket.takes_back(at(400 + day)));
    assert!(!ticket.takes_back(at(401 + day)));
    assert_eq!(ticket.came_back(at(5000)), ComesBack::StartsAnew);
    assert_eq!(ticket.state, TicketState::Open);
    assert_eq!(ticket.opened_at, at(0));
    assert_eq!(state_of(&ticket, ClockKind::Arrive, 6800), ClockState::Running);
    assert_eq!(state_of(&ticket, ClockKind::Arrive, 6801), ClockState::Missed);
}

#[test]
fn a_resolved_ticket_whose_fault_is_back_at_once_is_where_the_work_stood() {
    let mut ticket = opened();
    act(&mut ticket, Action::Arrive, Witness::Active, 100).unwrap();
    ticket.returned_to_normal(at(200));
    act(&mut ticket, Action::Resolve { reason: None }, Witness::Clear, 300).unwrap();
    ticket.came_back(at(400));
    assert_eq!(ticket.state, TicketState::OnSite);
}

#[test]
fn waiting_for_parts_pauses_the_resolve_clock_alone() {
    let mut ticket = opened();
    act(&mut ticket, Action::Accept, Witness::Active, 60).unwrap();
    let wait = Action::Wait {
        parts: "seal".into(),
        told: Told {
            whom: "owners".into(),
            what: "a seal must be bought".into(),
            at: at(90),
        },
    };
    act(&mut ticket, wait, Witness::Active, 100).unwrap();
    assert_eq!(state_of(&ticket, ClockKind::Resolve, 5000), ClockState::Paused);
    assert_eq!(state_of(&ticket, ClockKind::Arrive, 5000), ClockState::Missed);
    act(&mut ticket, Action::Resume, Witness::Active, 5000).unwrap();
    assert_eq!(ticket.state, TicketState::Accepted);
}

#[test]
fn what_the_state_does_not_allow_is_refused_with_the_state() {
    let mut ticket = opened();
    let refusal = act(&mut ticket, Action::Close, Witness::Active, 10).unwrap_err();
    assert_eq!(refusal.to_string(), "a ticket that is open cannot be closed");
}
