//! Planned work: which runs' tickets are to be opened today, and what a run needs before it can be closed.

use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;
use model::{Deadlines, PlannedWork, Target, Text};
use serde::{Deserialize, Serialize};

use super::attachment::Attachment;

/// The row of every planned ticket: one clock, resolve, due at 24:00 of its day (the service standard, "Planned work").
pub const PLANNED: &str = "planned";

/// Runs of one plan are looked for no further than this: daily work for over a century.
const MOST_RUNS: i32 = 50_000;

/// A run of planned work, on its ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The plan's id.
    pub work: String,
    /// The day by whose end it must be done.
    pub due: Date,
    /// How many runs were missed that this one makes up for, itself included; 0 for one that opened in time.
    pub missed: u32,
    /// What is to be ticked.
    pub checklist: Vec<Item>,
    /// What must be attached.
    pub evidence: Text,
}

/// An item of a checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What is to be seen to.
    pub text: Text,
    /// When that was done, and by whom.
    pub done: Option<(Timestamp, String)>,
}

impl Run {
    /// What is missing before it can be closed, in both languages; none when nothing is.
    pub fn missing(&self, attachments: &[Attachment]) -> Option<Text> {
        let unticked = self.checklist.iter().position(|item| item.done.is_none());
        if let Some(index) = unticked {
            let (number, item) = (index + 1, self.checklist.get(index)?);
            return Some(Text::new(
                format!("检查表第 {number} 项未勾选（{}）", item.text.zh),
                format!("item {number} of the checklist is not ticked ({})", item.text.en),
            ));
        }
        let no_file = attachments.is_empty();
        no_file.then(|| {
            Text::new(
                format!("没有附件（{}）", self.evidence.zh),
                format!("no file is attached ({})", self.evidence.en),
            )
        })
    }
}

/// The runs of a plan whose tickets are to be opened `today`. Those due on `seen_to` or before had theirs, or were over when the
/// plan was new. Runs that went by without a ticket are made up once: the newest of them comes, with their count.
pub fn due_runs(work: &PlannedWork, seen_to: Date, today: Date) -> Vec<Run> {
    let horizon = today.saturating_add(i32::from(work.lead_days).days());
    let due_days = (0..MOST_RUNS)
        .map_while(|count| work.first_due.checked_add(work.every.times(count)).ok())
        .take_while(|due| *due <= horizon)
        .filter(|due| *due > seen_to);
    let (over, coming): (Vec<Date>, Vec<Date>) = due_days.partition(|due| *due < today);
    let made_up = over
        .last()
        .map(|due| (*due, u32::try_from(over.len()).unwrap_or(u32::MAX)));
    let coming = coming.into_iter().map(|due| (due, 0));
    made_up
        .into_iter()
        .chain(coming)
        .map(|(due, missed)| run(work, due, missed))
        .collect()
}

/// The first run of a plan that is due today or later; none once it reaches past the calendar's end.
pub fn next_due(work: &PlannedWork, today: Date) -> Option<Date> {
    (0..MOST_RUNS)
        .map_while(|count| work.first_due.checked_add(work.every.times(count)).ok())
        .find(|due| *due >= today)
}

/// The row that a run's ticket has.
pub fn row(run: &Run) -> Deadlines {
    Deadlines {
        id: PLANNED.to_owned(),
        covers: Text::new("计划工作", "Planned work"),
        respond: None,
        arrive: None,
        resolve: Some(Target::Day(run.due)),
        quote: String::new(),
        class: None,
    }
}

