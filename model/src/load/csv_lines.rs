//! Reads a table of comma-separated values, line by line, knowing where every field stands.

use super::names::shown;
use super::nearest::suggestion;
use super::source::{Source, Spot};
use crate::{Fault, Place};

/// One line of a table, with as many fields as the header.
pub(super) struct Line<'site, 'line> {
    source: &'site Source<'site>,
    columns: &'static [&'static str],
    record: &'line csv::StringRecord,
    starts: Vec<usize>,
}

/// Reads every line below a header that must be exactly `columns`; what `read` gives is kept in the file's order.
pub(super) fn read_lines<T>(
    file: &str,
    text: &str,
    columns: &'static [&'static str],
    mut read: impl FnMut(&Line<'_, '_>) -> Option<T>,
) -> (Vec<T>, Vec<Fault>) {
    let source = Source::new(file, text);
    let values = read_records(&source, columns, &mut read);
    (values, source.into_faults())
}

fn read_records<T>(
    source: &Source<'_>,
    columns: &'static [&'static str],
    read: &mut impl FnMut(&Line<'_, '_>) -> Option<T>,
) -> Vec<T> {
    let mut values = Vec::new();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(source.text().as_bytes());
    let mut record = csv::StringRecord::new();
    let mut header_seen = false;
    while !source.is_full() {
        let begin = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        // Reading a text in memory does not fail; if it ever did, the rest would not be passed over in silence.
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                source.fault(Spot::Offset(begin), format!("this line can't be read: {error}"));
                break;
            }
        }
        let starts = match field_starts(source.text(), begin) {
            Ok(starts) => starts,
            Err(quote) => {
                source.fault(
                    Spot::Offset(quote),
                    "the quote that opens here is never closed: write another `\"` at the field's end",
                );
                break;
            }
        };
        let line = Line {
            source,
            columns,
            record: &record,
            starts,
        };
        if !header_seen {
            header_seen = true;
            if !line.is_header() {
                break;
            }
        } else if line.is_whole() {
            values.extend(read(&line));
        }
    }
    if !header_seen {
        source.fault(
            Spot::Offset(0),
            format!("the header is missing: write `{}`", columns.join(",")),
        );
    }
    values
}

impl Line<'_, '_> {
    /// A field's text, without the spaces around it.
    pub(super) fn text(&self, column: &str) -> &str {
        self.position(column)
            .and_then(|position| self.record.get(position))
            .unwrap_or("")
    }

    /// A field's place.
    pub(super) fn place(&self, column: &str) -> Place {
        self.source.place(self.spot(column))
    }

    /// Notes a mistake of a field.
    pub(super) fn fault(&self, column: &str, text: impl std::fmt::Display) {
        self.source.fault(self.spot(column), format!("{column}: {text}"));
    }

    /// What a field means; a mistake in it is noted.
    pub(super) fn parsed<T>(&self, column: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        parse(self.text(column))
            .map_err(|text| self.fault(column, text))
            .ok()
    }

    fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| *known == column)
    }

    fn spot(&self, column: &str) -> Spot<'static> {
        let start = self
            .position(column)
            .and_then(|position| self.starts.get(position))
            .or(self.starts.first());
        Spot::Offset(start.copied().unwrap_or(0))
    }

    fn is_header(&self) -> bool {
        for (position, column) in self.columns.iter().enumerate() {
            let found = self.record.get(position).unwrap_or("");
            if found != *column {
                let near = if found.is_empty() {
                    String::new()
                } else {
                    suggestion(found, self.columns.iter().copied())
                };
                let text = format!(
                    "the header must be `{}`; here `{}` stands for `{column}`{near}",
                    self.columns.join(","),
                    shown(found)
                );
                self.source.fault(self.spot(column), text);
                return false;
            }
        }
        self.is_whole()
    }

    fn is_whole(&self) -> bool {
        let (found, right) = (self.record.len(), self.columns.len());
        if found != right {
            let at = self
                .starts
                .get(right)
                .or(self.starts.first())
                .copied()
                .unwrap_or(0);
            let text = format!(
                "this line has {found} fields instead of {right}: {}",
                self.columns.join(",")
            );
            self.source.fault(Spot::Offset(at), text);
        }
        found == right
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
        let read = |line: &Line<'_, '_>| {
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
