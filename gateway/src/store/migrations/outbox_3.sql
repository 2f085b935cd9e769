-- Spoiled outboxes that were moved aside, and up to which number of theirs was gone through: noted together with what was taken over.
CREATE TABLE taken_over (
    file        TEXT PRIMARY KEY,
    up_to       INTEGER NOT NULL,
    bodies      INTEGER NOT NULL,
    unreadable  INTEGER NOT NULL
) STRICT;
