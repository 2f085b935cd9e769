//! A table's lines with as many fields as its header, wherever the table was read from, each field knowing where it stands.

use super::names::shown;
use super::nearest::suggestion;
use super::source::{Source, Spot};
use crate::Place;

/// One line of a table, with as many fields as the header.
pub(super) struct Line<'line> {
    source: &'line Source<'line>,
    columns: &'static [&'static str],
    fields: &'line [&'line str],
    /// Where each field stands; there is one for every field, and at least one.
    spots: &'line [Spot<'line>],
}

/// Hands on the lines below a header that must be exactly `columns`, and tells those that are not whole.
pub(super) struct Table<'source, T, F> {
    source: &'source Source<'source>,
    columns: &'static [&'static str],
    read: F,
    values: Vec<T>,
    has_header: bool,
}

impl<'source, T, F: FnMut(&Line<'_>) -> Option<T>> Table<'source, T, F> {
    /// A table of which no line was read yet.
    pub(super) fn new(source: &'source Source<'source>, columns: &'static [&'static str], read: F) -> Self {
        Self {
            source,
            columns,
            read,
            values: Vec::new(),
            has_header: false,
        }
    }

    /// Takes the next line, the header first; `false` when nothing below can be understood.
    pub(super) fn take(&mut self, fields: &[&str], spots: &[Spot<'_>]) -> bool {
        let line = Line {
            source: self.source,
            columns: self.columns,
            fields,
            spots,
        };
        if !self.has_header {
            self.has_header = true;
            return line.is_header();
        }
        if line.is_whole() {
            self.values.extend((self.read)(&line));
        }
        !self.source.is_full()
    }

    /// What was read, in the file's order; a table without any line is told at `beginning`.
    pub(super) fn into_values(self, beginning: Spot<'_>) -> Vec<T> {
        if !self.has_header {
            let header = self.columns.join(",");
            self.source
                .fault(beginning, format!("the header is missing: write `{header}`"));
        }
        self.values
    }
}

impl Line<'_> {
    /// A field's text, without the spaces around it.
    pub(super) fn text(&self, column: &str) -> &str {
        self.position(column)
            .and_then(|position| self.fields.get(position))
            .copied()
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

    fn spot(&self, column: &str) -> Spot<'_> {
        let spot = self
            .position(column)
            .and_then(|position| self.spots.get(position))
            .or(self.spots.first());
        spot.copied().unwrap_or(Spot::Offset(0))
    }

    fn is_header(&self) -> bool {
        for (position, column) in self.columns.iter().enumerate() {
            let found = self.fields.get(position).copied().unwrap_or("");
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
        let (found, right) = (self.fields.len(), self.columns.len());
        if found != right {
            let at = self.spots.get(right).or(self.spots.first()).copied();
            let at = at.unwrap_or(Spot::Offset(0));
            let text = format!(
                "this line has {found} fields instead of {right}: {}",
                self.columns.join(",")
            );
            self.source.fault(at, text);
        }
        found == right
    }
}
