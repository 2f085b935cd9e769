//! Who hears of a deadline before it runs out and when it has: along the duty roster, each step once for each run of a clock.

use jiff::{SignedDuration, Timestamp};
use model::Target;

use crate::tickets::{Clock, ClockKind, ClockStand, Ticket, WorkCalendar};

/// A step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// How much of the clock's time has passed, in percent; 100 is once it has run out.
    pub share_percent: u8,
    /// What the notice is called: `ticket.due_soon`, `ticket.escalated`.
    pub event: &'static str,
    /// Who on duty hears of it.
    pub roles: &'static [&'static str],
}

/// The ladder. Of the half hour of 急修 (急修应在30分钟内到达现场) the first two steps are 15 and 24 minutes: time to go there at
/// half of it, time for somebody else to go at four fifths. Who ran out of time is told by the notice that a clock ran out; the last
/// step tells those above.
pub const LADDER: [Rung; 3] = [
    Rung {
        share_percent: 50,
        event: "due_soon",
        roles: &["technician"],
    },
    Rung {
        share_percent: 80,
        event: "due_soon",
        roles: &["technician", "lead"],
    },
    Rung {
        share_percent: 100,
        event: "escalated",
        roles: &["lead", "manager"],
    },
];

impl Rung {
    /// The ticket's step that says that it was taken: `due_soon_arrive_50`.
    pub fn step(&self, kind: ClockKind) -> String {
        format!("{}_{}_{}", self.event, kind.name(), self.share_percent)
    }

    /// When it is due on a clock that runs.
    fn at(&self, stand: &ClockStand) -> Timestamp {
        let left = i32::from(100_u8.saturating_sub(self.share_percent));
        let ahead = whole(stand) * left / 100;
        stand.due.saturating_sub(ahead).unwrap_or(stand.due)
    }
}

/// The steps that are due on a ticket's clocks by `now`, at most one a clock: the highest that is, unless it was taken in this run
/// already. Clocks that have stopped or wait for parts escalate to nobody.
pub fn due_rungs(
    ticket: &Ticket,
    now: Timestamp,
    calendar: &WorkCalendar,
) -> Vec<(ClockKind, &'static Rung)> {
    if ticket.state.is_ended() {
        return Vec::new();
    }
    let due = |clock: &Clock| {
        let stand = clock.stand(now, calendar)?;
        if stand.stopped.is_some() || clock.is_paused() {
            return None;
        }
        // A clock has run out once its due time has passed, not at it.
        let is_due = |rung: &&Rung| match rung.share_percent {
            100 => stand.overdue,
            _ => rung.at(&stand) <= now,
        };
        let rung = LADDER.iter().rev().find(is_due)?;
        let taken = |rung: &Rung| {
            let step = rung.step(clock.kind);
            let run = ticket
                .steps
                .iter()
                .rev()
                .take_while(|step| step.at >= stand.started_at);
            run.into_iter().any(|taken| taken.what == step)
        };
        // A higher step that was taken before the clock was given more time stands for the lower ones.
        let above = LADDER
            .iter()
            .filter(|other| other.share_percent >= rung.share_percent);
        (!above.into_iter().any(taken)).then_some((clock.kind, rung))
    };
    ticket.clocks.iter().filter_map(due).collect()
}

/// The time that a clock has in all: what was promised, or for working days from its start to their end.
fn whole(stand: &ClockStand) -> SignedDuration {
    match stand.target {
        Target::Seconds(count) => SignedDuration::from_secs(i64::from(count)),
        Target::Minutes(count) => SignedDuration::from_mins(i64::from(count)),
        Target::Hours(count) => SignedDuration::from_hours(i64::from(count)),
        Target::WorkingDays(_) | Target::Day(_) => stand.due.duration_since(stand.started_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{acts, at, opened};
    use crate::tickets::{Action, GATEWAY, Told, Witness};

    /// Lets a ticket escalate at these seconds, and tells which steps were taken: `second step`.
    fn taken(ticket: &mut Ticket, seconds: impl IntoIterator<Item = i64>) -> Vec<String> {
        let mut told = Vec::new();
        for second in seconds {
            for (kind, rung) in due_rungs(ticket, at(second), &WorkCalendar::utc_weekends()) {
                let step = rung.step(kind);
                told.push(format!("{second} {step}"));
                ticket.step(at(second), GATEWAY, &step, None);
            }
        }
        told
    }

    fn arriving(mut ticket: Ticket) -> Ticket {
        ticket.clocks.retain(|clock| clock.kind == ClockKind::Arrive);
        ticket
    }

    #[test]
    fn half_an_hour_is_told_at_15_and_24_minutes_and_once_it_is_over() {
        let mut ticket = arriving(opened(1, 0));
        assert_eq!(
            taken(&mut ticket, 0..4_000),
            [
                "900 due_soon_arrive_50",
                "1440 due_soon_arrive_80",
                "1801 escalated_arrive_100"
            ]
        );
    }

    #[test]
    fn after_a_restart_nothing_is_told_twice_and_only_the_highest_step_is_made_up() {
        let mut ticket = arriving(opened(1, 0));
        taken(&mut ticket, [900]);
        let kept = serde_json::to_string(&ticket).unwrap();
        let mut again: Ticket = serde_json::from_str(&kept).unwrap();
        assert!(taken(&mut again, [901]).is_empty());
        assert_eq!(taken(&mut again, [5_000, 5_001]), ["5000 escalated_arrive_100"]);
        let mut late = arriving(opened(2, 0));
        assert_eq!(taken(&mut late, [1_500, 1_501]), ["1500 due_soon_arrive_80"]);
    }

    #[test]
    fn a_clock_that_stopped_or_waits_escalates_to_nobody() {
        let mut there = arriving(opened(1, 0));
        acts(&mut there, Action::Arrive, "Li", Witness::Active, 600);
        assert!(taken(&mut there, 600..4_000).is_empty());

        let mut waits = opened(2, 0);
        acts(&mut waits, Action::Arrive, "Li", Witness::Active, 60);
        let wait = Action::Wait {
            parts: "seal".into(),
            told: Told {
                whom: "the owners".into(),
                what: "a day".into(),
                at: at(600),
            },
        };
        acts(&mut waits, wait, "Li", Witness::Active, 600);
        assert!(taken(&mut waits, 600..4_000).is_empty());
        acts(&mut waits, Action::Resume, "Li", Witness::Active, 4_000);
        assert_eq!(
            taken(&mut waits, 4_000..6_000),
            [
                "4300 due_soon_resolve_50",
                "4840 due_soon_resolve_80",
                "5201 escalated_resolve_100"
            ]
        );
    }

    #[test]
    fn a_clock_that_starts_anew_escalates_anew() {
        let mut ticket = arriving(opened(1, 0));
        taken(&mut ticket, 0..2_000);
        acts(&mut ticket, Action::Arrive, "Li", Witness::Active, 2_000);
        ticket.returned_to_normal(at(2_100));
        ticket.came_back(at(9_000));
        assert_eq!(taken(&mut ticket, 9_000..9_901), ["9900 due_soon_arrive_50"]);
    }

    #[test]
    fn a_closed_ticket_escalates_to_nobody() {
        let mut ticket = opened(1, 0);
        let reason = "a drill".to_owned();
        acts(&mut ticket, Action::Cancel { reason }, "Li", Witness::Active, 10);
        assert!(taken(&mut ticket, 0..4_000).is_empty());
    }
}
