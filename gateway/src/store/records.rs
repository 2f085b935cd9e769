//! `records.db`: alarms, tickets with their steps, and the notices that were promised about them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::StoreError;
use super::database::{Database, Durability, nanoseconds, timestamp};
use super::journal::append;
use crate::alarms::Alarm;
use crate::desk::{Change, ticket_digest};
use crate::journal::{Entry, Head};
use crate::notices::Notice;
use crate::tickets::{Step, Ticket};

const STEPS: &[&str] = &[
    include_str!("migrations/records_1.sql"),
    include_str!("migrations/records_2.sql"),
    include_str!("migrations/records_3.sql"),
];

/// After so many pages the log is worked into the file (16 MiB). SQLite's own 1,000 are reached by every hundredth change or so,
/// and that one person would wait for it.
const CHECKPOINT_PAGES: u32 = 4_000;

/// The writer of `records.db`.
pub struct Records {
    pub(super) database: Database,
    path: PathBuf,
}

/// What was kept from before a restart.
#[derive(Debug)]
pub struct Kept {
    /// Every alarm that ever was anything but normal.
    pub alarms: Vec<Alarm>,
    /// The tickets that still matter.
    pub tickets: Vec<Ticket>,
    /// The highest ticket number ever given.
    pub last_number: u64,
    /// The day to which each plan's runs have their tickets, or were over when it was new.
    pub planned: HashMap<String, Date>,
}

/// A notice that has not been sent yet.
#[derive(Clone, Debug)]
pub struct PendingNotice {
    /// What to send.
    pub notice: Notice,
    /// How often it was tried.
    pub tries: u32,
}

impl Records {
    /// Opens or creates the file in a data folder.
    ///
    /// # Errors
    /// The file cannot be opened, or is spoiled: records are never begun anew by themselves.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        let path = data.join("records.db");
        let mut records = Self {
            database: Database::open(&path, Durability::Full, STEPS)?,
            path,
        };
        records
            .database
            .run(|connection| connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES))?;
        records.adopt()?;
        Ok(records)
    }

    /// Where the journal ends.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn journal_head(&self) -> Result<Head, StoreError> {
        self.database.run(super::journal::head)
    }

    /// Takes the tickets of a version without a journal into it, so that from now on they are proven, too.
    fn adopt(&mut self) -> Result<(), StoreError> {
        if self.journal_head()?.records > 0 {
            return Ok(());
        }
        let reader = self.reader()?;
        let mut adopted = Vec::new();
        let mut before = None;
        loop {
            let page = reader.tickets(before, 1_000)?;
            let Some(last) = page.last() else { break };
            before = Some(last.number);
            adopted.extend(page.iter().map(adopted_as));
        }
        adopted.reverse();
        self.database
            .transact(|transaction| append(transaction, &adopted))
    }

    /// A reader beside this writer.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn reader(&self) -> Result<RecordsReader, StoreError> {
        Ok(RecordsReader {
            database: Database::open_reader(&self.path)?,
        })
    }

    /// What was kept from before: alarms, and every ticket that is not ended, ended lately, or is its alarm's newest.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn kept(&self, now: Timestamp) -> Result<Kept, StoreError> {
        let recent = now
            .saturating_sub(SignedDuration::from_hours(24))
            .unwrap_or(Timestamp::MIN);
        let alarms = self.rows("SELECT body FROM alarms", "an alarm", [])?;
        let tickets: Vec<Ticket> = self.rows(
            "SELECT body FROM tickets AS t WHERE ended_at IS NULL OR ended_at >= ?1
                OR number = (SELECT max(number) FROM tickets WHERE alarm = t.alarm)",
            "a ticket",
            [nanoseconds(recent)],
        )?;
        let last: Option<i64> = self.database.run(|connection| {
            connection.query_row("SELECT max(number) FROM tickets", [], |row| row.get(0))
        })?;
        let plans = self.database.run(|connection| {
            connection
                .prepare("SELECT work, seen_to FROM plans")?
                .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut planned = HashMap::new();
        for (work, day) in plans {
            let day: Date = day
                .parse()
                .map_err(|error| self.database.unreadable("a plan's last day", error))?;
            planned.insert(work, day);
        }
        let mut with_steps = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            with_steps.push(with_its_steps(&self.database, ticket)?);
        }
        Ok(Kept {
            alarms,
            tickets: with_steps,
            last_number: last.and_then(|last| u64::try_from(last).ok()).unwrap_or(0),
            planned,
        })
    }

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
                super::sight::write_span(transaction, span)?;
            }
            append(transaction, &change.journal)
        })
    }

    /// Takes note that a notice was sent.
    ///
    /// # Errors
    /// It could not be written; the notice will be sent again.
    pub fn notice_sent(&mut self, key: &str, at: Timestamp) -> Result<(), StoreError> {
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "UPDATE notices SET sent_at = ?2, tries = tries + 1, error = NULL WHERE key = ?1",
                )?
                .execute(params![key, nanoseconds(at)])
        })?;
        Ok(())
    }

    /// Takes note that a notice could not be sent, and when to try again.
    ///
    /// # Errors
    /// It could not be written; the notice will be tried again all the same.
    pub fn notice_failed(&mut self, key: &str, error: &str, next_at: Timestamp) -> Result<(), StoreError> {
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "UPDATE notices SET tries = tries + 1, error = ?2, next_at = ?3 WHERE key = ?1",
                )?
                .execute(params![key, error, nanoseconds(next_at)])
        })?;
        Ok(())
    }

    fn rows<T: serde::de::DeserializeOwned>(
        &self,
        sql: &str,
        what: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<T>, StoreError> {
        read_bodies(&self.database, sql, what, values)
    }

    pub(super) fn json(&self, value: &impl serde::Serialize) -> Result<String, StoreError> {
        serde_json::to_string(value).map_err(|error| self.database.unreadable("a record", error))
    }

    /// The ticket without its steps, which have a table of their own that only grows.
    fn ticket_body(&self, ticket: &Ticket) -> Result<String, StoreError> {
        let mut body = ticket.clone();
        body.steps.clear();
        self.json(&body)
    }
}

