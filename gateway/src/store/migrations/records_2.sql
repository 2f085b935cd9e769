ALTER TABLE steps ADD COLUMN told TEXT;

-- What happened, chained by hash; see the journal's own page for how.
CREATE TABLE journal (
    number   INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    body     TEXT NOT NULL,
    hash     BLOB NOT NULL
) STRICT;
CREATE INDEX journal_of_a_subject ON journal (subject, number);

-- These stop slips, not people: whoever can open the file can drop them. The chain is what shows that.
CREATE TRIGGER records_are_never_changed BEFORE UPDATE ON journal
    BEGIN SELECT RAISE(ABORT, 'a record is never changed'); END;
CREATE TRIGGER records_are_never_removed BEFORE DELETE ON journal
    BEGIN SELECT RAISE(ABORT, 'a record is never removed'); END;

-- The day to which each plan's runs have their tickets, or were over when it was new.
CREATE TABLE plans (
    work     TEXT PRIMARY KEY,
    seen_to  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
