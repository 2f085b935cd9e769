CREATE TABLE series (
    id      INTEGER PRIMARY KEY,
    device  TEXT NOT NULL,
    point   TEXT NOT NULL,
    UNIQUE (device, point)
) STRICT;

CREATE TABLE devices (
    id      INTEGER PRIMARY KEY,
    device  TEXT NOT NULL UNIQUE
) STRICT;

-- The newest minutes, as they were read: one row a batch.
CREATE TABLE batches (
    device  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (device, at)
) STRICT, WITHOUT ROWID;

-- What is older, packed by slots of ten minutes: a device's times, and a column for each of its points.
CREATE TABLE times (
    device  INTEGER NOT NULL,
    slot    INTEGER NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (device, slot)
) STRICT, WITHOUT ROWID;

-- By slot first: new rows go to the end, and old ones are removed together.
CREATE TABLE blocks (
    slot     INTEGER NOT NULL,
    series   INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    sum      REAL NOT NULL,
    low      REAL,
    high     REAL,
    quality  INTEGER NOT NULL,
    body     BLOB NOT NULL,
    PRIMARY KEY (slot, series)
) STRICT, WITHOUT ROWID;