/// Dates as text are in their order.
fn write_plan(transaction: &rusqlite::Transaction<'_>, work: &str, seen_to: Date) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO plans (work, seen_to) VALUES (?1, ?2)
             ON CONFLICT (work) DO UPDATE SET seen_to = max(seen_to, ?2)",
        )?
        .execute(params![work, seen_to.to_string()])?;
    Ok(())
}

fn write_ticket(
    transaction: &rusqlite::Transaction<'_>,
    ticket: &Ticket,
    body: &str,
) -> rusqlite::Result<()> {
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

fn write_notice(
    transaction: &rusqlite::Transaction<'_>,
    notice: &Notice,
    ticket: &str,
    people: &str,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO notices (key, event, at, clock, ticket, next_at, people) VALUES (?1, ?2, ?3, ?4, ?5, ?3, ?6)
             ON CONFLICT (key) DO NOTHING",
        )?
        .execute(params![
            notice.key,
            notice.event,
            nanoseconds(notice.at),
            notice.clock.map(|clock| clock.name()),
            ticket,
            people
        ])?;
    Ok(())
}

/// A reader of `records.db`, beside its writer.
pub struct RecordsReader {
    pub(super) database: Database,
}

impl RecordsReader {
    /// A reader of the file in a data folder, beside a gateway that may be running on it.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            database: Database::open_reader(&data.join("records.db"))?,
        })
    }

    /// A reader of its own for a long look, so that nobody waits for this one meanwhile.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn another(&self) -> Result<Self, StoreError> {
        Ok(Self {
            database: self.database.another_reader()?,
        })
    }

    /// Tickets, newest first, older than `before`, with their steps.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn tickets(&self, before: Option<u64>, limit: usize) -> Result<Vec<Ticket>, StoreError> {
        let before = before
            .and_then(|before| i64::try_from(before).ok())
            .unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let tickets: Vec<Ticket> = read_bodies(
            &self.database,
            "SELECT body FROM tickets WHERE number < ?1 ORDER BY number DESC LIMIT ?2",
            "a ticket",
            params![before, limit],
        )?;
        self.with_their_steps(tickets)
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
    }

    /// Notices that are due to be sent at `now`, oldest first, and when the next one is due after those.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn notices_to_send(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<(Vec<PendingNotice>, Option<Timestamp>), StoreError> {
        let rows = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT key, event, at, clock, ticket, tries, people FROM notices
                     WHERE sent_at IS NULL AND next_at <= ?1 ORDER BY at LIMIT ?2",
                )?
                .query_map(
                    params![nanoseconds(now), i64::try_from(limit).unwrap_or(i64::MAX)],
                    |row| {
                        Ok((
                            row.get::<_, String>(0)?,
                            row.get::<_, String>(1)?,
                            row.get::<_, i64>(2)?,
                            row.get::<_, Option<String>>(3)?,
                            row.get::<_, String>(4)?,
                            row.get::<_, u32>(5)?,
                            row.get::<_, String>(6)?,
                        ))
                    },
                )?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut pending = Vec::with_capacity(rows.len());
        for (key, event, at, clock, ticket, tries, people) in rows {
            let ticket =
                serde_json::from_str(&ticket).map_err(|error| self.database.unreadable(&key, error))?;
            let clock = clock
                .map(|clock| serde_json::from_value(clock.into()))
                .transpose()
                .map_err(|error| self.database.unreadable(&key, error))?;
            let people =
                serde_json::from_str(&people).map_err(|error| self.database.unreadable(&key, error))?;
            pending.push(PendingNotice {
                notice: Notice {
                    key,
                    event,
                    at: timestamp(at),
                    clock,
                    people,
                    ticket,
                },
                tries,
            });
        }
        let next: Option<i64> = self.database.run(|connection| {
            connection.query_row(
                "SELECT min(next_at) FROM notices WHERE sent_at IS NULL AND next_at > ?1",
                params![nanoseconds(now)],
                |row| row.get(0),
            )
        })?;
        Ok((pending, next.map(timestamp)))
    }

    /// How many notices are still to be sent, and what the last failure said.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn unsent(&self) -> Result<(u64, Option<String>), StoreError> {
        self.database.run(|connection| {
            let count: i64 = connection.query_row("SELECT count(*) FROM notices WHERE sent_at IS NULL", [], |row| row.get(0))?;
            let error = connection
                .query_row(
                    "SELECT error FROM notices WHERE sent_at IS NULL AND error IS NOT NULL ORDER BY next_at DESC LIMIT 1",
                    [],
                    |row| row.get(0),
                )
                .optional()?;
            Ok((u64::try_from(count).unwrap_or(0), error))
        })
    }
}

fn number(ticket: &Ticket) -> i64 {
    i64::try_from(ticket.number).unwrap_or(i64::MAX)
}

pub(super) fn read_bodies<T: serde::de::DeserializeOwned>(
    database: &Database,
    sql: &str,
    what: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<T>, StoreError> {
    let bodies = database.run(|connection| {
        connection
            .prepare_cached(sql)?
            .query_map(values, |row| row.get::<_, String>(0))?
            .collect::<rusqlite::Result<Vec<_>>>()
    })?;
    bodies
        .iter()
        .map(|body| serde_json::from_str(body).map_err(|error| database.unreadable(what, error)))
        .collect()
}

pub(super) fn with_its_steps(database: &Database, mut ticket: Ticket) -> Result<Ticket, StoreError> {
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

/// The record of a ticket from before there was a journal.
fn adopted_as(ticket: &Ticket) -> Entry {
    let body = serde_json::json!({
        "state": ticket.state.name(),
        "ticket_sha256": ticket_digest(ticket).to_string(),
    });
    Entry::new(ticket.opened_at, "ticket.adopted", &ticket.id, body)
}
