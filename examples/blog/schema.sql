CREATE TABLE post (
  slug TEXT PRIMARY KEY CHECK (length(slug) BETWEEN 1 AND 80 AND slug NOT GLOB '*[^a-z0-9-]*'),
  title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  summary TEXT NOT NULL DEFAULT '',
  body TEXT NOT NULL,
  tags TEXT NOT NULL DEFAULT '' CHECK (tags NOT LIKE '%/%'),  -- each is a segment of an address
  written_at INTEGER NOT NULL DEFAULT (unixepoch()),
  published INTEGER NOT NULL DEFAULT 0 CHECK (published IN (0, 1))
);

INSERT INTO post (slug, title, summary, body, tags, written_at, published) VALUES
('moth', 'The moth', 'What stopped relay 70.', 'We found a **moth** in relay 70, panel F.

> First actual case of bug being found.

It is taped into the log.', 'bugs,mark-ii', unixepoch('1947-09-09 15:45:00'), 1),
('compilers', 'Compilers', 'Nobody believed that.', 'I had a running compiler, and nobody would touch it.

* It translates.
* It runs.

They told me that computers could only do arithmetic.', 'code', unixepoch('1952-05-02 09:00:00'), 1),
('nanoseconds', 'Nanoseconds', 'How far light comes.', 'About 30 cm of wire: so far electricity comes in a nanosecond.

```python
print(299_792_458 * 1e-9)
```

Do not throw them away.', 'code,hardware', unixepoch('1982-08-26 18:00:00'), 1),
('next', 'What comes next', 'A draft.', 'Nobody but those who write sees this one yet.', 'code', unixepoch('1986-08-14 09:00:00'), 0);
