-- Keys for machines. A key acts as its user, cut down to its scope (JSON); only the hash of it is kept.
CREATE TABLE _wce_api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES _wce_users (user_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    key_hash TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL DEFAULT '{}',
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used INTEGER,
    UNIQUE (user_id, name)
) STRICT;
