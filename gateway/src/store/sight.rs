//! What reports are worked out from, in `records.db`: when the gateway was looking, what each condition was, a period's tickets.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::StoreError;
use super::database::{nanoseconds, timestamp};
use super::records::{Records, RecordsReader, read_bodies, with_its_steps};
use crate::alarms::{ConditionOf, ConditionSpan, SpanKind};
use crate::tickets::Ticket;

/// A stretch that is longer has an index of its own; the same number of nanoseconds stands in `records_6.sql` and in the query.
const LONG: SignedDuration = SignedDuration::from_hours(24 * 35);

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
        self.database.transact(|transaction| {
            let seen = last_seen(transaction)?.unwrap_or_else(|| nanoseconds(now));
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
            transaction.execute(
                "INSERT INTO runs (started_at, seen_at) VALUES (?1, ?1) ON CONFLICT (started_at) DO NOTHING",
                [nanoseconds(now)],
            )?;
            note_seen(transaction, now)?;
            Ok(lasting)
        })
    }

    /// The gateway is looking at `now`, in the run that began then.
    ///
    /// # Errors
    /// It could not be written; the time until the next one that can be will count as unseen if the gateway ends before.
    pub fn seen(&mut self, started_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        self.database.transact(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO runs (started_at, seen_at) VALUES (?1, max(?1, ?2))
                     ON CONFLICT (started_at) DO UPDATE SET seen_at = max(seen_at, ?2)",
                )?
                .execute([nanoseconds(started_at), nanoseconds(now)])?;
            note_seen(transaction, now)
        })
    }

    /// When the gateway was looking last, as its clock had it then; none before the first time.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn last_seen(&self) -> Result<Option<Timestamp>, StoreError> {
        let seen = self.database.run(last_seen)?;
        Ok(seen.map(timestamp))
    }
}

fn last_seen(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection
        .query_row("SELECT at FROM last_seen", [], |row| row.get(0))
        .optional()
}

fn note_seen(transaction: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO last_seen (one, at) VALUES (0, ?1)")?
        .execute([nanoseconds(now)])?;
    Ok(())
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
        let before = from.saturating_sub(LONG).unwrap_or(Timestamp::MIN);
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT alarm, kind, since, until, device, class, rule, standard FROM conditions INDEXED BY conditions_by_begin
                     WHERE since >= ?3 AND since < ?2 AND until > ?1
                     UNION ALL
                     SELECT alarm, kind, since, until, device, class, rule, standard FROM conditions INDEXED BY long_conditions
                     WHERE until - since > 3024000000000000 AND until > ?1 AND since < ?3
                     UNION ALL
                     SELECT alarm, kind, since, until, device, class, rule, standard FROM conditions INDEXED BY conditions_by_end
                     WHERE until IS NULL AND since < ?2",
                )?
                .query_map(
                    [nanoseconds(from), nanoseconds(to), nanoseconds(before)],
                    condition_span,
                )?
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
        self.database.at_one_moment(|| {
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
        })
    }
}

