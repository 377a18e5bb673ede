-- The tables of a log database. Ids are never used twice: page tokens hold them.

CREATE TABLE IF NOT EXISTS log_group (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  account        TEXT    NOT NULL,
  region         TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  class          TEXT    NOT NULL,
  created_at_ms  INTEGER NOT NULL,
  stored_bytes   INTEGER NOT NULL DEFAULT 0,
  retention_days INTEGER,
  kms_key        TEXT,
  tags           TEXT    NOT NULL,
  UNIQUE (account, region, name)
) STRICT;

CREATE TABLE IF NOT EXISTS log_stream (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  log_group        INTEGER NOT NULL,
  name             TEXT    NOT NULL,
  created_at_ms    INTEGER NOT NULL,
  first_event_ms   INTEGER,
  last_event_ms    INTEGER,
  last_ingested_ms INTEGER,
  UNIQUE (log_group, name)
) STRICT;

CREATE TABLE IF NOT EXISTS log_event (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  log_group      INTEGER NOT NULL,
  log_stream     INTEGER NOT NULL,
  at_ms          INTEGER NOT NULL,
  ingested_at_ms INTEGER NOT NULL,
  bytes          INTEGER NOT NULL,
  message        TEXT    NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS log_event_of_group ON log_event (log_group, at_ms, id);
CREATE INDEX IF NOT EXISTS log_event_of_stream ON log_event (log_stream, at_ms, id);
