CREATE TABLE entry (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
  message TEXT NOT NULL CHECK (length(message) BETWEEN 1 AND 2000),
  written_at INTEGER NOT NULL DEFAULT (unixepoch()),
  approved INTEGER NOT NULL DEFAULT 0 CHECK (approved IN (0, 1))
);

INSERT INTO entry (name, message, approved) VALUES ('Ada', 'The first to be here.', 1);
