//! Reads a table from the first sheet of an Excel workbook, row by row, knowing every cell.

use std::io::Cursor;

use calamine::{DataRef, Reader, Xlsx};

use super::lines::{Line, Table};
use super::source::{Source, Spot};
use crate::Fault;

/// The most rows that are read; below them the sheet is told to be too long. A file of eight megabytes unpacks to many more.
const MOST_ROWS: u32 = 100_000;

/// Reads every row of the first sheet below a header that must be exactly `columns`; what `read` gives is kept in the
/// sheet's order. Rows without any text are passed over.
pub(super) fn read_lines<T>(
    file: &str,
    bytes: &[u8],
    columns: &'static [&'static str],
    read: impl FnMut(&Line<'_>) -> Option<T>,
) -> (Vec<T>, Vec<Fault>) {
    let source = Source::new(file, "");
    let mut workbook = match Xlsx::new(Cursor::new(bytes)) {
        Ok(workbook) => workbook,
        Err(error) => {
            let text = format!("this is no Excel workbook (.xlsx) that can be read: {error}");
            source.fault(Spot::Offset(0), text);
            return (Vec::new(), source.into_faults());
        }
    };
    let Some(sheet) = workbook.sheet_names().into_iter().next() else {
        source.fault(Spot::Offset(0), "this workbook has no sheet");
        return (Vec::new(), source.into_faults());
    };
    let mut table = Table::new(&source, columns, read);
    read_rows(&mut workbook, &source, &sheet, columns.len(), |fields, spots| {
        table.take(fields, spots)
    });
    let values = table.into_values(Spot::Cell {
        sheet: &sheet,
        row: 1,
        column: 1,
    });
    (values, source.into_faults())
}

/// A row's cells so far: as many texts as it has columns, each without the spaces around it.
#[derive(Default)]
struct Row {
    /// From 1.
    number: u32,
    fields: Vec<String>,
}

fn read_rows(
    workbook: &mut Xlsx<Cursor<&[u8]>>,
    source: &Source<'_>,
    sheet: &str,
    width: usize,
    mut take: impl FnMut(&[&str], &[Spot<'_>]) -> bool,
) {
    let mut row = Row::default();
    // Cell by cell: read as a whole, a sheet with one cell far to the right and below would take all memory.
    let mut cells = match workbook.worksheet_cells_reader(sheet) {
        Ok(cells) => cells,
        Err(error) => {
            source.fault(Spot::Offset(0), format!("sheet `{sheet}` can't be read: {error}"));
            return;
        }
    };
    loop {
        let cell = match cells.next_cell() {
            Ok(Some(cell)) => cell,
            Ok(None) => break,
            Err(error) => {
                let text = format!("sheet `{sheet}` can't be read from here on: {error}");
                source.fault(row.spot(sheet, 0), text);
                return;
            }
        };
        let (above, left) = cell.get_position();
        let number = above.saturating_add(1);
        if number != row.number {
            if !row.end(sheet, width, &mut take) {
                return;
            }
            row.number = number;
        }
        let column = usize::try_from(left).unwrap_or(usize::MAX);
        if number > MOST_ROWS {
            source.fault(
                row.spot(sheet, column),
                format!("the sheet has more than {MOST_ROWS} rows"),
            );
            return;
        }
        match text_of(cell.get_value()) {
            Ok(text) => row.put(column, text),
            Err(wrong) => {
                source.fault(row.spot(sheet, column), wrong);
                return;
            }
        }
    }
    row.end(sheet, width, &mut take);
}

impl Row {
    fn put(&mut self, column: usize, text: String) {
        if text.is_empty() {
            return;
        }
        if self.fields.len() <= column {
            self.fields.resize(column + 1, String::new());
        }
        if let Some(field) = self.fields.get_mut(column) {
            *field = text;
        }
    }

    fn spot<'sheet>(&self, sheet: &'sheet str, column: usize) -> Spot<'sheet> {
        Spot::Cell {
            sheet,
            row: self.number,
            column: u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1),
        }
    }

    /// Hands the row on, unless it is empty, and begins anew; empty cells at its end are not written in a workbook.
    fn end(
        &mut self,
        sheet: &str,
        width: usize,
        take: &mut impl FnMut(&[&str], &[Spot<'_>]) -> bool,
    ) -> bool {
        let mut texts = std::mem::take(&mut self.fields);
        if texts.is_empty() {
            return true;
        }
        texts.resize(texts.len().max(width), String::new());
        let fields: Vec<&str> = texts.iter().map(String::as_str).collect();
        let spots: Vec<Spot<'_>> = (0..fields.len()).map(|column| self.spot(sheet, column)).collect();
        take(&fields, &spots)
    }
}

/// What a person would have typed into a file of comma-separated values.
fn text_of(value: &DataRef<'_>) -> Result<String, String> {
    let text = match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.trim().to_owned(),
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(truth) => truth.to_string(),
        DataRef::Error(error) => return Err(format!("this cell's formula has failed: {error}")),
        DataRef::DateTime(_) | DataRef::DateTimeIso(_) | DataRef::DurationIso(_) => {
            return Err(
                "Excel took this for a date or a time: format the cell as text and write it again".to_owned(),
            );
        }
    };
    Ok(text)
}

