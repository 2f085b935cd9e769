//! Recurring work that the site has planned, as JSON.

use jiff::ToSpan;
use jiff::civil::Date;
use model::{Every, PlannedWork};
use serde::Serialize;
use utoipa::ToSchema;

use super::TextView;
use crate::tickets::next_due;

/// Recurring work.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PlanView {
    id: String,
    what: TextView,
    /// The device that it is of; null for work of the whole site.
    device: Option<String>,
    /// `daily`, `weekly`, `monthly`, `quarterly`, `twice_a_year` or `yearly`.
    every: &'static str,
    /// The day of the run that is due next, today or later.
    next_due: Option<String>,
    /// The day on which that run's ticket opens, or opened.
    opens_on: Option<String>,
    /// What must be attached before a run can be closed.
    evidence: TextView,
    checklist: Vec<TextView>,
    /// The sentence of the published standard that asks for it; empty for a site's own.
    quote: String,
    /// Its newest ticket; null before its first, and where tickets are not asked for.
    ticket: Option<String>,
}

impl PlanView {
    /// Work as it stands `today`.
    pub fn new(work: &PlannedWork, today: Date, ticket: Option<String>) -> Self {
        let due = next_due(work, today);
        let opens = due.and_then(|due| due.checked_sub(i32::from(work.lead_days).days()).ok());
        Self {
            id: work.id.clone(),
            what: (&work.what).into(),
            device: work.device.clone(),
            every: name(work.every),
            next_due: due.map(|day| day.to_string()),
            opens_on: opens.map(|day| day.to_string()),
            evidence: (&work.evidence).into(),
            checklist: work.checklist.iter().map(TextView::from).collect(),
            quote: work.quote.clone(),
            ticket,
        }
    }
}

fn name(every: Every) -> &'static str {
    let named = Every::NAMES.iter().find(|(_, known)| *known == every);
    named.map_or("", |(name, _)| name)
}
