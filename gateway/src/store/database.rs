//! Opens an SQLite file and brings its tables up to date by numbered steps.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

/// What a store could not do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite said no.
    #[error("{path}: {source}", path = path.display())]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: rusqlite::Error,
    },
    /// The file was written by a later version of the gateway.
    #[error("{path}: its tables are of version {found}, and this gateway knows {known}: run the newer gateway", path = path.display())]
    TooNew {
        /// Which file.
        path: PathBuf,
        /// What it has.
        found: usize,
        /// What we know.
        known: usize,
    },
    /// The work was given up, since the gateway is stopping.
    #[error("given up: {0}")]
    Stopped(String),
    /// A stored row cannot be read.
    #[error("{path}: {what} cannot be read: {reason}", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What.
        what: String,
        /// Why.
        reason: String,
    },
}

/// How sure a commit is to survive a power cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Durability {
    /// On the disk when the commit returns.
    Full,
    /// In the write-ahead log: a power cut may take the last moments, and never spoils what was there.
    Normal,
}

/// An SQLite file with its path, so that every error names it.
pub(super) struct Database {
    pub(super) connection: Connection,
    path: PathBuf,
}

impl Database {
    /// Opens or creates a file for its one writer, and takes the numbered steps that it lacks.
    pub(super) fn open(path: &Path, durability: Durability, steps: &[&str]) -> Result<Self, StoreError> {
        let database = Self {
            connection: Connection::open(path).map_err(|source| sqlite(path, source))?,
            path: path.to_owned(),
        };
        database
            .prepare(durability)
            .map_err(|source| sqlite(path, source))?;
        database.migrate(steps)?;
        // A group is written once, at its commit: pages spilled before would be read and written again. Not before the steps: one of
        // them may move more than fits in memory.
        database.run(|connection| connection.pragma_update(None, "cache_spill", false))?;
        Ok(database)
    }

    /// Opens an existing file beside its writer.
    pub(super) fn open_reader(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|source| sqlite(path, source))?;
        let database = Self {
            connection,
            path: path.to_owned(),
        };
        database.run(|connection| connection.busy_timeout(Duration::from_secs(5)))?;
        Ok(database)
    }

    /// Opens the file once more beside this one.
    pub(super) fn another_reader(&self) -> Result<Self, StoreError> {
        Self::open_reader(&self.path)
    }

    /// Keeps at most so many KiB of the file's pages in memory, where SQLite would keep 2,000.
    pub(super) fn limit_cache(&self, kib: i64) -> Result<(), StoreError> {
        self.run(|connection| connection.pragma_update(None, "cache_size", -kib))
    }

    /// How much of the file is free: what was removed from it, and is used again before it grows.
    pub(super) fn free_bytes(&self) -> u64 {
        let pragma = |name: &str| {
            self.run(|connection| {
                connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
            })
        };
        let pages = pragma("freelist_count").and_then(|pages| Ok(pages.saturating_mul(pragma("page_size")?)));
        u64::try_from(pages.unwrap_or(0)).unwrap_or(0)
    }

    /// Does something with the connection; an error names the file.
    pub(super) fn run<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        work(&self.connection).map_err(|source| sqlite(&self.path, source))
    }

    /// Reads several times as the file was at one moment, whatever its writer does meanwhile; a look inside a look is part of it.
    pub(super) fn at_one_moment<T, E: From<StoreError>>(
        &self,
        look: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if !self.connection.is_autocommit() {
            return look();
        }
        self.run(|connection| connection.execute_batch("BEGIN"))?;
        let seen = look();
        // SQLite may have ended it already, where the look failed.
        if !self.connection.is_autocommit() {
            self.run(|connection| connection.execute_batch("COMMIT"))?;
        }
        seen
    }

    /// Does something in one transaction, which is undone when it fails.
    pub(super) fn transact<T>(
        &mut self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let path = &self.path;
        let transaction = self
            .connection
            .transaction()
            .map_err(|source| sqlite(path, source))?;
        let done = work(&transaction).map_err(|source| sqlite(path, source))?;
        transaction.commit().map_err(|source| sqlite(path, source))?;
        Ok(done)
    }

    /// A row that cannot be read.
    pub(super) fn unreadable(&self, what: impl Into<String>, reason: impl ToString) -> StoreError {
        StoreError::Unreadable {
            path: self.path.clone(),
            what: what.into(),
            reason: reason.to_string(),
        }
    }

    fn prepare(&self, durability: Durability) -> rusqlite::Result<()> {
        let synchronous = match durability {
            Durability::Full => "FULL",
            Durability::Normal => "NORMAL",
        };
        self.connection.busy_timeout(Duration::from_secs(5))?;
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        self.connection.pragma_update(None, "synchronous", synchronous)?;
        self.connection.pragma_update(None, "foreign_keys", true)
    }

    fn migrate(&self, steps: &[&str]) -> Result<(), StoreError> {
        let version = self
            .run(|connection| connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)))?;
        let found = usize::try_from(version).unwrap_or(0);
        if found > steps.len() {
            return Err(StoreError::TooNew {
                path: self.path.clone(),
                found,
                known: steps.len(),
            });
        }
        let lacking = steps.get(found..).unwrap_or_default();
        // A new file has all of its tables or none, whoever looks at it meanwhile.
        let at_once = if found == 0 { lacking.len().max(1) } else { 1 };
        let mut version = found;
        for steps in lacking.chunks(at_once) {
            version += steps.len();
            let whole = format!(
                "BEGIN IMMEDIATE; {}; PRAGMA user_version = {version}; COMMIT;",
                steps.join("; ")
            );
            self.run(|connection| connection.execute_batch(&whole))?;
        }
        Ok(())
    }
}

