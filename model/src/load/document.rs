//! Reads a whole TOML document: its syntax errors are noted, and what is right of it is read nevertheless.

use toml::de::DeTable;

use super::environment::Overrides;
use super::source::{Source, Spot};
use super::table::Table;
use crate::Fault;

/// Reads a whole document: first its syntax errors are noted, then `read` takes from it what is right.
pub(super) fn read_document<T>(
    file: &str,
    text: &str,
    overrides: &Overrides,
    read: impl FnOnce(&Table<'_>) -> T,
) -> (T, Vec<Fault>) {
    let source = Source::new(file, text);
    let document = parse(&source);
    let value = Table::root(&source, document.get_ref(), overrides).read_whole(read);
    (value, source.into_faults())
}

fn parse<'site>(source: &Source<'site>) -> toml::Spanned<DeTable<'site>> {
    let (document, errors) = DeTable::parse_recoverable(source.text());
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start);
        source.fault(
            Spot::Offset(offset),
            format!("this is not TOML: {}", error.message()),
        );
        source.note_broken();
    }
    document
}
