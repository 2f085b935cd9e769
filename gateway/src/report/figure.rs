//! The figures of a report: each a number with the tickets behind it.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

/// How many, and of which tickets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Figure {
    /// How many.
    pub count: usize,
    /// The tickets behind the number; one ticket may count more than once.
    pub tickets: BTreeSet<String>,
}

impl Figure {
    /// One more, of this ticket.
    pub fn add(&mut self, ticket: &str) {
        self.count += 1;
        self.tickets.insert(ticket.to_owned());
    }
}

/// A mean of hours, and the tickets that it was worked out from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Mean {
    /// In hours; null where there was nothing to take the mean of.
    pub hours: Option<f64>,
    /// How many values it is the mean of.
    pub count: usize,
    /// The tickets behind it.
    pub tickets: BTreeSet<String>,
}

impl Mean {
    /// The mean of values in hours.
    pub fn of<'ticket>(values: impl IntoIterator<Item = (f64, &'ticket str)>) -> Self {
        let mut mean = Self::default();
        let mut sum = 0.0;
        let mut count = 0.0;
        for (hours, ticket) in values {
            sum += hours;
            count += 1.0;
            mean.count += 1;
            mean.tickets.insert(ticket.to_owned());
        }
        mean.hours = (mean.count > 0).then(|| sum / count);
        mean
    }
}
