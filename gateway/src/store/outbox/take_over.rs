//! Takes over what can be read of spoiled outboxes, piece by piece, going on after a restart where it was.
//!
//! A spoiled file stands beside the new one as `outbox.spoiled-SECONDS.db` until it was gone through, and as
//! `outbox.taken-over-SECONDS.db` from then on. How far it has come is a row of the new file, written with each piece.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::OutboxWriter;
use super::aside::{left_beside, name, remove_old, to_taken_over};
use super::rows::{Counted, TooOld, as_spoiled, insert};
use crate::store::StoreError;
use crate::store::database::Database;

/// So many bodies of a spoiled file are taken over at a time, …
const PIECE_BODIES: usize = 256;
/// … unless they have so many bytes before, …
const PIECE_BYTES: usize = 4 << 20;
/// … or so many numbers were tried: of a badly spoiled file hardly any can be read.
const PIECE_NUMBERS: i64 = 16_384;
/// No outbox has so many bodies: numbers that far apart are spoiled themselves, and nobody would live to see the end of the way.
const MOST_NUMBERS: i64 = 1 << 24;

/// What became of a spoiled outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Where it is now.
    pub aside: PathBuf,
    /// How many bodies could be read, and are delivered as all others.
    pub bodies: u64,
    /// How many were there and could not.
    pub unreadable: u64,
    /// How many could, and were too old to be delivered: in this run.
    pub too_old: u64,
}

/// A piece of a spoiled outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenOver {
    /// There is more of it.
    Piece,
    /// There is more of it, which waits until the new outbox has room.
    Waits,
    /// It was the last.
    Whole(Recovered),
}

/// A spoiled file that is still to be gone through.
pub(super) struct TakeOver {
    aside: PathBuf,
    way: Option<Way>,
    /// It was moved aside in this run, and has what this run has put.
    of_this_run: bool,
}

/// How far one has come.
struct Way {
    spoiled: Database,
    up_to: i64,
    last: i64,
    bodies: i64,
    unreadable: i64,
    too_old: u64,
}

/// What comes next of a spoiled file.
struct Piece {
    bodies: Vec<Body>,
    /// How far the way has come with it.
    up_to: i64,
    unreadable: i64,
    /// How many bodies are too old, …
    too_old: u64,
    /// … and how many samples are in them.
    lost: u64,
    /// The next has no room.
    waits: bool,
}

/// A body that could be read from a spoiled file.
struct Body {
    at: i64,
    samples: i64,
    bytes: Vec<u8>,
}

impl TakeOver {
    /// One that is moved aside now.
    pub(super) fn of_this_run(aside: PathBuf) -> Self {
        Self {
            aside,
            way: None,
            of_this_run: true,
        }
    }

    /// Those that earlier runs left beside an outbox, oldest first.
    pub(super) fn left_beside(path: &Path) -> Vec<Self> {
        let of_earlier_runs = |aside| Self {
            aside,
            way: None,
            of_this_run: false,
        };
        left_beside(path).into_iter().map(of_earlier_runs).collect()
    }
}

impl Way {
    /// Opens a spoiled file where the new one says that it was left; none if nothing of it can be read.
    fn open(aside: &Path, new: &Database) -> Result<Option<Self>, StoreError> {
        let noted = |connection: &Connection| {
            connection
                .query_row(
                    "SELECT up_to, bodies, unreadable FROM taken_over WHERE file = ?1",
                    params![name(aside)],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .optional()
        };
        let noted = new.run(noted).map_err(as_spoiled)?;
        if !aside.exists() {
            return Ok(None);
        }
        let spoiled = Database::open_reader(aside)?;
        let number = |sql: &str| {
            spoiled.run(|connection| {
                let number = connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
                Ok(number.optional()?.flatten())
            })
        };
        let first = match number("SELECT number FROM bodies ORDER BY number LIMIT 1") {
            Ok(None) => return Ok(None),
            Err(error) if is_for_now(&error) => return Err(error),
            Ok(first) => first,
            // Where the first cannot be read others may.
            Err(_) => number("SELECT min(delivered) + 1 FROM destinations").unwrap_or_default(),
        };
        // The last number that was given is also in a table of SQLite's own.
        let ends = [
            number("SELECT number FROM bodies ORDER BY number DESC LIMIT 1"),
            number("SELECT seq FROM sqlite_sequence WHERE name = 'bodies'"),
        ];
        let Some(last) = ends.into_iter().filter_map(|end| end.ok().flatten()).min() else {
            return Ok(None);
        };
        let before_first = first.unwrap_or(1).max(1) - 1;
        let (up_to, bodies, unreadable) =
            noted.unwrap_or((before_first.max(last.saturating_sub(MOST_NUMBERS)), 0, 0));
        Ok(Some(Self {
            spoiled,
            up_to,
            last,
            bodies,
            unreadable,
            too_old: 0,
        }))
    }

    /// The next bodies that can be read, each by itself, so that one that cannot costs only itself. Those that are too old are left
    /// out, also where there is no room for others: so the file comes to its end.
    fn next_piece(&self, too_old: Option<TooOld>, has_room: bool) -> Piece {
        let mut piece = Piece {
            bodies: Vec::new(),
            up_to: self.up_to,
            unreadable: 0,
            too_old: 0,
            lost: 0,
            waits: false,
        };
        let (mut read_bodies, mut read_bytes) = (0, 0);
        let end = self.last.min(self.up_to.saturating_add(PIECE_NUMBERS));
        while piece.up_to < end && read_bodies < PIECE_BODIES && read_bytes < PIECE_BYTES {
            match self.spoiled.run(|connection| read(connection, piece.up_to + 1)) {
                Ok(Some(body)) => {
                    read_bodies += 1;
                    read_bytes += body.bytes.len();
                    if too_old.is_some_and(|too_old| too_old.has(body.at)) {
                        piece.too_old += 1;
                        piece.lost += u64::try_from(body.samples).unwrap_or(0);
                    } else if has_room {
                        piece.bodies.push(body);
                    } else {
                        piece.waits = true;
                        break;
                    }
                }
                Ok(None) => {}
                Err(_) => piece.unreadable += 1,
            }
            piece.up_to += 1;
        }
        piece
    }

    fn note(&self, transaction: &Transaction<'_>, aside: &Path) -> rusqlite::Result<usize> {
        transaction.execute(
            "INSERT OR REPLACE INTO taken_over (file, up_to, bodies, unreadable) VALUES (?1, ?2, ?3, ?4)",
            params![name(aside), self.up_to, self.bodies, self.unreadable],
        )
    }
}

/// Whether a file cannot be read for a reason that goes by: it is tried again.
fn is_for_now(error: &StoreError) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, OutOfMemory, PermissionDenied};
    let reasons = [CannotOpen, DatabaseBusy, OutOfMemory, PermissionDenied].map(Some);
    matches!(error, StoreError::Sqlite { source, .. } if reasons.contains(&source.sqlite_error_code()))
}

