-- Whether the result behind a kept answer was cut; a body in CSV or NDJSON cannot say it.
ALTER TABLE _wce_idempotency ADD COLUMN truncated INTEGER NOT NULL DEFAULT 0 CHECK (truncated IN (0, 1));
