//! A mistake in a site, with its place and what would be right.

use std::fmt;

/// A mistake in a site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where it stands.
    pub place: Place,
    /// What is wrong and what would be right, in one line.
    pub text: String,
}

/// A place in a site's files.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, relative to the site's folder; an environment variable's name where one overrides it.
    pub file: String,
    /// The sheet, where the file is a workbook.
    pub sheet: Option<String>,
    /// The line or the sheet's row, from 1.
    pub line: u32,
    /// The column, from 1: in characters, or the sheet's.
    pub column: u32,
}

impl Place {
    /// A place.
    pub fn new(file: impl Into<String>, line: u32, column: u32) -> Self {
        Self {
            file: file.into(),
            sheet: None,
            line,
            column,
        }
    }

    /// The place of a cell in a workbook, its row and column from 1.
    pub fn in_sheet(file: impl Into<String>, sheet: impl Into<String>, row: u32, column: u32) -> Self {
        Self {
            sheet: Some(sheet.into()),
            ..Self::new(file, row, column)
        }
    }

    /// The place of a byte offset in a file's text.
    pub fn of_offset(file: impl Into<String>, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        Self::new(
            file,
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        )
    }
}

impl Fault {
    /// A mistake at a place.
    pub fn new(place: Place, text: impl Into<String>) -> Self {
        Self {
            place,
            text: text.into(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sheet {
            Some(sheet) => write!(
                formatter,
                "{}:{sheet}!{}{}",
                self.file,
                letters(self.column),
                self.line
            ),
            None => write!(formatter, "{}:{}:{}", self.file, self.line, self.column),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.text)
    }
}

/// A sheet's column as Excel names it: 1 is A, 27 is AA.
fn letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column;
    while let Some(digit) = rest.checked_sub(1) {
        letters.push(char::from(b'A' + (digit % 26) as u8));
        rest = digit / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_named_as_excel_names_it() {
        for (column, name) in [
            (1, "A"),
            (26, "Z"),
            (27, "AA"),
            (702, "ZZ"),
            (703, "AAA"),
            (16_384, "XFD"),
        ] {
            let place = Place::in_sheet("devices.xlsx", "点表", 7, column);
            assert_eq!(place.to_string(), format!("devices.xlsx:点表!{name}7"));
        }
    }

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "a = 1\n名 = 2\n";
        assert_eq!(Place::of_offset("f", text, 0), Place::new("f", 1, 1));
        assert_eq!(
            Place::of_offset("f", text, text.find('=').unwrap()),
            Place::new("f", 1, 3)
        );
        assert_eq!(
            Place::of_offset("f", text, text.rfind('=').unwrap()),
            Place::new("f", 2, 3)
        );
        assert_eq!(Place::of_offset("f", text, 999), Place::new("f", 3, 1));
    }
}
