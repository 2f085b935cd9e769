//! What a report is worked out from, read in one go.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use model::Site;
use rules::Rules;

use super::period::Period;
use super::stretches::Stretches;
use crate::alarms::ConditionSpan;
use crate::desk::{LONGEST_BEAT, counted_conditions};
use crate::meters::MeterDay;
use crate::store::{RecordsReader, StoreError};
use crate::tickets::Ticket;

/// What was stored of a period.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Every ticket that was there at any time of it.
    pub tickets: Vec<Ticket>,
    /// What conditions were.
    pub spans: Vec<ConditionSpan>,
    /// When the gateway ran: from each start to when it was seen last.
    pub runs: Vec<(Timestamp, Timestamp)>,
    /// The devices that a rule watches whose alarm makes them unavailable.
    pub watched: BTreeSet<String>,
    /// What meters counted, by device, point and day.
    pub meters: Vec<MeterDay>,
    /// The head of the journal's chain.
    pub journal_head: Option<String>,
}

impl Evidence {
    /// Reads it.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn read(
        records: &RecordsReader,
        site: &Site,
        rules: &Rules,
        period: Period,
    ) -> Result<Self, StoreError> {
        let (from, to) = period.bounds(&site.timezone);
        let counted = counted_conditions(site, rules).into_iter();
        let days = period.days();
        let meters = match (days.first(), days.last()) {
            (Some(first), Some(last)) => records.meter_days(*first, *last)?,
            _ => Vec::new(),
        };
        Ok(Self {
            meters,
            tickets: records.tickets_between(from, to)?,
            spans: records.conditions(from, to)?,
            runs: records.runs(from, to)?,
            watched: counted.map(|(_, about)| about.device).collect(),
            journal_head: Some(records.journal_head()?.hash.to_string()),
        })
    }

    /// When the gateway was looking, up to `now`: a run whose last beat is not overdue goes on.
    pub(super) fn looking(&self, now: Timestamp) -> Stretches {
        let late = |seen: Timestamp| now.duration_since(seen) > LONGEST_BEAT;
        let runs = self.runs.iter().map(|(from, seen)| {
            let goes_on = !late(*seen) && now.duration_since(*seen) > SignedDuration::ZERO;
            (*from, if goes_on { now } else { *seen })
        });
        Stretches::of(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::at;

    #[test]
    fn a_run_that_was_seen_lately_goes_on_and_one_that_was_not_has_ended() {
        let evidence = Evidence {
            runs: vec![(at(0), at(100)), (at(500), at(600))],
            ..Evidence::default()
        };
        let up_to = |now| evidence.looking(at(now)).iter().collect::<Vec<_>>();
        assert_eq!(up_to(650), [(at(0), at(100)), (at(500), at(650))]);
        assert_eq!(up_to(5_000), [(at(0), at(100)), (at(500), at(600))]);
    }
}