#[cfg(test)]
mod tests {
    use rust_xlsxwriter::{Format, Workbook, Worksheet};

    use super::*;

    const COLUMNS: &[&str] = &["id", "name", "on"];

    fn workbook(fill: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet();
        sheet.set_name("点表").unwrap();
        fill(sheet);
        workbook.add_worksheet().write(0, 0, "another sheet").unwrap();
        workbook.save_to_buffer().unwrap()
    }

    fn header(sheet: &mut Worksheet) {
        for (column, name) in (0..).zip(COLUMNS) {
            sheet.write(0, column, *name).unwrap();
        }
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: &[&str]) {
        let read = |line: &Line<'_>| {
            let texts: Vec<&str> = COLUMNS.iter().map(|column| line.text(column)).collect();
            Some(format!("{} {}", line.place("name"), texts.join("|")))
        };
        let (lines, faults) = read_lines("f.xlsx", bytes, COLUMNS, read);
        let told: Vec<String> = lines
            .into_iter()
            .chain(faults.iter().map(ToString::to_string))
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn every_row_is_read_as_it_would_be_typed_and_told_by_its_cell() {
        let bytes = workbook(|sheet| {
            header(sheet);
            sheet.write(1, 0, " 1号泵 ").unwrap();
            sheet.write(1, 1, 17).unwrap();
            sheet.write(1, 2, true).unwrap();
            sheet.write(2, 1, "").unwrap();
            sheet.write(6, 0, "b").unwrap();
            sheet.write(6, 2, 0.5).unwrap();
        });
        check(&bytes, &["f.xlsx:点表!B2 1号泵|17|true", "f.xlsx:点表!B7 b||0.5"]);
    }

    #[test]
    fn what_is_no_table_is_told_at_its_cell() {
        check(
            b"PK",
            &[
                "f.xlsx:1:1: this is no Excel workbook (.xlsx) that can be read: Zip error: invalid Zip archive: Could not find EOCD",
            ],
        );
        check(
            &workbook(|_| {}),
            &["f.xlsx:点表!A1: the header is missing: write `id,name,on`"],
        );
        let misspelt = workbook(|sheet| {
            sheet.write(0, 0, "id").unwrap();
            sheet.write(0, 1, "nmae").unwrap();
        });
        check(
            &misspelt,
            &[
                "f.xlsx:点表!B1: the header must be `id,name,on`; here `nmae` stands for `name`; did you mean `name`?",
            ],
        );
        let too_wide = workbook(|sheet| {
            header(sheet);
            sheet.write(1, 3, "x").unwrap();
        });
        check(
            &too_wide,
            &["f.xlsx:点表!D2: this line has 4 fields instead of 3: id,name,on"],
        );
        let dated = workbook(|sheet| {
            header(sheet);
            let date = Format::new().set_num_format("yyyy-mm-dd");
            sheet.write_with_format(1, 0, 46_000, &date).unwrap();
        });
        check(
            &dated,
            &[
                "f.xlsx:点表!A2: Excel took this for a date or a time: format the cell as text and write it again",
            ],
        );
    }

    #[test]
    fn a_cell_far_away_takes_no_memory() {
        let bytes = workbook(|sheet| {
            header(sheet);
            sheet.write(1_048_575, 16_383, "x").unwrap();
        });
        check(
            &bytes,
            &["f.xlsx:点表!XFD1048576: the sheet has more than 100000 rows"],
        );
    }
}
