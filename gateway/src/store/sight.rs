//! What reports are worked out from, in `records.db`: when the gateway was looking, what each condition was, a period's tickets.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, Row, params};

use super::StoreError;
use super::database::{nanoseconds, timestamp};
use super::records::{Records, RecordsReader, read_bodies, with_its_steps};
use crate::alarms::{ConditionOf, ConditionSpan, SpanKind};
use crate::tickets::Ticket;

/// Stretches and runs that ended before so long are forgotten at a start: three years of quarters stay.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 366 * 3);

impl Records {
    /// Begins a run: stretches that nobody knew of end where the last run was seen last, and so do activations that no alarm
    /// carries on. Gives the activations that last, by their alarm's id.
    ///
    /// # Errors
    /// It could not be written; nothing of it is.
    pub fn begin_run(
        &mut self,
        now: Timestamp,
        goes_on: impl Fn(&str) -> bool,
    ) -> Result<Vec<ConditionSpan>, StoreError> {
        let oldest = nanoseconds(now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN));
        self.database.transact(|transaction| {
            let seen: Option<i64> = transaction
                .query_row("SELECT max(seen_at) FROM runs", [], |row| row.get(0))
                .optional()?
                .flatten();
            let seen = seen.unwrap_or_else(|| nanoseconds(now));
            transaction.execute(
                "UPDATE conditions SET until = max(since, ?1) WHERE until IS NULL AND kind = 'unknown'",
                [seen],
            )?;
            let lasting = transaction
                .prepare("SELECT alarm, kind, since, until, device, class, rule, standard FROM conditions WHERE until IS NULL")?
                .query_map([], condition_span)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let (lasting, over): (Vec<_>, Vec<_>) = lasting.into_iter().partition(|span| goes_on(&span.alarm));
            for span in over {
                transaction.execute(
                    "UPDATE conditions SET until = max(since, ?2) WHERE alarm = ?1 AND until IS NULL",
                    params![span.alarm, seen],
                )?;
            }
            transaction.execute("DELETE FROM conditions WHERE until < ?1", [oldest])?;
            transaction.execute("DELETE FROM runs WHERE seen_at < ?1", [oldest])?;
            transaction.execute(
                "INSERT INTO runs (started_at, seen_at) VALUES (?1, ?1) ON CONFLICT (started_at) DO NOTHING",
                [nanoseconds(now)],
            )?;
            Ok(lasting)
        })
    }

    /// The gateway is looking at `now`, in the run that began then.
    ///
    /// # Errors
    /// It could not be written; the time until the next one that can be will count as unseen if the gateway ends before.
    pub fn seen(&mut self, started_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO runs (started_at, seen_at) VALUES (?1, max(?1, ?2))
                     ON CONFLICT (started_at) DO UPDATE SET seen_at = max(seen_at, ?2)",
                )?
                .execute([nanoseconds(started_at), nanoseconds(now)])
        })?;
        Ok(())
    }
}

/// Writes one stretch: new, or with its end.
pub(super) fn write_span(
    transaction: &rusqlite::Transaction<'_>,
    span: &ConditionSpan,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO conditions (alarm, kind, since, until, device, class, rule, standard)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (alarm, kind, since) DO UPDATE SET until = ?4",
        )?
        .execute(params![
            span.alarm,
            span.kind.name(),
            nanoseconds(span.since),
            span.until.map(nanoseconds),
            span.about.device,
            span.about.class,
            span.about.rule,
            span.about.standard
        ])?;
    Ok(())
}

impl RecordsReader {
    /// The runs that reach into a period, oldest first: each from its start to when it was seen last.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn runs(&self, from: Timestamp, to: Timestamp) -> Result<Vec<(Timestamp, Timestamp)>, StoreError> {
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT started_at, seen_at FROM runs WHERE started_at < ?2 AND seen_at >= ?1 ORDER BY started_at",
                )?
                .query_map([nanoseconds(from), nanoseconds(to)], |row| {
                    Ok((timestamp(row.get(0)?), timestamp(row.get(1)?)))
                })?
                .collect()
        })
    }

    /// What conditions were in a period: every stretch that reaches into it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn conditions(&self, from: Timestamp, to: Timestamp) -> Result<Vec<ConditionSpan>, StoreError> {
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT alarm, kind, since, until, device, class, rule, standard FROM conditions
                     WHERE since < ?2 AND (until IS NULL OR until > ?1)",
                )?
                .query_map([nanoseconds(from), nanoseconds(to)], condition_span)?
                .collect()
        })
    }
}

impl RecordsReader {
    /// The tickets that were there at any time of a period, oldest first, with their steps.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn tickets_between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Ticket>, StoreError> {
        // The index has the opening as text, whose order is that of time but for fractions of one second: a second more is asked for.
        let after = to.saturating_add(SignedDuration::from_secs(1)).unwrap_or(to);
        let tickets: Vec<Ticket> = read_bodies(
            &self.database,
            "SELECT body FROM tickets INDEXED BY tickets_by_opening
             WHERE json_extract(body, '$.opened_at') < ?1 AND (ended_at IS NULL OR ended_at >= ?2) ORDER BY number",
            "a ticket",
            params![after.to_string(), nanoseconds(from)],
        )?;
        tickets
            .into_iter()
            .filter(|ticket| ticket.opened_at < to)
            .map(|ticket| with_its_steps(&self.database, ticket))
            .collect()
    }
}

fn condition_span(row: &Row<'_>) -> rusqlite::Result<ConditionSpan> {
    let kind: String = row.get(1)?;
    Ok(ConditionSpan {
        alarm: row.get(0)?,
        kind: if kind == SpanKind::Active.name() {
            SpanKind::Active
        } else {
            SpanKind::Unknown
        },
        since: timestamp(row.get(2)?),
        until: row.get::<_, Option<i64>>(3)?.map(timestamp),
        about: ConditionOf {
            device: row.get(4)?,
            class: row.get(5)?,
            rule: row.get(6)?,
            standard: row.get(7)?,
        },
    })
}
