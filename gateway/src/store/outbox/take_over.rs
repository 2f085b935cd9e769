//! Takes over what can be read of a spoiled `outbox.db`.

use std::path::Path;

use rusqlite::params;

use super::{Counted, OutboxWriter, insert};
use crate::store::StoreError;
use crate::store::database::Database;

/// So many bodies of a spoiled file are taken over in one transaction.
const TAKEN_OVER_AT_ONCE: usize = 256;

/// A body that could be read from a spoiled file.
struct Spoiled {
    number: i64,
    at: i64,
    samples: i64,
    body: Vec<u8>,
}

impl Spoiled {
    fn read(spoiled: &Database, number: i64) -> Option<Self> {
        let read = spoiled.run(|connection| {
            connection
                .prepare_cached("SELECT at, samples, body FROM bodies WHERE number = ?1")?
                .query_row(params![number], |row| {
                    Ok(Self {
                        number,
                        at: row.get(0)?,
                        samples: row.get(1)?,
                        body: row.get(2)?,
                    })
                })
        });
        read.ok()
    }
}

impl OutboxWriter {
    /// Takes over the bodies of a spoiled file, each read by itself, so that one that cannot be read costs only itself; returns how
    /// many. Where the new file cannot be written any more the rest stays in the old one.
    pub(super) fn take_over(&mut self, aside: &Path) -> u64 {
        let Ok(spoiled) = Database::open_reader(aside) else {
            return 0;
        };
        let end = |which: &str| {
            let sql = format!("SELECT number FROM bodies ORDER BY number {which} LIMIT 1");
            spoiled.run(|connection| connection.query_row(&sql, [], |row| row.get::<_, i64>(0)))
        };
        let Ok(first) = end("ASC") else { return 0 };
        // Where the last number cannot be read, the one that was given last is in a table of SQLite's own.
        let given = || {
            let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'bodies'";
            spoiled.run(|connection| connection.query_row(sql, [], |row| row.get::<_, i64>(0)))
        };
        // A number beyond that one is itself spoiled, and nobody would live to see the end of the way to it.
        let last = match (end("DESC"), given()) {
            (Ok(last), Ok(given)) => last.min(given),
            (Ok(last), Err(_)) | (Err(_), Ok(last)) => last,
            (Err(_), Err(_)) => return 0,
        };
        let mut taken = 0;
        let mut numbers = (first..=last).peekable();
        while numbers.peek().is_some() {
            let piece: Vec<Spoiled> = numbers
                .by_ref()
                .filter_map(|number| Spoiled::read(&spoiled, number))
                .take(TAKEN_OVER_AT_ONCE)
                .collect();
            if let Err(error) = self.take_piece(&piece) {
                tracing::error!(%error, aside = %aside.display(), "the rest of the spoiled outbox stays there");
                break;
            }
            taken += piece.len() as u64;
        }
        taken
    }

    fn take_piece(&mut self, piece: &[Spoiled]) -> Result<(), StoreError> {
        let begin = self.newest;
        self.newest = self.database.transact(|transaction| {
            let mut newest = begin;
            for Spoiled {
                number,
                at,
                samples,
                body,
            } in piece
            {
                let counted = newest.and(*samples, body);
                insert(transaction, Some(*number), *at, counted, *samples, body)?;
                newest = Counted {
                    number: *number,
                    ..counted
                };
            }
            Ok(newest)
        })?;
        Ok(())
    }
}
