//! Spoils a file for tests, as a worn card does: in its middle, where nobody sees it who only opens it.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use rusqlite::Connection;

/// Spoils the first page of a table; nobody may have the file open.
pub fn spoil_table(path: &Path, table: &str) {
    let connection = Connection::open(path).unwrap();
    let look = |sql: String| {
        connection
            .query_row(&sql, [], |row| row.get::<_, u32>(0))
            .unwrap()
    };
    let page = look(format!(
        "SELECT rootpage FROM sqlite_schema WHERE name = '{table}'"
    ));
    let page_bytes = look("PRAGMA page_size".into());
    connection
        .pragma_update(None, "wal_checkpoint", "TRUNCATE")
        .unwrap();
    drop(connection);
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(u64::from(page - 1) * u64::from(page_bytes)))
        .unwrap();
    file.write_all(&vec![0xA5; page_bytes as usize]).unwrap();
}
