CREATE TABLE alarms (
    id    TEXT PRIMARY KEY,
    body  TEXT NOT NULL
) STRICT;

CREATE TABLE tickets (
    number    INTEGER PRIMARY KEY,
    id        TEXT NOT NULL UNIQUE,
    alarm     TEXT,
    device    TEXT,
    state     TEXT NOT NULL,
    ended_at  INTEGER,
    body      TEXT NOT NULL
) STRICT;

-- A fault has at most one ticket that is not ended, whatever the code above believes.
CREATE UNIQUE INDEX one_running_ticket_of_an_alarm ON tickets (alarm)
    WHERE alarm IS NOT NULL AND state NOT IN ('closed', 'cancelled');
CREATE INDEX tickets_of_an_alarm ON tickets (alarm, number);
CREATE INDEX tickets_by_end ON tickets (ended_at);

CREATE TABLE steps (
    ticket  INTEGER NOT NULL REFERENCES tickets (number),
    number  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    by      TEXT NOT NULL,
    what    TEXT NOT NULL,
    note    TEXT,
    PRIMARY KEY (ticket, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER steps_are_never_changed BEFORE UPDATE ON steps
    BEGIN SELECT RAISE(ABORT, 'a step is never changed'); END;
CREATE TRIGGER steps_are_never_removed BEFORE DELETE ON steps
    BEGIN SELECT RAISE(ABORT, 'a step is never removed'); END;

CREATE TABLE notices (
    key        TEXT PRIMARY KEY,
    event      TEXT NOT NULL,
    at         INTEGER NOT NULL,
    clock      TEXT,
    ticket     TEXT NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0,
    next_at    INTEGER NOT NULL,
    sent_at    INTEGER,
    error      TEXT
) STRICT;
CREATE INDEX notices_to_send ON notices (next_at) WHERE sent_at IS NULL;
