-- How many bytes and samples there were up to and including a body, so that what waits is known without looking at all of it. Before
-- the body: what stands behind a large value is found only by reading it.
CREATE TABLE counted_bodies (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    at             INTEGER NOT NULL,
    samples        INTEGER NOT NULL,
    total_bytes    INTEGER NOT NULL,
    total_samples  INTEGER NOT NULL,
    body           BLOB NOT NULL
) STRICT;

INSERT INTO counted_bodies
SELECT number, at, samples, sum(length(body)) OVER before, sum(samples) OVER before, body FROM bodies
WINDOW before AS (ORDER BY number);

-- The last number that was given, also where its body is gone.
DELETE FROM sqlite_sequence WHERE name = 'counted_bodies';
INSERT INTO sqlite_sequence (name, seq) SELECT 'counted_bodies', seq FROM sqlite_sequence WHERE name = 'bodies';

DROP TABLE bodies;
ALTER TABLE counted_bodies RENAME TO bodies;
