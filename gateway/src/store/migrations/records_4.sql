-- What meters counted: one row a meter and day of the site's calendar, for totals of months when history is long gone.
CREATE TABLE meter_days (
    device       TEXT NOT NULL,
    point        TEXT NOT NULL,
    day          TEXT NOT NULL,
    counted      REAL NOT NULL,
    first        REAL NOT NULL,
    first_at     INTEGER NOT NULL,
    last         REAL NOT NULL,
    last_at      INTEGER NOT NULL,
    resets       INTEGER NOT NULL,
    before_fall  REAL,
    PRIMARY KEY (device, point, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX meter_days_by_day ON meter_days (day);

-- Which ticket each plan's newest run has.
CREATE INDEX tickets_of_a_plan ON tickets (json_extract(body, '$.planned.work'), number)
    WHERE json_extract(body, '$.planned.work') IS NOT NULL;