/// Whether the file itself is spoiled: trying again will not help.
pub fn is_spoiled(error: &StoreError) -> bool {
    let spoiled = [Some(ErrorCode::DatabaseCorrupt), Some(ErrorCode::NotADatabase)];
    matches!(error, StoreError::Sqlite { source, .. } if spoiled.contains(&source.sqlite_error_code()))
}

/// Whether something was refused for what it is, and not for the disk or for another process: trying again will not help.
pub(super) fn is_refused(error: &StoreError) -> bool {
    let refused = [
        ErrorCode::ConstraintViolation,
        ErrorCode::TypeMismatch,
        ErrorCode::TooBig,
        ErrorCode::Unknown,
    ];
    // No code: a row that is not what it should be.
    matches!(error, StoreError::Sqlite { source, .. } if source.sqlite_error_code().is_none_or(|code| refused.contains(&code)))
}

/// Moves a spoiled file and what belongs to it out of the way; returns where it is now.
///
/// # Errors
/// It cannot be moved.
pub(super) fn move_aside(path: &Path, now: jiff::Timestamp) -> std::io::Result<PathBuf> {
    let named = |seconds| path.with_extension(format!("spoiled-{seconds}.db"));
    let mut seconds = now.as_second();
    // Never over another one, however the clock was set.
    while named(seconds).exists() {
        seconds += 1;
    }
    let aside = named(seconds);
    rename(path, &aside)?;
    Ok(aside)
}

/// Renames a file with its write-ahead log, in which its newest commits are.
pub(super) fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(from, to)?;
    for suffix in ["-wal", "-shm"] {
        match std::fs::rename(beside(from, suffix), beside(to, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// A file that SQLite keeps beside another.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

fn sqlite(path: &Path, source: rusqlite::Error) -> StoreError {
    StoreError::Sqlite {
        path: path.to_owned(),
        source,
    }
}

/// A moment as SQLite keeps it: nanoseconds since 1970, good from the year 1678 to 2262; what is beyond is as far as that goes.
pub(super) fn nanoseconds(at: jiff::Timestamp) -> i64 {
    let nanoseconds = at.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// And back.
pub(super) fn timestamp(nanoseconds: i64) -> jiff::Timestamp {
    const SECOND: i64 = 1_000_000_000;
    let within = i32::try_from(nanoseconds.rem_euclid(SECOND)).unwrap_or(0);
    jiff::Timestamp::new(nanoseconds.div_euclid(SECOND), within).unwrap_or(jiff::Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_moment_before_all_others_stays_before_them() {
        assert_eq!(nanoseconds(Timestamp::MIN), i64::MIN);
        assert_eq!(nanoseconds(Timestamp::MAX), i64::MAX);
        assert_eq!(nanoseconds(Timestamp::UNIX_EPOCH), 0);
    }

    #[test]
    fn a_new_file_has_all_of_its_tables_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.db");
        let steps = ["CREATE TABLE one (a TEXT)", "CREATE TABLE two (a TEXT)", "CREATE"];
        assert!(Database::open(&path, Durability::Full, &steps).is_err());
        let tables = || {
            let reader = Database::open_reader(&path).unwrap();
            let count = "SELECT count(*) FROM sqlite_schema";
            let counted =
                reader.run(|connection| connection.query_row(count, [], |row| row.get::<_, i64>(0)));
            counted.unwrap()
        };
        assert_eq!(tables(), 0);
        Database::open(&path, Durability::Full, &steps[..2]).unwrap();
        assert_eq!(tables(), 2);
    }

    #[test]
    fn a_look_at_one_moment_sees_nothing_that_is_written_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.db");
        let writer = Database::open(&path, Durability::Full, &["CREATE TABLE steps (step TEXT)"]).unwrap();
        let reader = Database::open_reader(&path).unwrap();
        let count = || {
            reader.run(|connection| {
                connection.query_row("SELECT count(*) FROM steps", [], |row| row.get::<_, i64>(0))
            })
        };
        let seen = reader.at_one_moment(|| {
            let before = count()?;
            writer.run(|connection| connection.execute_batch("INSERT INTO steps VALUES ('accepted')"))?;
            let inner = reader.at_one_moment(count)?;
            Ok::<_, StoreError>((before, inner, count()?))
        });
        assert_eq!(seen.unwrap(), (0, 0, 0));
        assert_eq!(count().unwrap(), 1, "it is over");
        let failed = reader.at_one_moment(|| Err::<(), _>(reader.unreadable("a step", "torn")));
        assert!(failed.is_err());
        assert_eq!(
            reader.at_one_moment(count).unwrap(),
            1,
            "a failed look is over, too"
        );
    }
}
