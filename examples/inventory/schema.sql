CREATE TABLE item (
  sku TEXT PRIMARY KEY CHECK (length(sku) BETWEEN 1 AND 40),
  name TEXT NOT NULL,
  place TEXT NOT NULL DEFAULT '',
  minimum INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE movement (
  id INTEGER PRIMARY KEY,
  sku TEXT NOT NULL REFERENCES item,
  amount INTEGER NOT NULL,
  note TEXT NOT NULL DEFAULT '',
  by_user TEXT NOT NULL,
  at INTEGER NOT NULL DEFAULT (unixepoch())
);

CREATE INDEX movement_by_item ON movement (sku);

CREATE VIEW stock AS
  SELECT i.sku, i.name, i.place, i.minimum, coalesce(sum(m.amount), 0) AS amount
  FROM item AS i LEFT JOIN movement AS m ON m.sku = i.sku
  GROUP BY i.sku;

INSERT INTO item VALUES ('bolt-8', 'Bolt M8', 'A1', 100), ('nut-8', 'Nut M8', 'A2', 100);

INSERT INTO movement (sku, amount, note, by_user) VALUES ('bolt-8', 250, 'first delivery', 'storekeeper'), ('nut-8', 40, 'first delivery', 'storekeeper');
