-- When the system's clock was set while the gateway ran: the times that it told before, and what it was set to (nanoseconds).
CREATE TABLE clock_steps (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    since  INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    set_to INTEGER NOT NULL
) STRICT;

-- When the gateway was looking last, as its clock had it then: one row. The greatest of `runs` may be of a clock that was years ahead.
CREATE TABLE last_seen (
    one INTEGER PRIMARY KEY CHECK (one = 0),
    at  INTEGER NOT NULL
) STRICT;
INSERT INTO last_seen (one, at) SELECT 0, max(seen_at) FROM runs HAVING max(seen_at) IS NOT NULL;
