-- Statements that a user keeps under a name.
CREATE TABLE _wce_saved_queries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES _wce_users (user_id) ON DELETE CASCADE,
    name TEXT NOT NULL COLLATE NOCASE,
    sql TEXT NOT NULL,
    modified_at INTEGER NOT NULL,
    UNIQUE (user_id, name)
) STRICT;

-- Requests by quarters of an hour; `durations` is a JSON list of how many took how long, by the bounds of the program.
CREATE TABLE _wce_traffic (
    started_at INTEGER PRIMARY KEY,
    requests INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    durations TEXT NOT NULL
) STRICT;
