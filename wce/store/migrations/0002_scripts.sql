-- Scripts that run by the clock, the jobs of hooks and schedules that wait, and what the last runs of every script did.

-- SQLite cannot change a CHECK, so the table is made anew for one more kind. Nothing refers to it.
CREATE TABLE _wce_versions_new (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('endpoint', 'template', 'hook', 'schedule')),
    item_id INTEGER NOT NULL,
    content TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by INTEGER REFERENCES _wce_users (user_id) ON DELETE SET NULL
) STRICT;
INSERT INTO _wce_versions_new (id, kind, item_id, content, created_at, created_by)
SELECT id, kind, item_id, content, created_at, created_by FROM _wce_versions;
DROP TABLE _wce_versions;
ALTER TABLE _wce_versions_new RENAME TO _wce_versions;
CREATE INDEX _wce_versions_item ON _wce_versions (kind, item_id, id);

-- A schedule runs with the rights of its author. next_at is NULL while it is disabled.
CREATE TABLE _wce_schedules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    cron TEXT NOT NULL,
    timezone TEXT NOT NULL DEFAULT 'UTC',
    script TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    next_at INTEGER,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    created_by INTEGER REFERENCES _wce_users (user_id) ON DELETE SET NULL,
    modified_by INTEGER REFERENCES _wce_users (user_id) ON DELETE SET NULL
) STRICT;
CREATE INDEX _wce_schedules_next ON _wce_schedules (next_at) WHERE next_at IS NOT NULL;

-- due_at is put off while somebody works on a job, so that it is due again when he dies. attempts counts those that began.
CREATE TABLE _wce_jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('hook', 'schedule')),
    item_id INTEGER NOT NULL,
    payload TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX _wce_jobs_due ON _wce_jobs (due_at, id);

-- error and prints are JSON. No foreign key: what somebody did outlives him.
CREATE TABLE _wce_script_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('endpoint', 'hook', 'schedule', 'test')),
    item_id INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    duration_ms REAL NOT NULL,
    status INTEGER,
    error TEXT,
    prints TEXT NOT NULL DEFAULT '[]',
    user_id INTEGER,
    request_id TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX _wce_script_runs_item ON _wce_script_runs (kind, item_id, id);

-- next_at is left out: it moves with every run and concerns nobody's cache.
CREATE TRIGGER _wce_bump_schedules_insert AFTER INSERT ON _wce_schedules
BEGIN UPDATE _wce_state SET endpoints = endpoints + 1; END;
CREATE TRIGGER _wce_bump_schedules_update
AFTER UPDATE OF id, name, cron, timezone, script, description, enabled, modified_by ON _wce_schedules
BEGIN UPDATE _wce_state SET endpoints = endpoints + 1; END;
CREATE TRIGGER _wce_bump_schedules_delete AFTER DELETE ON _wce_schedules
BEGIN UPDATE _wce_state SET endpoints = endpoints + 1; END;
