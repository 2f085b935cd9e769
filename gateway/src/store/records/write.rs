//! Writes a change to `records.db`: alarms, tickets, plans, notices, conditions and the journal in one transaction.

use jiff::civil::Date;
use rusqlite::{Transaction, params};

use super::notices::write_notice;
use super::tickets::number;
use super::{Records, StoreError};
use crate::desk::Change;
use crate::store::database::nanoseconds;
use crate::store::journal::append;
use crate::store::sight::write_span;
use crate::tickets::Ticket;

impl Records {
    /// Writes a change whole, or not at all; it is on the disk when this returns.
    ///
    /// # Errors
    /// It could not be written; nothing of it is.
    pub fn commit(&mut self, change: &Change) -> Result<(), StoreError> {
        let mut bodies = Vec::with_capacity(change.tickets.len());
        for ticket in &change.tickets {
            bodies.push(self.ticket_body(ticket)?);
        }
        let mut alarm_bodies = Vec::with_capacity(change.alarms.len());
        for alarm in change.alarms.iter().filter(|alarm| alarm.1) {
            alarm_bodies.push((&alarm.0.id, self.json(alarm.0.as_ref())?));
        }
        let mut notices = Vec::with_capacity(change.notices.len());
        for notice in &change.notices {
            notices.push((notice, self.json(&notice.ticket)?, self.json(&notice.people)?));
        }
        let publications = &mut self.publications;
        self.database.transact(|transaction| {
            for (id, body) in &alarm_bodies {
                transaction
                    .prepare_cached("INSERT INTO alarms (id, body) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET body = ?2")?
                    .execute(params![id, body])?;
            }
            for (ticket, body) in change.tickets.iter().zip(&bodies) {
                write_ticket(transaction, ticket, body)?;
            }
            for (work, seen_to) in &change.plans {
                write_plan(transaction, work, *seen_to)?;
            }
            for (notice, ticket, people) in &notices {
                write_notice(transaction, notice, ticket, people)?;
            }
            for span in &change.spans {
                write_span(transaction, span)?;
            }
            if let Some(publications) = publications {
                publications.mark(transaction, change)?;
            }
            append(transaction, &change.journal)
        })
    }

    /// The ticket without its steps, which have a table of their own that only grows.
    fn ticket_body(&self, ticket: &Ticket) -> Result<String, StoreError> {
        let mut body = ticket.clone();
        body.steps.clear();
        self.json(&body)
    }
}

/// Dates as text are in their order.
fn write_plan(transaction: &Transaction<'_>, work: &str, seen_to: Date) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO plans (work, seen_to) VALUES (?1, ?2)
             ON CONFLICT (work) DO UPDATE SET seen_to = max(seen_to, ?2)",
        )?
        .execute(params![work, seen_to.to_string()])?;
    Ok(())
}

fn write_ticket(transaction: &Transaction<'_>, ticket: &Ticket, body: &str) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO tickets (number, id, alarm, device, state, ended_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (number) DO UPDATE SET state = ?5, ended_at = ?6, body = ?7",
        )?
        .execute(params![
            number(ticket),
            ticket.id,
            ticket.alarm,
            ticket.device,
            ticket.state.name(),
            ticket.ended_at.map(nanoseconds),
            body
        ])?;
    if let Some(run) = &ticket.planned {
        write_plan(transaction, &run.work, run.due)?;
    }
    for (position, step) in ticket.steps.iter().enumerate() {
        let told = step.told.as_ref().map(serde_json::to_string).transpose();
        let told = told.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        transaction
            .prepare_cached(
                "INSERT INTO steps (ticket, number, at, by, what, note, told) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (ticket, number) DO NOTHING",
            )?
            .execute(params![
                number(ticket),
                i64::try_from(position).unwrap_or(i64::MAX),
                nanoseconds(step.at),
                step.by,
                step.what,
                step.note,
                told
            ])?;
    }
    Ok(())
}
