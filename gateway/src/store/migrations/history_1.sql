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

CREATE TABLE batches (
    device  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (device, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_by_time ON batches (at);
