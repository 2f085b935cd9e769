//! Reads tickets with their steps.

use std::collections::HashMap;

use rusqlite::params;

use super::{RecordsReader, StoreError, read_bodies};
use crate::store::database::{Database, timestamp};
use crate::tickets::{Step, Ticket};

impl RecordsReader {
    /// Tickets, newest first, older than `before`, with their steps.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn tickets(&self, before: Option<u64>, limit: usize) -> Result<Vec<Ticket>, StoreError> {
        let before = before
            .and_then(|before| i64::try_from(before).ok())
            .unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // A step that is written between the two queries would stand on a ticket that has not taken it yet.
        self.database.at_one_moment(|| {
            let tickets: Vec<Ticket> = read_bodies(
                &self.database,
                "SELECT body FROM tickets WHERE number < ?1 ORDER BY number DESC LIMIT ?2",
                "a ticket",
                params![before, limit],
            )?;
            self.with_their_steps(tickets)
        })
    }

    /// Tickets whose numbers follow each other downwards, with their steps: one query for all, since a list of a thousand would
    /// otherwise ask a thousand times.
    fn with_their_steps(&self, mut tickets: Vec<Ticket>) -> Result<Vec<Ticket>, StoreError> {
        let (Some(newest), Some(oldest)) = (tickets.first().map(number), tickets.last().map(number)) else {
            return Ok(tickets);
        };
        let steps: Vec<(i64, Step)> = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT at, by, what, note, told, ticket FROM steps WHERE ticket BETWEEN ?1 AND ?2
                     ORDER BY ticket DESC, number",
                )?
                .query_map(params![oldest, newest], |row| Ok((row.get(5)?, step(row)?)))?
                .collect()
        })?;
        let mut steps = steps.into_iter().peekable();
        for ticket in &mut tickets {
            let wanted = number(ticket);
            while steps.next_if(|(of, _)| *of > wanted).is_some() {}
            while let Some((_, step)) = steps.next_if(|(of, _)| *of == wanted) {
                ticket.steps.push(step);
            }
        }
        Ok(tickets)
    }

    /// One ticket with its steps.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn ticket(&self, id: &str) -> Result<Option<Ticket>, StoreError> {
        self.database.at_one_moment(|| {
            let found: Vec<Ticket> = read_bodies(
                &self.database,
                "SELECT body FROM tickets WHERE id = ?1",
                "a ticket",
                params![id],
            )?;
            found
                .into_iter()
                .next()
                .map(|ticket| with_its_steps(&self.database, ticket))
                .transpose()
        })
    }

    /// The newest ticket of each plan of recurring work, by the plan's id.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn newest_planned_tickets(&self) -> Result<HashMap<String, String>, StoreError> {
        // Of the row with the greatest number, as SQLite promises of a bare column beside max().
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT json_extract(body, '$.planned.work'), id, max(number) FROM tickets
                     WHERE json_extract(body, '$.planned.work') IS NOT NULL GROUP BY 1",
                )?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }
}

/// Its number, as the file has it.
pub(super) fn number(ticket: &Ticket) -> i64 {
    i64::try_from(ticket.number).unwrap_or(i64::MAX)
}

pub(in crate::store) fn with_its_steps(
    database: &Database,
    mut ticket: Ticket,
) -> Result<Ticket, StoreError> {
    ticket.steps = database.run(|connection| {
        connection
            .prepare_cached("SELECT at, by, what, note, told FROM steps WHERE ticket = ?1 ORDER BY number")?
            .query_map(params![number(&ticket)], step)?
            .collect()
    })?;
    Ok(ticket)
}

fn step(row: &rusqlite::Row<'_>) -> rusqlite::Result<Step> {
    let told: Option<String> = row.get(4)?;
    let told = told.map(|told| serde_json::from_str(&told)).transpose();
    Ok(Step {
        at: timestamp(row.get(0)?),
        by: row.get(1)?,
        what: row.get(2)?,
        note: row.get(3)?,
        told: told.map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, error.into())
        })?,
    })
}
