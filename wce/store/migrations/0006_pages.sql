-- Pages: what is kept of them, what each depends on, and the files beside them. Nothing was ever kept in the tables that go.

DROP TABLE _wce_page_dependencies;
DROP TABLE _wce_page_cache;

-- SQLite cannot change a CHECK, so the table is made anew for one more kind. Nothing refers to it.
CREATE TABLE _wce_script_runs_new (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('endpoint', 'hook', 'schedule', 'test', 'template')),
    item_id INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    duration_ms REAL NOT NULL,
    status INTEGER,
    error TEXT,
    prints TEXT NOT NULL DEFAULT '[]',
    user_id INTEGER,
    request_id TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO _wce_script_runs_new (id, kind, item_id, started_at, duration_ms, status, error, prints, user_id, request_id)
SELECT id, kind, item_id, started_at, duration_ms, status, error, prints, user_id, request_id FROM _wce_script_runs;
DROP TABLE _wce_script_runs;
ALTER TABLE _wce_script_runs_new RENAME TO _wce_script_runs;
CREATE INDEX _wce_script_runs_item ON _wce_script_runs (kind, item_id, id);

-- path is that of the request below /pages. for_all: whoever may see the page at all sees this one; else who is not signed in. changed_at goes out as Last-Modified; it may lie one second ahead of the clock.
CREATE TABLE _wce_page_cache (
    path TEXT NOT NULL PRIMARY KEY,
    template_id INTEGER NOT NULL,
    for_all INTEGER NOT NULL CHECK (for_all IN (0, 1)),
    etag TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    rendered_at INTEGER NOT NULL,
    html TEXT NOT NULL,
    zipped BLOB
) STRICT;
CREATE INDEX _wce_page_cache_age ON _wce_page_cache (rendered_at, size);

-- What a page was made from: tables and views, `sqlite_schema` for the schema itself, and templates, also those that it looked for in vain.
CREATE TABLE _wce_page_dependencies (
    table_name TEXT NOT NULL COLLATE NOCASE,
    path TEXT NOT NULL REFERENCES _wce_page_cache (path) ON DELETE CASCADE,
    PRIMARY KEY (table_name, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX _wce_page_dependencies_path ON _wce_page_dependencies (path);
CREATE TABLE _wce_page_templates (
    name TEXT NOT NULL,
    path TEXT NOT NULL REFERENCES _wce_page_cache (path) ON DELETE CASCADE,
    PRIMARY KEY (name, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX _wce_page_templates_path ON _wce_page_templates (path);

-- The tables that pages are made from, each with the last commit that may have changed it. _wce_state.watched: there are any.
CREATE TABLE _wce_page_tables (
    table_name TEXT NOT NULL COLLATE NOCASE PRIMARY KEY,
    written INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE _wce_state ADD COLUMN watched INTEGER NOT NULL DEFAULT 0;
-- The newest changed_at of a page that is gone: the next one must not be taken for it by somebody who asks with If-Modified-Since.
ALTER TABLE _wce_state ADD COLUMN pages_at INTEGER NOT NULL DEFAULT 0;

-- The file itself lets go of a page, in the transaction that makes it stale, so no writer can forget to.
CREATE TRIGGER _wce_pages_written AFTER UPDATE ON _wce_page_tables
BEGIN
    DELETE FROM _wce_page_cache WHERE path IN (SELECT path FROM _wce_page_dependencies WHERE table_name = NEW.table_name);
END;
CREATE TRIGGER _wce_pages_state AFTER UPDATE OF grants, settings ON _wce_state
BEGIN DELETE FROM _wce_page_cache; END;
CREATE TRIGGER _wce_pages_templates_insert AFTER INSERT ON _wce_templates
BEGIN
    DELETE FROM _wce_page_cache WHERE path IN (SELECT path FROM _wce_page_templates WHERE name = NEW.name);
END;
CREATE TRIGGER _wce_pages_templates_update
AFTER UPDATE OF id, name, title, description, syntax, content, published, access, run_as, modified_by ON _wce_templates
BEGIN
    DELETE FROM _wce_page_cache WHERE path IN (SELECT path FROM _wce_page_templates WHERE name IN (OLD.name, NEW.name));
END;
CREATE TRIGGER _wce_pages_templates_delete AFTER DELETE ON _wce_templates
BEGIN
    DELETE FROM _wce_page_cache WHERE path IN (SELECT path FROM _wce_page_templates WHERE name = OLD.name);
END;
CREATE TRIGGER _wce_pages_gone AFTER DELETE ON _wce_page_cache
BEGIN
    UPDATE _wce_state SET pages_at = OLD.changed_at WHERE pages_at < OLD.changed_at;
END;

-- Files of a cenv, served under /pages/assets/. size is that of content, so that a list need not read it.
CREATE TABLE _wce_assets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    modified_by INTEGER REFERENCES _wce_users (user_id) ON DELETE SET NULL,
    content BLOB NOT NULL,
    zipped BLOB
) STRICT;
