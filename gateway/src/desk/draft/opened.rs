//! Tickets that no rule opens: what a person reports, and planned work that is due.

use jiff::Timestamp;
use model::{Deadlines, Severity, Text};

use super::Draft;
use crate::notices::Notice;
use crate::tickets::{GATEWAY, Opening, Origin, Ticket, due_runs, planned_row, year_of};

/// What a person reports.
#[derive(Clone, Debug)]
pub struct Report {
    /// The row of the standard.
    pub standard: String,
    /// About which device.
    pub device: Option<String>,
    /// How urgent.
    pub severity: Severity,
    /// About what.
    pub summary: Text,
    /// Who reported it.
    pub reporter: Option<String>,
    /// Who wrote it down.
    pub by: String,
}

impl Draft<'_> {
    /// A person reports something: a new ticket. `None` if the standard has no such row.
    pub fn report(&mut self, report: Report, now: Timestamp) -> Option<Ticket> {
        let row = self.reported_row(&report)?;
        let opening = Opening {
            number: self.take_number(),
            year: year_of(now, self.calendar),
            device: report.device,
            alarm: None,
            origin: Origin::Person,
            severity: report.severity,
            summary: report.summary,
            reporter: report.reporter,
            previous: None,
            by: report.by,
        };
        let ticket = Ticket::open(opening, &row, now);
        self.notices.push(Notice::opened(&ticket));
        self.tickets.insert(ticket.id.clone(), ticket.clone());
        Some(ticket)
    }

    /// The row that a report takes: a fault that somebody reported has the row of its class, and beside it the respond clock of
    /// `repair-report`, so that the reporter hears of it in time.
    fn reported_row(&self, report: &Report) -> Option<Deadlines> {
        let mut row = self.standard.deadlines.get(&report.standard)?.clone();
        if report.reporter.is_some() && row.respond.is_none() {
            let reported = self.standard.deadlines.get("repair-report");
            row.respond = reported.and_then(|reported| reported.respond);
        }
        Some(row)
    }

    /// Opens the tickets of planned work that is due soon.
    pub fn planned(&mut self, now: Timestamp) {
        let (state, standard) = (self.state, self.standard);
        let today = self.calendar.day_of(now);
        for work in &standard.planned {
            let seen_to = state.planned.get(&work.id).copied().unwrap_or_else(|| {
                // A plan that is new does not reach back: what was due before today is over.
                let yesterday = today.yesterday().unwrap_or(today);
                self.plans.push((work.id.clone(), yesterday));
                yesterday
            });
            for run in due_runs(work, seen_to, today) {
                let (row, due) = (planned_row(&run), run.due);
                let opening = Opening {
                    number: self.take_number(),
                    year: year_of(now, self.calendar),
                    device: work.device.clone(),
                    alarm: None,
                    origin: Origin::Planned,
                    severity: Severity::Low,
                    summary: Text::new(
                        format!("{}，{due} 前完成", work.what.zh),
                        format!("{}, due {due}", work.what.en),
                    ),
                    reporter: None,
                    previous: None,
                    by: GATEWAY.to_owned(),
                };
                let mut ticket = Ticket::open(opening, &row, now);
                ticket.planned = Some(run);
                self.notices.push(Notice::opened(&ticket));
                self.tickets.insert(ticket.id.clone(), ticket);
            }
        }
    }
}
