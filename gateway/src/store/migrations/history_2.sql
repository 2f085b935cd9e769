-- The newest minutes are kept as the chains of each commit, one row a commit and slot. What older gateways had not packed yet, eleven
-- minutes at most, is given up with their table.
DROP TABLE batches;

CREATE TABLE recent (
    slot    INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    newest  INTEGER NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (slot, number)
) STRICT, WITHOUT ROWID;

-- What an hour says of a series: kept for years, when its readings are long gone.
CREATE TABLE hours (
    hour     INTEGER NOT NULL,
    series   INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    sum      REAL NOT NULL,
    low      REAL,
    high     REAL,
    quality  INTEGER NOT NULL,
    PRIMARY KEY (hour, series)
) STRICT, WITHOUT ROWID;
