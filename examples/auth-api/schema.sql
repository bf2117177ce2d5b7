CREATE TABLE profile (
  user_id INTEGER PRIMARY KEY,
  display_name TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 80),
  bio TEXT NOT NULL DEFAULT ''
);

CREATE TABLE article (
  id INTEGER PRIMARY KEY,
  author_id INTEGER NOT NULL,
  title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  text TEXT NOT NULL,
  published INTEGER NOT NULL DEFAULT 0 CHECK (published IN (0, 1)),
  written_at INTEGER NOT NULL DEFAULT (unixepoch())
);

CREATE INDEX article_by_author ON article (author_id);