impl RecordsReader {
    /// A device's tickets, newest first, with their steps.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn tickets_of_device(&self, device: &str, limit: usize) -> Result<Vec<Ticket>, StoreError> {
        self.database.at_one_moment(|| {
            let tickets: Vec<Ticket> = read_bodies(
                &self.database,
                "SELECT body FROM tickets WHERE device = ?1 ORDER BY number DESC LIMIT ?2",
                "a ticket",
                params![device, i64::try_from(limit).unwrap_or(i64::MAX)],
            )?;
            tickets
                .into_iter()
                .map(|ticket| with_its_steps(&self.database, ticket))
                .collect()
        })
    }

    /// What a device's conditions were, as far back as they are kept.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn conditions_of_device(&self, device: &str) -> Result<Vec<ConditionSpan>, StoreError> {
        // An alarm's id begins with its device's and a dot, and `/` is the character after it.
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT alarm, kind, since, until, device, class, rule, standard FROM conditions
                     WHERE alarm >= ?1 || '.' AND alarm < ?1 || '/'",
                )?
                .query_map([device], condition_span)?
                .collect()
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Change;
    use crate::report::testing::{acts, at, opened};
    use crate::tickets::{Action, Witness};
    use std::sync::Arc;

    fn span(rule: &str, kind: SpanKind, since: i64, until: Option<i64>) -> ConditionSpan {
        ConditionSpan {
            alarm: format!("fire-main-1.{rule}"),
            about: ConditionOf {
                device: "fire-main-1".into(),
                class: "fire_water".into(),
                rule: rule.into(),
                standard: "fire-water".into(),
            },
            kind,
            since: at(since),
            until: until.map(at),
        }
    }

    fn write(records: &mut Records, spans: Vec<ConditionSpan>) {
        let change = Change {
            spans,
            ..Change::default()
        };
        records.commit(&change).unwrap();
    }

    fn shown(spans: Vec<ConditionSpan>) -> Vec<String> {
        let second = |moment: Timestamp| moment.duration_since(at(0)).as_secs();
        let mut shown: Vec<_> = spans
            .into_iter()
            .map(|span| {
                let until = span
                    .until
                    .map_or("…".to_owned(), |until| second(until).to_string());
                format!(
                    "{} {} {}..{until}",
                    span.about.rule,
                    span.kind.name(),
                    second(span.since)
                )
            })
            .collect();
        shown.sort();
        shown
    }

    #[test]
    fn after_a_power_cut_what_nobody_knew_ends_where_the_gateway_was_seen_last() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        records.begin_run(at(0), |_| true).unwrap();
        write(
            &mut records,
            vec![
                span("low", SpanKind::Active, 10, None),
                span("gone", SpanKind::Active, 20, None),
                span("silent", SpanKind::Unknown, 30, None),
                span("brief", SpanKind::Unknown, 30, None),
            ],
        );
        write(&mut records, vec![span("brief", SpanKind::Unknown, 30, Some(40))]);
        records.seen(at(0), at(60)).unwrap();

        let lasting = records
            .begin_run(at(500), |alarm| alarm == "fire-main-1.low")
            .unwrap();
        assert_eq!(shown(lasting), ["low active 10..…"]);
        let reader = records.reader().unwrap();
        assert_eq!(
            shown(reader.conditions(at(0), at(1_000)).unwrap()),
            [
                "brief unknown 30..40",
                "gone active 20..60",
                "low active 10..…",
                "silent unknown 30..60"
            ]
        );
        assert_eq!(shown(reader.conditions(at(50), at(55)).unwrap()).len(), 3);
        assert_eq!(
            shown(reader.conditions_of_device("fire-main-1").unwrap()).len(),
            4
        );
        assert_eq!(reader.conditions_of_device("fire-main").unwrap(), []);
        assert_eq!(
            reader.runs(at(0), at(1_000)).unwrap(),
            [(at(0), at(60)), (at(500), at(500))]
        );
        assert_eq!(reader.runs(at(70), at(100)).unwrap(), []);
    }

    #[test]
    fn a_period_has_every_stretch_that_reaches_into_it_however_long_and_each_once() {
        const DAY: i64 = 86_400;
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        // Around the 35 days from which on a stretch is long, and around the period's ends.
        let mut spans = Vec::new();
        for length in [1, 34, 35, 36, 70, 400] {
            for end in [-1, 0, 1, 15, 31, 32] {
                let name = format!("{length}-{end}");
                spans.push(span(
                    &name,
                    SpanKind::Active,
                    (end - length) * DAY,
                    Some(end * DAY),
                ));
            }
        }
        spans.push(span("lasts", SpanKind::Active, -500 * DAY, None));
        spans.push(span("begins", SpanKind::Active, 31 * DAY, None));
        write(&mut records, spans.clone());
        let (from, to) = (at(0), at(31 * DAY));
        let reaches = |span: &ConditionSpan| span.since < to && span.until.is_none_or(|until| until > from);
        let wanted: Vec<_> = spans.into_iter().filter(reaches).collect();
        let found = records.reader().unwrap().conditions(from, to).unwrap();
        assert_eq!(shown(found), shown(wanted));
    }

    #[test]
    fn a_beat_never_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        records.begin_run(at(0), |_| true).unwrap();
        records.seen(at(0), at(60)).unwrap();
        records.seen(at(0), at(30)).unwrap();
        assert_eq!(
            records.reader().unwrap().runs(at(0), at(99)).unwrap(),
            [(at(0), at(60))]
        );
    }

    #[test]
    fn a_period_has_the_tickets_that_were_there_at_any_time_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        let mut over = opened(1, 0);
        let reason = "a drill".to_owned();
        acts(&mut over, Action::Cancel { reason }, "Li", Witness::Active, 10);
        let (mut open, mut later) = (opened(2, 0), opened(3, 1_000));
        (open.alarm, later.alarm) = (None, None);
        let tickets = [over, open, later].map(Arc::new).to_vec();
        let change = Change {
            tickets,
            ..Change::default()
        };
        records.commit(&change).unwrap();
        let reader = records.reader().unwrap();
        let numbers = |from, to| {
            let found = reader.tickets_between(at(from), at(to)).unwrap();
            assert!(found.iter().all(|ticket| !ticket.steps.is_empty()));
            found.into_iter().map(|ticket| ticket.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(-100, 5), [1, 2]);
        assert_eq!(numbers(50, 1_000), [2]);
        assert_eq!(numbers(50, 1_001), [2, 3]);
        assert_eq!(numbers(-100, 0), Vec::<u64>::new());
    }

    #[test]
    fn a_run_whose_clock_was_years_ahead_is_not_when_the_gateway_was_looking_last() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        assert_eq!(records.last_seen().unwrap(), None);
        let ahead = 10 * 366 * 86_400;
        records.begin_run(at(ahead), |_| true).unwrap();
        records.seen(at(ahead), at(ahead + 30)).unwrap();
        assert_eq!(records.last_seen().unwrap(), Some(at(ahead + 30)));
        records.seen(at(0), at(30)).unwrap();
        assert_eq!(records.last_seen().unwrap(), Some(at(30)));
    }
}
