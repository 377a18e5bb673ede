-- The tables of a Stepwell database file, schema version 2.

-- Gives every execution that has a journal a number, in the order of their first steps. Ids are long and random, so rows
-- under them would be spread over the whole file; under numbers, what runs at the same time lies side by side. Commits
-- are two to three times faster for it.
CREATE TABLE journal (
  number    INTEGER PRIMARY KEY,
  execution TEXT NOT NULL UNIQUE
) STRICT;

-- One row per step: the truth. All that follows but `payload` and `inbox` can be rebuilt from it. The large rows are
-- appended in one place, and only the small index is in order.
CREATE TABLE step (
  id             INTEGER PRIMARY KEY,
  journal        INTEGER NOT NULL,
  sequence       INTEGER NOT NULL,
  records        INTEGER NOT NULL,
  first_event_id INTEGER NOT NULL,
  events         INTEGER NOT NULL,
  writer         BLOB    NOT NULL,
  body           BLOB    NOT NULL,
  format         INTEGER NOT NULL,
  UNIQUE (journal, sequence)
) STRICT;

-- The fence. A step that does not begin where its journal ends is passed over in silence, as one that conflicts is.
CREATE TRIGGER step_continues_its_journal BEFORE INSERT ON step
WHEN NEW.sequence <> coalesce(
  (SELECT sequence + records FROM step WHERE journal = NEW.journal ORDER BY sequence DESC LIMIT 1), 1)
BEGIN
  SELECT RAISE(IGNORE);
END;

CREATE TABLE payload (
  journal INTEGER NOT NULL,
  digest  BLOB    NOT NULL,
  body    BLOB    NOT NULL,
  UNIQUE (journal, digest)
) STRICT;

CREATE TABLE checkpoint (
  journal  INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,
  format   INTEGER NOT NULL,
  body     BLOB    NOT NULL
) STRICT;

-- Input and output are JSON texts, or blobs where they are digests of payloads.
CREATE TABLE execution (
  journal       INTEGER PRIMARY KEY,
  id            TEXT NOT NULL,
  name          TEXT NOT NULL,
  state_machine TEXT NOT NULL,
  revision      TEXT NOT NULL,
  status        TEXT NOT NULL,
  started_at    REAL NOT NULL,
  input         ANY  NOT NULL,
  version       TEXT,
  alias         TEXT,
  stopped_at    REAL,
  output        ANY,
  error         TEXT,
  cause         TEXT,
  warnings      TEXT NOT NULL,
  redrive_count INTEGER NOT NULL,
  redriven_at   REAL,
  map_run       TEXT,
  item          INTEGER,
  item_count    INTEGER,
  trace_header  TEXT
) STRICT;

-- A listing reads one of these backwards and stops after a page. The partial ones cost nothing where an execution was
-- started through the state machine itself.
CREATE INDEX execution_of_state_machine ON execution (state_machine, started_at, id);
CREATE INDEX execution_of_state_machine_in_status ON execution (state_machine, status, started_at, id);
CREATE INDEX execution_of_version ON execution (version, started_at, id) WHERE version IS NOT NULL;
CREATE INDEX execution_of_version_in_status ON execution (version, status, started_at, id) WHERE version IS NOT NULL;
CREATE INDEX execution_of_alias ON execution (alias, started_at, id) WHERE alias IS NOT NULL;
CREATE INDEX execution_of_alias_in_status ON execution (alias, status, started_at, id) WHERE alias IS NOT NULL;
CREATE INDEX execution_of_map_run ON execution (map_run, item) WHERE map_run IS NOT NULL;
CREATE INDEX execution_of_map_run_in_status ON execution (map_run, status, item) WHERE map_run IS NOT NULL;

CREATE TABLE timer (
  journal INTEGER NOT NULL,
  key     TEXT    NOT NULL,
  shard   INTEGER NOT NULL,
  due_at  REAL    NOT NULL,
  PRIMARY KEY (journal, key)
) STRICT, WITHOUT ROWID;

-- Time comes first because the one node on this file holds every shard: due timers are read in order, up to the limit.
CREATE INDEX timer_due ON timer (due_at, shard);

CREATE TABLE outbox (
  id      INTEGER PRIMARY KEY,
  journal INTEGER NOT NULL,
  key     TEXT    NOT NULL,
  shard   INTEGER NOT NULL,
  queue   TEXT    NOT NULL,
  body    BLOB    NOT NULL,
  UNIQUE (journal, key)
) STRICT;

-- A message may come before its execution has a journal. Ids are never used twice, so that a message consumed late takes
-- no other one with it.
CREATE TABLE inbox (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  execution TEXT    NOT NULL,
  shard     INTEGER NOT NULL,
  body      BLOB    NOT NULL
) STRICT;

CREATE INDEX inbox_of_execution ON inbox (execution);

CREATE TABLE document (
  kind TEXT NOT NULL,
  key  TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
