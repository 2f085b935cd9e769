//! How publishing goes: for people, and as counts.

use metrics::{Counter, Gauge, counter, gauge};

use crate::step_clock::Since;

/// How publishing goes, for people.
#[derive(Clone, Debug)]
pub struct PublishStand {
    /// Whether there is a connection.
    pub is_up: bool,
    /// Since when there is none.
    pub away_since: Option<Since>,
    /// Why there is none, or what the broker refused last.
    pub error: Option<String>,
    /// What the broker has taken since the start.
    pub published: u64,
    /// What it refused.
    pub refused: u64,
    /// Topics whose newest version it has not taken.
    pub waiting: usize,
    /// Connections made after the first.
    pub reconnects: u64,
}

impl PublishStand {
    /// Nothing has been tried yet.
    pub fn new(now: Since) -> Self {
        Self {
            is_up: false,
            away_since: Some(now),
            error: None,
            published: 0,
            refused: 0,
            waiting: 0,
            reconnects: 0,
        }
    }
}

/// What is counted for `/metrics`.
pub(super) struct Meters {
    pub(super) published: Counter,
    pub(super) refused: Counter,
    pub(super) waiting: Gauge,
    pub(super) up: Gauge,
    pub(super) reconnects: Counter,
}

impl Meters {
    /// The meters, at their start.
    pub(super) fn new() -> Self {
        let up = gauge!("facility_publisher_up");
        up.set(0.0);
        Self {
            published: counter!("facility_publications_total"),
            refused: counter!("facility_publications_refused_total"),
            waiting: gauge!("facility_publications_waiting"),
            up,
            reconnects: counter!("facility_publisher_reconnects_total"),
        }
    }
}
