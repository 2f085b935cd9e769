//! The journal in `records.db`: appended in the change's own transaction, and followed from its first record to its last.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Transaction, params};

use super::StoreError;
use super::journal_rows::LeftRows;
use super::records::RecordsReader;
use crate::desk::ticket_digest;
use crate::journal::{Break, Entry, Follower, Hash, Head, Record};

/// So many tickets are compared at once.
const TICKETS_AT_ONCE: usize = 1_000;

/// What following the journal came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Where the chain ends.
    pub head: Head,
    /// How many tickets are as their last records left them.
    pub tickets: u64,
    /// The files that belong to tickets and devices.
    pub files: Vec<KeptFile>,
    /// Which record had the head that was kept elsewhere.
    pub kept_at: Option<u64>,
}

/// A file that a ticket or a device's record names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFile {
    /// The ticket, or the device.
    pub of: String,
    /// What it is called.
    pub name: String,
    /// Of its bytes.
    pub sha256: String,
}

/// Why the journal could not be shown to be whole.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is broken.
    #[error(transparent)]
    Broken(#[from] Break),
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Appends entries; they are in the journal once the transaction is.
pub(super) fn append(transaction: &Transaction<'_>, entries: &[Entry]) -> rusqlite::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut head = head(transaction)?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO journal (number, at, kind, subject, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for entry in entries {
        let record = Record::after(head, entry);
        insert.execute(params![
            i64::try_from(record.number).unwrap_or(i64::MAX),
            record.at_nanoseconds,
            record.kind,
            record.subject,
            record.body,
            record.hash.0
        ])?;
        head = record.head();
    }
    Ok(())
}

/// Where the chain ends.
pub(super) fn head(connection: &rusqlite::Connection) -> rusqlite::Result<Head> {
    let last = connection
        .prepare_cached("SELECT number, hash FROM journal ORDER BY number DESC LIMIT 1")?
        .query_row([], |row| {
            Ok(Head {
                records: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
                hash: Hash(row.get(1)?),
            })
        })
        .optional()?;
    Ok(last.unwrap_or_default())
}

impl RecordsReader {
    /// Where the journal ends.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn journal_head(&self) -> Result<Head, StoreError> {
        self.database.run(head)
    }

    /// Follows the whole journal, then compares every ticket with what its last record says of it. `wanted` is a head that was
    /// kept elsewhere.
    ///
    /// # Errors
    /// The first record at which it is broken, or that the file cannot be read.
    pub fn verify_journal(&self, wanted: Option<Hash>) -> Result<Verified, VerifyError> {
        // What a running gateway writes meanwhile is not half seen.
        self.database.at_one_moment(|| self.follow(wanted))
    }

    fn follow(&self, wanted: Option<Hash>) -> Result<Verified, VerifyError> {
        let mut follower = Follower::new(wanted);
        let mut left_rows = LeftRows::default();
        let mut left_as: HashMap<String, (u64, String)> = HashMap::new();
        let followed = self.database.run(|connection| {
            let mut statement = connection
                .prepare("SELECT number, at, kind, subject, body, hash FROM journal ORDER BY number")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let record = match record_of(row) {
                    Ok(record) => record,
                    Err(reason) => {
                        let number = follower.next_number();
                        let reason = reason.to_string();
                        return Ok(Err(Break::Unreadable { number, reason }));
                    }
                };
                if let Err(broken) = follower.follow(&record) {
                    return Ok(Err(broken));
                }
                left_rows.note(&record);
                if let Some(digest) = digest_in(&record) {
                    left_as.insert(record.subject, (record.number, digest));
                }
            }
            Ok(Ok(()))
        })?;
        followed?;
        let (head, kept_at) = follower.end()?;
        let (tickets, mut files) = self.compare(left_as)?;
        left_rows.compare(&self.database)??;
        files.extend(self.documents()?);
        Ok(Verified {
            head,
            tickets,
            files,
            kept_at,
        })
    }

    /// Compares the tickets with what their last records left; how many there are, and their files.
    fn compare(
        &self,
        mut left_as: HashMap<String, (u64, String)>,
    ) -> Result<(u64, Vec<KeptFile>), VerifyError> {
        let mut count = 0;
        let mut kept = Vec::new();
        let mut before = None;
        loop {
            let page = self.tickets(before, TICKETS_AT_ONCE)?;
            let Some(last) = page.last().map(|ticket| ticket.number) else {
                break;
            };
            before = Some(last);
            for ticket in page {
                let Some((number, digest)) = left_as.remove(&ticket.id) else {
                    return Err(Break::TicketUnknown { ticket: ticket.id }.into());
                };
                if ticket_digest(&ticket).to_string() != digest {
                    let ticket = ticket.id;
                    return Err(Break::Ticket { ticket, number }.into());
                }
                count += 1;
                let files = ticket.attachments.into_iter();
                kept.extend(files.map(|file| KeptFile {
                    of: ticket.id.clone(),
                    name: file.name,
                    sha256: file.sha256,
                }));
            }
        }
        match left_as.into_iter().min_by_key(|(_, (number, _))| *number) {
            None => Ok((count, kept)),
            Some((ticket, (number, _))) => Err(Break::TicketGone { ticket, number }.into()),
        }
    }
}

fn record_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        number: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
        at_nanoseconds: row.get(1)?,
        kind: row.get(2)?,
        subject: row.get(3)?,
        body: row.get(4)?,
        hash: Hash(row.get(5)?),
    })
}

/// The digest of a ticket that a record left.
fn digest_in(record: &Record) -> Option<String> {
    if !record.kind.starts_with("ticket.") {
        return None;
    }
    let body: serde_json::Value = serde_json::from_str(&record.body).ok()?;
    Some(body.get("ticket_sha256")?.as_str()?.to_owned())
}
