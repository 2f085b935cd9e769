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
    pub fn missing(&self, attachments: &[Attachment]) -> Option<String> {
        let unticked = self.checklist.iter().position(|item| item.done.is_none());
        if let Some(index) = unticked {
            let item = self.checklist.get(index).map_or("", |item| item.text.en.as_str());
            return Some(format!(
                "item {} of the checklist is not ticked ({item})",
                index + 1
            ));
        }
        let no_file = attachments.is_empty();
        no_file.then(|| {
            format!(
                "no file is attached ({} · {})",
                self.evidence.en, self.evidence.zh
            )
        })
    }
}

/// The runs of a plan whose tickets are to be opened `today`. `last` is the due day of the last run that had one; without it
/// the plan is new, and begins with the first run that is not over yet. Runs that went by without a ticket are made up once:
/// the newest of them comes, with their count.
pub fn due_runs(work: &PlannedWork, last: Option<Date>, today: Date) -> Vec<Run> {
    let begins = match last {
        Some(last) => last.tomorrow().unwrap_or(Date::MAX),
        None => today,
    };
    let horizon = today.saturating_add(i32::from(work.lead_days).days());
    let due_days = (0..MOST_RUNS)
        .map_while(|count| work.first_due.checked_add(work.every.times(count)).ok())
        .take_while(|due| *due <= horizon)
        .filter(|due| *due >= begins);
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
