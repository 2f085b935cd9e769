-- How many series each hour has: how much there is, and of which hours, is known without reading them.
CREATE TABLE hour_rows (
    hour   INTEGER PRIMARY KEY,
    count  INTEGER NOT NULL
) STRICT;
INSERT INTO hour_rows (hour, count) SELECT hour, count(*) FROM hours GROUP BY hour;

-- What a day says of a series, summed up from its hours once it is over: three years are a thousand rows then, and not 26,000.
CREATE TABLE days (
    day      INTEGER NOT NULL,
    series   INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    sum      REAL NOT NULL,
    low      REAL,
    high     REAL,
    quality  INTEGER NOT NULL,
    PRIMARY KEY (day, series)
) STRICT, WITHOUT ROWID;

-- The days that were summed up, of all series, since the last of their hours has changed.
CREATE TABLE whole_days (
    day  INTEGER PRIMARY KEY
) STRICT;
