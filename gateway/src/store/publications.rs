//! What is to be published over MQTT and what the broker has of it: a row a topic, counted up in the same transaction as the change.
//!
//! The newest version of a topic wins, so there are never more rows than topics. What a topic says is not kept here: it follows from
//! the alarm or the ticket itself.

use rusqlite::{Transaction, params};

use super::StoreError;
use super::records::{Records, RecordsReader};
use crate::alarms::{Alarm, AlarmState};
use crate::desk::Change;
use crate::publish::Names;

/// A topic of which a broker may be keeping a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRow {
    /// Which.
    pub topic: String,
    /// Counts up with each change.
    pub version: i64,
    /// The version that the broker has acknowledged; none yet, or of an earlier time.
    pub taken: Option<i64>,
}

/// What the broker has acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenTopic {
    /// Which topic.
    pub topic: String,
    /// Which version of it.
    pub version: i64,
    /// Whether it was that nothing is kept there any more.
    pub is_gone: bool,
}

/// That changes are to be published.
pub(super) struct Publications {
    names: Names,
    next_version: i64,
}

impl Records {
    /// From now on every change of an alarm or a ticket is to be published, and with it `topics` and what there is already.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn publish_as(&mut self, names: Names, topics: &[String]) -> Result<(), StoreError> {
        let alarms: Vec<Alarm> = self.rows("SELECT body FROM alarms", "an alarm", [])?;
        let shown = alarms.iter().filter(|alarm| alarm.state() != AlarmState::Normal);
        let tickets: Vec<String> = self.database.run(|connection| {
            connection
                .prepare("SELECT id FROM tickets WHERE ended_at IS NULL")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        let newest: Option<i64> = self.database.run(|connection| {
            connection.query_row("SELECT max(version) FROM publications", [], |row| row.get(0))
        })?;
        let version = newest.unwrap_or(0) + 1;
        let topics = topics
            .iter()
            .cloned()
            .chain(shown.map(|alarm| names.alarm(&alarm.id)))
            .chain(tickets.iter().map(|ticket| names.ticket(ticket)));
        self.database.transact(|transaction| {
            for topic in topics {
                transaction
                    .prepare_cached(
                        "INSERT INTO publications (topic, version) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![topic, version])?;
            }
            Ok(())
        })?;
        self.publications = Some(Publications {
            names,
            next_version: version + 1,
        });
        Ok(())
    }

    /// Takes note of what the broker has acknowledged; a newer version of a topic goes on waiting.
    ///
    /// # Errors
    /// It could not be written; then it is published again, which does no harm.
    pub fn topics_taken(&mut self, taken: &[TakenTopic]) -> Result<(), StoreError> {
        self.database.transact(|transaction| {
            for taken in taken {
                let sql = if taken.is_gone {
                    "DELETE FROM publications WHERE topic = ?1 AND version = ?2"
                } else {
                    "UPDATE publications SET taken = ?2 WHERE topic = ?1"
                };
                transaction
                    .prepare_cached(sql)?
                    .execute(params![taken.topic, taken.version])?;
            }
            Ok(())
        })
    }
}

impl Publications {
    /// Counts up what a change is about. An alarm that is normal, or a ticket that has ended, is only said of a topic that a broker
    /// may have: then it is taken away there.
    pub(super) fn mark(&mut self, transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<()> {
        let version = self.next_version;
        self.next_version += 1;
        let mark = |topic: String, is_shown: bool| {
            let sql = if is_shown {
                "INSERT INTO publications (topic, version) VALUES (?1, ?2)
                 ON CONFLICT (topic) DO UPDATE SET version = ?2"
            } else {
                "UPDATE publications SET version = ?2 WHERE topic = ?1"
            };
            transaction
                .prepare_cached(sql)?
                .execute(params![topic, version])
                .map(drop)
        };
        for (alarm, _) in change.alarms.iter().filter(|(_, is_kept)| *is_kept) {
            mark(self.names.alarm(&alarm.id), alarm.state() != AlarmState::Normal)?;
        }
        for ticket in &change.tickets {
            mark(self.names.ticket(&ticket.id), !ticket.state.is_ended())?;
        }
        Ok(())
    }
}

impl RecordsReader {
    /// Every topic, in their order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn topics(&self) -> Result<Vec<TopicRow>, StoreError> {
        self.topic_rows("SELECT topic, version, taken FROM publications ORDER BY topic")
    }

    /// The topics whose newest version no broker has acknowledged.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn topics_waiting(&self) -> Result<Vec<TopicRow>, StoreError> {
        self.topic_rows("SELECT topic, version, taken FROM publications WHERE taken IS NOT version")
    }

    /// How many tickets have not ended.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open_tickets(&self) -> Result<u64, StoreError> {
        let count: i64 = self.database.run(|connection| {
            connection
                .prepare_cached("SELECT count(*) FROM tickets WHERE ended_at IS NULL")?
                .query_row([], |row| row.get(0))
        })?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    fn topic_rows(&self, sql: &str) -> Result<Vec<TopicRow>, StoreError> {
        self.database.run(|connection| {
            connection
                .prepare_cached(sql)?
                .query_map([], |row| {
                    Ok(TopicRow {
                        topic: row.get(0)?,
                        version: row.get(1)?,
                        taken: row.get(2)?,
                    })
                })?
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::report::testing::{acts, opened};
    use crate::tickets::{Action, Ticket, Witness};

    fn names() -> Names {
        Names::new("facility/yard", None)
    }

    fn commit(records: &mut Records, ticket: &Ticket) {
        let change = Change {
            tickets: vec![Arc::new(ticket.clone())],
            ..Change::default()
        };
        records.commit(&change).unwrap();
    }

    fn waiting(records: &Records) -> Vec<(String, i64)> {
        let rows = records.reader().unwrap().topics_waiting().unwrap();
        rows.into_iter().map(|row| (row.topic, row.version)).collect()
    }

    fn taken(topic: &str, version: i64, is_gone: bool) -> Vec<TakenTopic> {
        vec![TakenTopic {
            topic: topic.to_owned(),
            version,
            is_gone,
        }]
    }

    #[test]
    fn a_change_waits_until_the_broker_has_taken_exactly_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        records.publish_as(names(), &[]).unwrap();
        let mut ticket = opened(1, 0);
        let topic = names().ticket(&ticket.id);
        commit(&mut records, &ticket);
        let first = waiting(&records);
        assert_eq!(first.len(), 1);
        acts(&mut ticket, Action::Accept, "Li", Witness::Active, 10);
        commit(&mut records, &ticket);
        let second = waiting(&records);
        assert!(second[0].1 > first[0].1);

        records.topics_taken(&taken(&topic, first[0].1, false)).unwrap();
        assert_eq!(waiting(&records), second, "the older version is not the newest");
        records.topics_taken(&taken(&topic, second[0].1, false)).unwrap();
        assert_eq!(waiting(&records), []);
        assert_eq!(records.reader().unwrap().topics().unwrap().len(), 1);
    }

    #[test]
    fn a_ticket_that_has_ended_is_forgotten_once_its_removal_is_taken_and_not_said_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        records.publish_as(names(), &[]).unwrap();
        let mut ticket = opened(1, 0);
        let topic = names().ticket(&ticket.id);
        commit(&mut records, &ticket);
        let reason = "a drill".to_owned();
        acts(&mut ticket, Action::Cancel { reason }, "Li", Witness::Active, 10);
        commit(&mut records, &ticket);
        let last = waiting(&records);
        records.topics_taken(&taken(&topic, last[0].1 - 1, true)).unwrap();
        assert_eq!(waiting(&records), last, "an older removal removes nothing");
        records.topics_taken(&taken(&topic, last[0].1, true)).unwrap();
        assert_eq!(records.reader().unwrap().topics().unwrap(), []);
        commit(&mut records, &ticket);
        assert_eq!(waiting(&records), []);
    }

    #[test]
    fn what_was_there_before_a_site_began_to_publish_waits_too_and_versions_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        let ticket = opened(1, 0);
        commit(&mut records, &ticket);
        assert_eq!(waiting(&records), []);
        let status = "facility/yard/status".to_owned();
        records
            .publish_as(names(), std::slice::from_ref(&status))
            .unwrap();
        let topics =
            |records: &Records| -> Vec<_> { waiting(records).into_iter().map(|(topic, _)| topic).collect() };
        assert_eq!(topics(&records), [status, names().ticket(&ticket.id)]);
        let before = waiting(&records);
        drop(records);
        let mut records = Records::open(folder.path()).unwrap();
        records.publish_as(names(), &[]).unwrap();
        assert_eq!(waiting(&records), before, "what waited goes on waiting");
        commit(&mut records, &ticket);
        assert!(waiting(&records)[1].1 > before[1].1);
    }
}
