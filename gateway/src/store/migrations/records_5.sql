-- What is published over MQTT: a row for each topic of which a broker may be keeping a message. `version` counts up with each change in
-- the change's own transaction, `taken` is the version that the broker has acknowledged. A row goes once the broker has acknowledged
-- that nothing is kept there any more.
CREATE TABLE publications (
    topic    TEXT PRIMARY KEY,
    version  INTEGER NOT NULL,
    taken    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX publications_waiting ON publications (topic) WHERE taken IS NOT version;
