//! What people wrote down besides tickets, as the journal holds it: each row's digest is in the record of its writing.

use std::collections::HashMap;

use rusqlite::types::ValueRef;
use rusqlite::{Row, Transaction};
use serde_json::{Value, json};

use super::StoreError;
use super::database::Database;
use super::journal::append;
use crate::journal::{Break, Entry, Hash, Record, digest};

/// A kind of row that is written once, and what of it the journal holds.
pub(super) struct Family {
    /// How the kinds of its records begin.
    kind: &'static str,
    /// What people call one.
    what: &'static str,
    /// Its number first, then all that the digest is of.
    select: &'static str,
}

pub(super) const HANDOVER: Family = Family {
    kind: "handover.written",
    what: "handover",
    select: "SELECT number, at, body FROM handovers WHERE true",
};

pub(super) const CONFIRMATION: Family = Family {
    kind: "handover.confirmed",
    what: "the confirmation of handover",
    select: "SELECT number, confirmed_at, confirmed_by FROM handovers WHERE confirmed_at IS NOT NULL",
};

pub(super) const DEVICE_ENTRY: Family = Family {
    kind: "device.",
    what: "device entry",
    select: "SELECT number, device, at, kind, by, body FROM device_entries WHERE true",
};

const FAMILIES: [&Family; 3] = [&HANDOVER, &CONFIRMATION, &DEVICE_ENTRY];

/// Records a row that this transaction has written; `entry`'s body gets the row's number and digest.
pub(super) fn append_row(
    transaction: &Transaction<'_>,
    family: &Family,
    number: i64,
    mut entry: Entry,
) -> rusqlite::Result<()> {
    let select = format!("{} AND number = ?1", family.select);
    let (_, hash) = transaction.query_row(&select, [number], numbered)?;
    if let Some(body) = entry.body.as_object_mut() {
        body.insert("row".to_owned(), number.into());
        body.insert("row_sha256".to_owned(), hash.to_string().into());
    }
    append(transaction, &[entry])
}

/// What records say of rows: by family and number, the record and the digest.
#[derive(Default)]
pub(super) struct LeftRows(HashMap<(&'static str, i64), (u64, String)>);

impl LeftRows {
    /// Takes note of what a record says of a row, if it does.
    pub(super) fn note(&mut self, record: &Record) {
        let family = FAMILIES
            .iter()
            .find(|family| record.kind.starts_with(family.kind));
        let Some(family) = family else { return };
        let body: Value = serde_json::from_str(&record.body).unwrap_or_default();
        let row = body.get("row").and_then(Value::as_i64);
        let hash = body.get("row_sha256").and_then(Value::as_str);
        if let (Some(row), Some(hash)) = (row, hash) {
            self.0
                .insert((family.kind, row), (record.number, hash.to_owned()));
        }
    }

    /// Compares the rows with what the records left; `Ok(Err(…))` is the first that differs.
    pub(super) fn compare(mut self, database: &Database) -> Result<Result<(), Break>, StoreError> {
        for family in FAMILIES {
            let rows: Vec<(i64, Hash)> = database.run(|connection| {
                connection
                    .prepare(family.select)?
                    .query_map([], numbered)?
                    .collect()
            })?;
            for (row, hash) in rows {
                let left = self.0.remove(&(family.kind, row));
                let what = format!("{} {row}", family.what);
                match left {
                    None => return Ok(Err(Break::RowUnknown { what })),
                    Some((number, left)) if left != hash.to_string() => {
                        return Ok(Err(Break::Row { what, number }));
                    }
                    Some(_) => {}
                }
            }
        }
        let gone = self.0.into_iter().min_by_key(|(_, (number, _))| *number);
        Ok(match gone {
            None => Ok(()),
            Some(((kind, row), (number, _))) => Err(Break::Row {
                what: format!("row {row} of {}", kind.trim_end_matches('.')),
                number,
            }),
        })
    }
}

/// A row's number and the digest of all its columns.
fn numbered(row: &Row<'_>) -> rusqlite::Result<(i64, Hash)> {
    let columns = row.as_ref().column_count();
    let values = (0..columns).map(|index| {
        Ok(match row.get_ref(index)? {
            ValueRef::Integer(number) => json!(number),
            ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
            ValueRef::Null => Value::Null,
            // The tables have no others; what is not theirs differs in any case.
            ValueRef::Real(number) => json!({ "real": number }),
            ValueRef::Blob(bytes) => json!({ "blob": bytes }),
        })
    });
    let values = values.collect::<rusqlite::Result<Vec<Value>>>()?;
    Ok((row.get(0)?, digest(&values)))
}
