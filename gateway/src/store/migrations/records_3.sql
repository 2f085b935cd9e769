-- When the gateway was looking: one row a run, whose `seen_at` moves on twice a minute. What lies between two rows nobody saw.
CREATE TABLE runs (
    started_at  INTEGER PRIMARY KEY,
    seen_at     INTEGER NOT NULL
) STRICT;

-- What each rule's condition on a device was: only what is not clear. `until` is null while a stretch lasts.
CREATE TABLE conditions (
    alarm     TEXT NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('active', 'unknown')),
    since     INTEGER NOT NULL,
    until     INTEGER,
    device    TEXT NOT NULL,
    class     TEXT NOT NULL,
    rule      TEXT NOT NULL,
    standard  TEXT NOT NULL,
    PRIMARY KEY (alarm, kind, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX conditions_by_end ON conditions (until);

-- A period's report asks for tickets by when they were opened and ended; both stand in this index.
CREATE INDEX tickets_by_opening ON tickets (json_extract(body, '$.opened_at'), ended_at);

CREATE INDEX tickets_of_a_device ON tickets (device, number);

-- Whom a notice is for, as a list of people with role and phone.
ALTER TABLE notices ADD COLUMN people TEXT NOT NULL DEFAULT '[]';

CREATE TABLE handovers (
    number        INTEGER PRIMARY KEY,
    at            INTEGER NOT NULL,
    body          TEXT NOT NULL,
    confirmed_at  INTEGER,
    confirmed_by  TEXT
) STRICT;

CREATE TRIGGER handovers_are_confirmed_once BEFORE UPDATE ON handovers
    WHEN OLD.confirmed_at IS NOT NULL OR NEW.at <> OLD.at OR NEW.body <> OLD.body
    BEGIN SELECT RAISE(ABORT, 'a handover is never changed, and confirmed once'); END;
CREATE TRIGGER handovers_are_never_removed BEFORE DELETE ON handovers
    BEGIN SELECT RAISE(ABORT, 'a handover is never removed'); END;

-- What people wrote down about a device: commissioning entries, and that it was replaced. Only appended to.
CREATE TABLE device_entries (
    number  INTEGER PRIMARY KEY,
    device  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    by      TEXT NOT NULL,
    body    TEXT NOT NULL
) STRICT;
CREATE INDEX entries_of_a_device ON device_entries (device, number);

CREATE TRIGGER device_entries_are_never_changed BEFORE UPDATE ON device_entries
    BEGIN SELECT RAISE(ABORT, 'a device entry is never changed'); END;
CREATE TRIGGER device_entries_are_never_removed BEFORE DELETE ON device_entries
    BEGIN SELECT RAISE(ABORT, 'a device entry is never removed'); END;
