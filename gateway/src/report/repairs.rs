//! How long repairs took: to be taken, to somebody on site, to working again, and from one failure to the next.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::figure::{Figure, Mean};
use super::places::{Place, Places};
use crate::tickets::{GATEWAY, Origin, Ticket, TicketState};

/// One failure: a ticket from its opening, or from each time that its fault came back for good, to the next such time.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure<'ticket> {
    /// The ticket.
    pub ticket: &'ticket Ticket,
    /// What it is about.
    pub place: Place,
    /// When it began.
    pub began_at: Timestamp,
    /// When somebody took it.
    pub acknowledged_at: Option<Timestamp>,
    /// When somebody was on site.
    pub arrived_at: Option<Timestamp>,
    /// When it worked again: the telemetry's moment, or else a person's.
    pub repaired_at: Option<Timestamp>,
}

/// The failures that began in a period. A cancelled ticket was none, and neither is planned work.
pub fn failures<'ticket>(
    tickets: &'ticket [Ticket],
    (from, to): (Timestamp, Timestamp),
    places: &Places<'_>,
) -> Vec<Failure<'ticket>> {
    let mut failures = Vec::new();
    for ticket in tickets {
        let is_fault = matches!(ticket.origin, Origin::Rule | Origin::Person)
            && ticket.standard != super::deadlines::PLANNED;
        if is_fault && ticket.state != TicketState::Cancelled {
            failures.extend(failures_of(ticket, &places.of(ticket)));
        }
    }
    failures.retain(|failure| from <= failure.began_at && failure.began_at < to);
    failures
}

fn failures_of<'ticket>(ticket: &'ticket Ticket, place: &Place) -> Vec<Failure<'ticket>> {
    let begins = |at| Failure {
        ticket,
        place: place.clone(),
        began_at: at,
        acknowledged_at: None,
        arrived_at: None,
        repaired_at: None,
    };
    let mut failures = vec![begins(ticket.opened_at)];
    for step in &ticket.steps {
        if matches!(step.what.as_str(), "reopened" | "started_anew") {
            failures.push(begins(step.at));
        }
        let Some(failure) = failures.last_mut() else {
            continue;
        };
        match step.what.as_str() {
            "accepted" => drop(failure.acknowledged_at.get_or_insert(step.at)),
            "arrived" => {
                failure.acknowledged_at.get_or_insert(step.at);
                failure.arrived_at.get_or_insert(step.at);
            }
            "condition_normal" if step.by == GATEWAY => failure.repaired_at = Some(step.at),
            "condition_back" => failure.repaired_at = None,
            "resolved" => drop(failure.repaired_at.get_or_insert(step.at)),
            _ => {}
        }
    }
    failures
}

/// How long the failures of something took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Repairs {
    /// How many there were.
    pub failures: Figure,
    /// From the opening to the first who took it.
    pub acknowledge: Mean,
    /// From the opening to the first on site.
    pub arrive: Mean,
    /// From the opening to working again, waiting for parts included.
    pub repair: Mean,
    /// Hours in which the devices were seen to work, by failures that a rule saw; null without either.
    pub between_failures: Mean,
}

impl Repairs {
    /// Of failures, and of the hours that their devices were seen to work; none where nobody watches.
    pub fn of(failures: &[&Failure<'_>], available_hours: Option<f64>) -> Self {
        let mean = |until: fn(&Failure<'_>) -> Option<Timestamp>| {
            Mean::of(failures.iter().filter_map(|failure| {
                let took = until(failure)?.duration_since(failure.began_at);
                Some((took.as_secs_f64().max(0.0) / 3600.0, failure.ticket.id.as_str()))
            }))
        };
        let seen: Vec<_> = failures
            .iter()
            .filter(|failure| failure.ticket.origin == Origin::Rule)
            .collect();
        let mut between = Mean::of(seen.iter().map(|failure| (0.0, failure.ticket.id.as_str())));
        let count = u32::try_from(between.count).unwrap_or(u32::MAX);
        between.hours = available_hours
            .filter(|_| count > 0)
            .map(|hours| hours / f64::from(count));
        let mut counted = Figure::default();
        failures
            .iter()
            .for_each(|failure| counted.add(&failure.ticket.id));
        Self {
            failures: counted,
            acknowledge: mean(|failure| failure.acknowledged_at),
            arrive: mean(|failure| failure.arrived_at),
            repair: mean(|failure| failure.repaired_at),
            between_failures: between,
        }
    }
}

/// Failures by what they have in common.
pub fn grouped<'list, 'ticket>(
    failures: &'list [Failure<'ticket>],
    key: impl Fn(&Failure<'ticket>) -> String,
) -> BTreeMap<String, Vec<&'list Failure<'ticket>>> {
    let mut groups: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for failure in failures {
        groups.entry(key(failure)).or_default().push(failure);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{acts, at, opened, places, site};
    use crate::tickets::{Action, Witness};

    #[test]
    fn means_are_in_fractional_hours_from_the_opening() {
        let site = site();
        let mut ticket = opened(1, 0);
        acts(&mut ticket, Action::Accept, "Li", Witness::Active, 360);
        acts(&mut ticket, Action::Arrive, "Li", Witness::Active, 900);
        ticket.returned_to_normal(at(5_400));
        let tickets = [ticket, opened(2, 10)];
        let failures = failures(&tickets, (at(0), at(100)), &places(&site));
        let repairs = Repairs::of(&failures.iter().collect::<Vec<_>>(), Some(720.0));
        assert_eq!(repairs.failures.count, 2);
        assert_eq!(repairs.acknowledge.hours, Some(0.1));
        assert_eq!(repairs.arrive.hours, Some(0.25));
        assert_eq!((repairs.repair.hours, repairs.repair.count), (Some(1.5), 1));
        assert_eq!(repairs.between_failures.hours, Some(360.0));
    }

    #[test]
    fn a_fault_that_comes_back_for_good_is_a_failure_of_its_own() {
        let site = site();
        let mut ticket = opened(1, 0);
        ticket.returned_to_normal(at(100));
        ticket.came_back(at(200));
        ticket.returned_to_normal(at(300));
        ticket.came_back(at(5_000));
        let tickets = [ticket];
        let found = failures(&tickets, (at(0), at(9_999)), &places(&site));
        assert_eq!(
            found.iter().map(|one| one.began_at).collect::<Vec<_>>(),
            [at(0), at(5_000)]
        );
        assert_eq!(
            found[0].repaired_at,
            Some(at(300)),
            "the first return did not last"
        );
        assert_eq!(found[1].repaired_at, None);
    }

    #[test]
    fn what_was_cancelled_was_no_failure() {
        let site = site();
        let mut ticket = opened(1, 0);
        let reason = "a drill".to_owned();
        acts(&mut ticket, Action::Cancel { reason }, "Li", Witness::Active, 10);
        assert!(failures(&[ticket], (at(0), at(99)), &places(&site)).is_empty());
    }
}
