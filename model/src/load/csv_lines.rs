//! Reads a table of comma-separated values, line by line, knowing where every field stands.

use super::lines::{Line, Table};
use super::source::{Source, Spot};
use crate::Fault;

/// Reads every line below a header that must be exactly `columns`; what `read` gives is kept in the file's order.
pub(super) fn read_lines<T>(
    file: &str,
    text: &str,
    columns: &'static [&'static str],
    read: impl FnMut(&Line<'_>) -> Option<T>,
) -> (Vec<T>, Vec<Fault>) {
    let source = Source::new(file, text);
    let mut table = Table::new(&source, columns, read);
    read_records(&source, |fields, spots| table.take(fields, spots));
    let values = table.into_values(Spot::Offset(0));
    (values, source.into_faults())
}

fn read_records(source: &Source<'_>, mut take: impl FnMut(&[&str], &[Spot<'_>]) -> bool) {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(source.text().as_bytes());
    let mut record = csv::StringRecord::new();
    loop {
        let begin = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        // Reading a text in memory does not fail; if it ever did, the rest would not be passed over in silence.
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                source.fault(Spot::Offset(begin), format!("this line can't be read: {error}"));
                return;
            }
        }
        let spots: Vec<Spot<'_>> = match field_starts(source.text(), begin) {
            Ok(starts) => starts.into_iter().map(Spot::Offset).collect(),
            Err(quote) => {
                source.fault(
                    Spot::Offset(quote),
                    "the quote that opens here is never closed: write another `\"` at the field's end",
                );
                return;
            }
        };
        let fields: Vec<&str> = record.iter().collect();
        if !take(&fields, &spots) {
            return;
        }
    }
}

/// Where each field of the record begins that is read next after `begin`, or where a quote opens that is never closed.
fn field_starts(text: &str, begin: usize) -> Result<Vec<usize>, usize> {
    let bytes = text.as_bytes();
    let byte = |offset: usize| bytes.get(offset).copied();
    let mut offset = begin;
    // The reader skips empty lines before a record, and a line's end may still lie ahead of it.
    while matches!(byte(offset), Some(b'\n' | b'\r')) {
        offset += 1;
    }
    let mut starts = vec![offset];
    let mut quote_opened = None;
    let mut at_field_start = true;
    while let Some(current) = byte(offset) {
        offset += 1;
        match (current, quote_opened) {
            (b'"', None) if at_field_start => quote_opened = Some(offset - 1),
            (b'"', Some(_)) if byte(offset) == Some(b'"') => offset += 1,
            (b'"', Some(_)) => quote_opened = None,
            (b',', None) => {
                starts.push(offset);
                at_field_start = true;
                continue;
            }
            (b'\n' | b'\r', None) => break,
            _ => {}
        }
        at_field_start = false;
    }
    match quote_opened {
        Some(quote) => Err(quote),
        None => Ok(starts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[&str] = &["id", "name"];

    fn check(text: &str, expected: &[&str]) {
        let read = |line: &Line<'_>| {
            Some(format!(
                "{} {}={}",
                line.place("name"),
                line.text("id"),
                line.text("name")
            ))
        };
        let (lines, faults) = read_lines("f", text, COLUMNS, read);
        let told: Vec<String> = lines
            .into_iter()
            .chain(faults.iter().map(ToString::to_string))
            .collect();
        assert_eq!(told, expected, "{text}");
    }

    #[test]
    fn every_field_is_told_where_it_stands() {
        check(
            "id,name\n1号,b\n\n\n2,\"c,\nd\"\r\n 3 , e \n",
            &["f:2:4 1号=b", "f:5:3 2=c,\nd", "f:7:5 3=e"],
        );
        check("id,name", &[]);
    }

    #[test]
    fn a_table_that_is_not_what_it_should_be_is_told() {
        check("", &["f:1:1: the header is missing: write `id,name`"]);
        check(
            "id,nmae\n1,2\n",
            &["f:1:4: the header must be `id,name`; here `nmae` stands for `name`; did you mean `name`?"],
        );
        check(
            "id\n",
            &["f:1:1: the header must be `id,name`; here `` stands for `name`"],
        );
        check(
            "id,name\n1\n1,2,3\n1,2\n",
            &[
                "f:4:3 1=2",
                "f:2:1: this line has 1 fields instead of 2: id,name",
                "f:3:5: this line has 3 fields instead of 2: id,name",
            ],
        );
        check(
            "id,name\n1,2\n2,\"open\n3,4\n",
            &[
                "f:2:3 1=2",
                "f:3:3: the quote that opens here is never closed: write another `\"` at the field's end",
            ],
        );
    }
}
