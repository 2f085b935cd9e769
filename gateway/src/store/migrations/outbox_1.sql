-- AUTOINCREMENT, so that a number is never used again after its body was delivered and removed.
CREATE TABLE bodies (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    samples  INTEGER NOT NULL,
    body     BLOB NOT NULL
) STRICT;

CREATE TABLE destinations (
    name       TEXT PRIMARY KEY,
    delivered  INTEGER NOT NULL
) STRICT;
