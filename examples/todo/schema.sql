CREATE TABLE todo (
  id INTEGER PRIMARY KEY,
  owner TEXT NOT NULL,
  title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  due TEXT,
  shared INTEGER NOT NULL DEFAULT 0 CHECK (shared IN (0, 1)),
  done INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1))
);

CREATE INDEX todo_by_owner ON todo (owner, done);

INSERT INTO todo (owner, title, shared) VALUES
  ('grace', 'Find the moth', 0),
  ('grace', 'Bring cake on Friday', 1),
  ('linus', 'Read the patch', 0);
