-- When the system's clock was set while the gateway ran: the times that it told before, and what it was set to (nanoseconds).
CREATE TABLE clock_steps (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    since  INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    set_to INTEGER NOT NULL
) STRICT;
