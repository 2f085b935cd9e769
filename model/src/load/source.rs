//! One text file of a site together with the mistakes that were found in it.

use std::cell::{Cell, RefCell};
use std::fmt::Display;

use crate::{Fault, Place};

/// How many mistakes of one file are told; whoever has more has the wrong file.
const MOST_FAULTS: usize = 1_000;

/// A place that is cheap to carry about: most values are right, and only a mistake needs its line and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot<'site> {
    /// So many bytes into the file.
    Offset(usize),
    /// A cell of a workbook, its row and column from 1.
    Cell {
        sheet: &'site str,
        row: u32,
        column: u32,
    },
    /// Not in the file: in this environment variable.
    Variable(&'site str),
}

/// A file's text, and its mistakes so far.
#[derive(Debug)]
pub(super) struct Source<'site> {
    file: &'site str,
    text: &'site str,
    line_starts: Vec<usize>,
    faults: RefCell<Vec<Fault>>,
    is_broken: Cell<bool>,
}

impl<'site> Source<'site> {
    /// A file with no mistakes yet.
    pub(super) fn new(file: &'site str, text: &'site str) -> Self {
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(offset, _)| offset + 1))
            .collect();
        Self {
            file,
            text,
            line_starts,
            faults: RefCell::default(),
            is_broken: Cell::new(false),
        }
    }

    /// What it says.
    pub(super) fn text(&self) -> &'site str {
        self.text
    }

    /// The line and column of a spot.
    pub(super) fn place(&self, spot: Spot<'_>) -> Place {
        let offset = match spot {
            Spot::Offset(offset) => offset.min(self.text.len()),
            Spot::Cell { sheet, row, column } => return Place::in_sheet(self.file, sheet, row, column),
            Spot::Variable(variable) => return Place::new(variable, 1, 1),
        };
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let column = self
            .text
            .get(start..offset)
            .map_or(1, |before| before.chars().count() + 1);
        Place::new(
            self.file,
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        )
    }

    /// Notes a mistake.
    pub(super) fn fault(&self, spot: Spot<'_>, text: impl Display) {
        if !self.is_full() {
            // A fault is one line, whatever a library's own message has in it.
            let text = text.to_string().replace(['\n', '\r'], " ");
            self.faults.borrow_mut().push(Fault::new(self.place(spot), text));
        }
    }

    /// Notes that a part of the file could not be understood at all, so that whatever is missing may stand there.
    pub(super) fn note_broken(&self) {
        self.is_broken.set(true);
    }

    /// Whether a part of it could not be understood.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    /// How many mistakes there are so far: whoever compares two counts knows whether a part was right.
    pub(super) fn fault_count(&self) -> usize {
        self.faults.borrow().len()
    }

    /// Whether no more mistakes are told: whoever reads on and on may stop.
    pub(super) fn is_full(&self) -> bool {
        self.fault_count() >= MOST_FAULTS
    }

    /// The mistakes, with a last one that says so if there may be more than are told.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        let end = self.place(Spot::Offset(self.text.len()));
        let is_full = self.is_full();
        let mut faults = self.faults.into_inner();
        if is_full {
            faults.push(Fault::new(
                end,
                "there may be more mistakes in this file: put those before right first",
            ));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spot_is_told_by_line_and_character() {
        let text = "a = 1\n名 = 2\n";
        let source = Source::new("f", text);
        let places = [0, text.find('=').unwrap(), text.rfind('=').unwrap(), 999]
            .map(|offset| source.place(Spot::Offset(offset)));
        assert_eq!(
            places,
            [(1, 1), (1, 3), (2, 3), (3, 1)].map(|(line, column)| Place::new("f", line, column))
        );
        assert_eq!(
            source.place(Spot::Variable("FACILITY__LISTEN")),
            Place::new("FACILITY__LISTEN", 1, 1)
        );
        assert_eq!(Source::new("f", "").place(Spot::Offset(0)), Place::new("f", 1, 1));
    }

    #[test]
    fn a_file_of_nothing_but_mistakes_is_told_in_bounds() {
        let source = Source::new("f", "");
        for _ in 0..MOST_FAULTS + 7 {
            source.fault(Spot::Offset(0), "wrong");
        }
        let faults = source.into_faults();
        assert_eq!(faults.len(), MOST_FAULTS + 1);
        assert!(faults.last().unwrap().text.starts_with("there may be more"));
    }
}