fn run(work: &PlannedWork, due: Date, missed: u32) -> Run {
    let items = work.checklist.iter().cloned();
    Run {
        work: work.id.clone(),
        due,
        missed,
        checklist: items.map(|text| Item { text, done: None }).collect(),
        evidence: work.evidence.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use model::Every;
    use proptest::prelude::*;

    fn work(every: Every, first_due: Date, lead_days: u16) -> PlannedWork {
        PlannedWork {
            id: "tanks".into(),
            what: Text::new("清洗水池", "Clean the tanks"),
            device: None,
            every,
            first_due,
            lead_days,
            checklist: vec![Text::new("已清洗", "Cleaned")],
            evidence: Text::new("检测报告", "The test report"),
            quote: String::new(),
        }
    }

    fn due_days(work: &PlannedWork, seen_to: Date, today: Date) -> Vec<(Date, u32)> {
        let runs = due_runs(work, seen_to, today);
        runs.into_iter().map(|run| (run.due, run.missed)).collect()
    }

    #[test]
    fn a_run_opens_its_ticket_so_many_days_before_it_is_due_and_not_a_day_earlier() {
        let work = work(Every::Month, date(2026, 12, 10), 7);
        assert_eq!(due_days(&work, date(2026, 11, 1), date(2026, 12, 2)), []);
        assert_eq!(
            due_days(&work, date(2026, 11, 1), date(2026, 12, 3)),
            [(date(2026, 12, 10), 0)]
        );
        let last = date(2026, 12, 10);
        assert_eq!(due_days(&work, last, date(2027, 1, 2)), []);
        assert_eq!(due_days(&work, last, date(2027, 1, 3)), [(date(2027, 1, 10), 0)]);
    }

    #[test]
    fn the_next_run_is_todays_or_the_one_after() {
        let work = work(Every::Month, date(2026, 12, 10), 7);
        assert_eq!(next_due(&work, date(2026, 1, 1)), Some(date(2026, 12, 10)));
        assert_eq!(next_due(&work, date(2026, 12, 10)), Some(date(2026, 12, 10)));
        assert_eq!(next_due(&work, date(2026, 12, 11)), Some(date(2027, 1, 10)));
    }

    #[test]
    fn runs_that_went_by_without_a_ticket_are_made_up_once_and_counted() {
        let work = work(Every::Day, date(2026, 11, 1), 0);
        let after_five_days = due_days(&work, date(2026, 11, 20), date(2026, 11, 25));
        assert_eq!(
            after_five_days,
            [(date(2026, 11, 24), 4), (date(2026, 11, 25), 0)]
        );
    }

    #[test]
    fn the_last_of_a_month_is_its_last_day_and_comes_back() {
        let work = work(Every::Month, date(2027, 1, 31), 0);
        let february = due_days(&work, date(2027, 1, 31), date(2027, 2, 28));
        assert_eq!(february, [(date(2027, 2, 28), 0)]);
        let march = due_days(&work, date(2027, 2, 28), date(2027, 3, 31));
        assert_eq!(march, [(date(2027, 3, 31), 0)]);
    }

    #[test]
    fn nothing_is_missing_once_every_item_is_ticked_and_a_file_is_attached() {
        let mut run = due_runs(
            &work(Every::Day, date(2026, 11, 1), 0),
            date(2026, 10, 31),
            date(2026, 11, 1),
        )
        .remove(0);
        assert!(run.missing(&[]).unwrap().en.contains("item 1"));
        run.checklist[0].done = Some((Timestamp::UNIX_EPOCH, "Li".into()));
        assert!(run.missing(&[]).unwrap().zh.contains("检测报告"));
        let file = Attachment {
            sha256: "0".repeat(64),
            name: "report.pdf".into(),
            bytes: 1,
            at: Timestamp::UNIX_EPOCH,
            by: "Li".into(),
        };
        assert_eq!(run.missing(&[file]), None);
    }

    proptest! {
        /// The gateway looks on some days and is away on others; still every run has one ticket or is counted in one.
        #[test]
        fn every_run_has_one_ticket_or_is_counted_in_the_one_that_makes_up_for_it(
            every in 0..6_usize,
            day in 1..32_i8,
            lead in 0..400_u16,
            away in proptest::collection::vec(1..120_i64, 1..40),
        ) {
            let every = Every::NAMES[every].1;
            let first_due = date(2026, 1, 1).saturating_add(i64::from(day).days());
            let work = work(every, first_due, lead % every.least_days());
            let (mut today, mut last, mut accounted) = (date(2026, 1, 1), date(2025, 12, 31), 0_u32);
            for days in away {
                for run in due_runs(&work, last, today) {
                    prop_assert!(last < run.due, "no day twice");
                    prop_assert!(run.due <= today.saturating_add(i64::from(work.lead_days).days()), "not too early");
                    prop_assert_eq!(run.missed == 0, run.due >= today);
                    accounted += run.missed.max(1);
                    last = run.due;
                }
                today = today.saturating_add(days.days());
            }
            let runs = (0..).map(|count| first_due + work.every.times(count)).take_while(|due| *due <= last);
            prop_assert_eq!(u32::try_from(runs.count()).unwrap(), accounted);
        }
    }
}
