//! The journal: what happened, in records that are chained by hash, so that nothing can be changed or removed unseen.
//!
//! Pure: records are linked and followed here; the store keeps them. A record's hash is SHA-256 over the hash before it, its number,
//! its time in nanoseconds (both as eight bytes, highest first), and its kind, subject and body, each after its length. The first
//! record follows a hash of zeros. Whoever keeps the head elsewhere (it is printed on reports) sees a cut-off end, too.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// What is to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When it happened.
    pub at: Timestamp,
    /// What: `ticket.accepted`, `alarm.active_unacked`, `alarm.acknowledge`, …
    pub kind: String,
    /// About which ticket, alarm or thing.
    pub subject: String,
    /// More of it.
    pub body: Value,
}

impl Entry {
    /// Something that happened.
    pub fn new(at: Timestamp, kind: impl Into<String>, subject: impl Into<String>, body: Value) -> Self {
        Self {
            at,
            kind: kind.into(),
            subject: subject.into(),
            body,
        }
    }
}

/// SHA-256 of something.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Of plain bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Hash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no hash: it has 64 digits, 0 to 9 and a to f");
        let mut hash = Self::default();
        if text.len() != 64 {
            return Err(wrong());
        }
        for (byte, digits) in hash.0.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(hash)
    }
}

/// Where the chain ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// How many records there are; also the number of the last.
    pub records: u64,
    /// Its hash; zeros before the first.
    pub hash: Hash,
}

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// From 1, without a gap.
    pub number: u64,
    /// When it happened, in nanoseconds since 1970.
    pub at_nanoseconds: i64,
    /// What.
    pub kind: String,
    /// About what.
    pub subject: String,
    /// Canonical JSON.
    pub body: String,
    /// The chain's hash up to it.
    pub hash: Hash,
}

impl Record {
    /// The record that follows `head`.
    pub fn after(head: Head, entry: &Entry) -> Self {
        let mut record = Self {
            number: head.records.saturating_add(1),
            at_nanoseconds: i64::try_from(entry.at.as_nanosecond()).unwrap_or(i64::MAX),
            kind: entry.kind.clone(),
            subject: entry.subject.clone(),
            body: canonical(&entry.body),
            hash: Hash::default(),
        };
        record.hash = record.linked(head.hash);
        record
    }

    /// Where the chain ends with it.
    pub fn head(&self) -> Head {
        Head {
            records: self.number,
            hash: self.hash,
        }
    }

    fn linked(&self, before: Hash) -> Hash {
        let mut hash = Sha256::new();
        hash.update(before.0);
        hash.update(self.number.to_be_bytes());
        hash.update(self.at_nanoseconds.to_be_bytes());
        for field in [&self.kind, &self.subject, &self.body] {
            // The length stands before each, so that no byte can move from one field into the next.
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field.as_bytes());
        }
        Hash(hash.finalize().into())
    }
}

/// Where the chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// A number is missing.
    #[error("record {expected} is missing: after record {before} comes record {found}", before = expected - 1)]
    Missing {
        /// The number that should have come.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// A record does not follow from the one before it.
    #[error(
        "record {number} was changed: its hash does not follow from what it says and from the record before it"
    )]
    Changed {
        /// Which.
        number: u64,
    },
    /// A record cannot even be read.
    #[error("record {number} was changed: {reason}")]
    Unreadable {
        /// Which.
        number: u64,
        /// Why.
        reason: String,
    },
    /// What was kept elsewhere as the head is in no record.
    #[error(
        "no record has the hash {hash}, although it was the journal's head once: its end was cut off, or all of it was written anew"
    )]
    HeadGone {
        /// The hash that was kept.
        hash: Hash,
    },
    /// A ticket is not as its last record left it.
    #[error("ticket {ticket} was changed behind the journal: it is not as record {number} left it")]
    Ticket {
        /// Which.
        ticket: String,
        /// Its last record.
        number: u64,
    },
    /// A ticket that the journal speaks of is gone.
    #[error("ticket {ticket} was removed: record {number} speaks of it")]
    TicketGone {
        /// Which.
        ticket: String,
        /// Its last record.
        number: u64,
    },
    /// Something that a person wrote down is gone, or not as its record left it.
    #[error("{what} was changed or removed behind the journal: it is not as record {number} left it")]
    Row {
        /// What: `handover 3`.
        what: String,
        /// Its record.
        number: u64,
    },
    /// Something that the journal does not know.
    #[error("{what} was put in behind the journal: no record speaks of it")]
    RowUnknown {
        /// What.
        what: String,
    },
    /// A ticket that the journal does not know.
    #[error("ticket {ticket} was put in behind the journal: no record speaks of it")]
    TicketUnknown {
        /// Which.
        ticket: String,
    },
}

/// Follows the chain, record by record.
#[derive(Clone, Debug, Default)]
pub struct Follower {
    head: Head,
    wanted: Option<Hash>,
    wanted_at: Option<u64>,
}