fn read(connection: &Connection, number: i64) -> rusqlite::Result<Option<Body>> {
    connection
        .prepare_cached("SELECT at, samples, body FROM bodies WHERE number = ?1")?
        .query_row(params![number], |row| {
            Ok(Body {
                at: row.get(0)?,
                samples: row.get(1)?,
                bytes: row.get(2)?,
            })
        })
        .optional()
}

impl OutboxWriter {
    /// Whether spoiled files are still to be gone through.
    pub fn has_spoiled(&self) -> bool {
        !self.spoiled.is_empty()
    }

    /// Takes over the next piece of the oldest spoiled file: some hundred bodies, which get new numbers, since those that came meanwhile
    /// may have theirs. Without room only what is too old is gone through. `None` if there is nothing to take over.
    ///
    /// # Errors
    /// The new file cannot be written: the piece is still to be taken over.
    pub fn take_over(
        &mut self,
        too_old: Option<TooOld>,
        has_room: bool,
    ) -> Result<Option<TakenOver>, StoreError> {
        self.begin_where_lost()?;
        let Some(TakeOver {
            aside,
            way,
            of_this_run,
        }) = self.spoiled.front_mut()
        else {
            return Ok(None);
        };
        let too_old = too_old.filter(|too_old| too_old.of_this_run || !*of_this_run);
        if way.is_none() {
            *way = Way::open(aside, &self.database)?;
        }
        if let Some(way) = way
            && way.up_to < way.last
        {
            let piece = way.next_piece(too_old, has_room);
            let before = (way.up_to, way.bodies, way.unreadable);
            way.up_to = piece.up_to;
            way.bodies += i64::try_from(piece.bodies.len()).unwrap_or(i64::MAX);
            way.unreadable += piece.unreadable;
            let newest = self.newest;
            let put = self.database.transact(|transaction| {
                way.note(transaction, aside)?;
                piece.bodies.iter().try_fold(newest, |newest, body| {
                    let counted = newest.and(body.samples, &body.bytes);
                    let number = insert(transaction, body.at, counted, body.samples, &body.bytes)?;
                    Ok(Counted { number, ..counted })
                })
            });
            match put {
                Ok(newest) => self.newest = newest,
                Err(error) => {
                    (way.up_to, way.bodies, way.unreadable) = before;
                    return Err(as_spoiled(error));
                }
            }
            way.too_old += piece.too_old;
            self.lost_of_spoiled += piece.lost;
            if way.up_to < way.last {
                let comes = if piece.waits {
                    TakenOver::Waits
                } else {
                    TakenOver::Piece
                };
                return Ok(Some(comes));
            }
        }
        let too_old = way.as_ref().map_or(0, |way| way.too_old);
        let count = |number: fn(&Way) -> i64| way.as_ref().map_or(0, |way| number(way).unsigned_abs());
        let (bodies, unreadable) = (count(|way| way.bodies), count(|way| way.unreadable));
        let aside = aside.clone();
        self.spoiled.pop_front();
        let aside = self.done_with(&aside);
        Ok(Some(TakenOver::Whole(Recovered {
            aside,
            bodies,
            unreadable,
            too_old,
        })))
    }

    /// How many samples of spoiled files were too old to be delivered; told once.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost_of_spoiled)
    }

    /// Marks a file as gone through, by its name, and removes those that were long ago; returns where it is now.
    fn done_with(&mut self, aside: &Path) -> PathBuf {
        let done = match to_taken_over(aside) {
            Ok(done) => done,
            Err(error) => {
                tracing::warn!(%error, aside = %aside.display(), "a spoiled outbox was taken over, and cannot be renamed");
                // Its row stays, and the next start finds that nothing is left to do.
                return aside.to_owned();
            }
        };
        let forgotten = self.database.run(|connection| {
            connection.execute("DELETE FROM taken_over WHERE file = ?1", params![name(aside)])
        });
        if let Err(error) = forgotten {
            tracing::debug!(%error, "the row of an outbox that was taken over stays");
        }
        remove_old(&self.path);
        done
    }
}
