-- From schema 1 to 2: redrives, the children of Map Runs, trace headers. Only adds columns and indexes that no row is in yet.
ALTER TABLE execution ADD COLUMN redrive_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE execution ADD COLUMN redriven_at REAL;
ALTER TABLE execution ADD COLUMN map_run TEXT;
ALTER TABLE execution ADD COLUMN item INTEGER;
ALTER TABLE execution ADD COLUMN item_count INTEGER;
ALTER TABLE execution ADD COLUMN trace_header TEXT;
CREATE INDEX execution_of_map_run ON execution (map_run, item) WHERE map_run IS NOT NULL;
CREATE INDEX execution_of_map_run_in_status ON execution (map_run, status, item) WHERE map_run IS NOT NULL;