impl Follower {
    /// From the beginning; `wanted` is a head that was kept elsewhere.
    pub fn new(wanted: Option<Hash>) -> Self {
        Self {
            head: Head::default(),
            wanted,
            wanted_at: None,
        }
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// It does not follow.
    pub fn follow(&mut self, record: &Record) -> Result<(), Break> {
        let expected = self.head.records + 1;
        if record.number != expected {
            return Err(Break::Missing {
                expected,
                found: record.number,
            });
        }
        if record.linked(self.head.hash) != record.hash {
            return Err(Break::Changed {
                number: record.number,
            });
        }
        self.head = record.head();
        if self.wanted == Some(record.hash) {
            self.wanted_at = Some(record.number);
        }
        Ok(())
    }

    /// The number that the next record should have.
    pub fn next_number(&self) -> u64 {
        self.head.records + 1
    }

    /// Where the chain ends, and which record the wanted head is.
    ///
    /// # Errors
    /// The wanted head is in no record.
    pub fn end(self) -> Result<(Head, Option<u64>), Break> {
        match (self.wanted, self.wanted_at) {
            (Some(hash), None) if hash != Hash::default() => Err(Break::HeadGone { hash }),
            (_, at) => Ok((self.head, at)),
        }
    }
}

/// JSON with the keys of every object in their order and without spaces: the same value is always the same bytes.
pub fn canonical(value: &Value) -> String {
    sorted(value).to_string()
}

/// The digest of anything that can be written as JSON.
pub fn digest(value: &impl Serialize) -> Hash {
    let value = serde_json::to_value(value).unwrap_or_default();
    Hash::of(canonical(&value).as_bytes())
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            let members = members
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chain() -> Vec<Record> {
        let mut head = Head::default();
        let entries = (0..5).map(|second| {
            let at = Timestamp::from_second(1_795_000_000 + second).unwrap();
            Entry::new(
                at,
                "ticket.comment",
                "T-2026-000001",
                json!({"by": "Li", "note": second}),
            )
        });
        let records = entries.map(|entry| {
            let record = Record::after(head, &entry);
            head = record.head();
            record
        });
        records.collect()
    }

    fn followed(records: &[Record], wanted: Option<Hash>) -> Result<(Head, Option<u64>), Break> {
        let mut follower = Follower::new(wanted);
        records.iter().try_for_each(|record| follower.follow(record))?;
        follower.end()
    }

    #[test]
    fn a_whole_chain_holds_and_every_earlier_head_is_found_in_it() {
        let chain = chain();
        let (head, _) = followed(&chain, None).unwrap();
        assert_eq!(head, chain[4].head());
        for record in &chain {
            assert_eq!(
                followed(&chain, Some(record.hash)).unwrap().1,
                Some(record.number)
            );
        }
    }

    #[test]
    fn a_changed_field_breaks_the_chain_at_its_own_record() {
        for index in 0..5 {
            let changes: [fn(&mut Record); 5] = [
                |record| record.at_nanoseconds ^= 1,
                |record| record.kind.push('x'),
                |record| record.subject.replace_range(0..1, "U"),
                |record| record.body = record.body.replace("Li", "Le"),
                |record| record.hash.0[31] ^= 0x80,
            ];
            for change in changes {
                let mut chain = chain();
                change(&mut chain[index]);
                let number = index as u64 + 1;
                assert_eq!(followed(&chain, None), Err(Break::Changed { number }));
            }
        }
    }

    #[test]
    fn a_byte_that_moves_from_one_field_into_the_next_is_seen() {
        let mut chain = chain();
        let moved = chain[2].kind.pop().unwrap();
        chain[2].subject.insert(0, moved);
        assert_eq!(followed(&chain, None), Err(Break::Changed { number: 3 }));
    }

    #[test]
    fn a_removed_record_is_missed_and_a_renumbered_rest_does_not_hide_it() {
        let mut removed = chain();
        removed.remove(2);
        assert_eq!(
            followed(&removed, None),
            Err(Break::Missing {
                expected: 3,
                found: 4
            })
        );
        removed[2].number = 3;
        assert_eq!(followed(&removed, None), Err(Break::Changed { number: 3 }));
    }

    #[test]
    fn a_cut_off_end_is_seen_by_the_head_that_was_kept_elsewhere() {
        let mut cut = chain();
        let kept = cut.pop().unwrap().hash;
        assert!(followed(&cut, None).is_ok());
        assert_eq!(followed(&cut, Some(kept)), Err(Break::HeadGone { hash: kept }));
    }

    #[test]
    fn the_same_value_is_the_same_bytes_whatever_the_order_of_its_keys() {
        let one: Value = serde_json::from_str(r#"{"b":1,"a":{"d":[{"y":1,"x":2}],"c":null}}"#).unwrap();
        assert_eq!(canonical(&one), r#"{"a":{"c":null,"d":[{"x":2,"y":1}]},"b":1}"#);
    }

    #[test]
    fn a_hash_reads_back_as_it_was_written() {
        let hash = Hash::of(b"facility");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!("00".parse::<Hash>().is_err());
        assert!("é".repeat(32).parse::<Hash>().is_err());
    }
}
