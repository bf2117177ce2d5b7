"""Views and triggers made by administrators: they work with the rights of whoever uses them, unless marked otherwise."""

# ruff: noqa: E501 - a statement reads best on one line

from __future__ import annotations

from tests.security.attack import Attack, changes, refused, rows, same

NOTES = "SELECT id, secret FROM notes WHERE owner_id = 2 ORDER BY id"

VIEWS: tuple[Attack, ...] = (
    rows("over a policy table", "SELECT id, title FROM v_notes ORDER BY id", [(1, "apple"), (3, "cherry"), (50, "plum")]),
    rows("window inside", 'SELECT max("count(*) OVER ()") FROM v_notes', [(3,)]),
    rows("count inside", "SELECT n FROM v_count", [(3,)]),
    rows("nested", "SELECT n, title FROM v_nested ORDER BY title LIMIT 1", [(3, "apple")]),
    rows("join inside", "SELECT title, text FROM v_join ORDER BY text", [("apple", "first"), ("apple", "last"), ("cherry", "on three")]),
    rows("column list", "SELECT item, cost FROM v_catalog ORDER BY item", [("ink", 9.0), ("pen", 1.5)]),
    rows("with its base table", "SELECT count(*) FROM v_notes, notes", [(9,)]),
    rows("in a cte", "WITH x AS (SELECT * FROM v_count) SELECT * FROM x", [(3,)]),
    rows("in a sub-select of a write", "UPDATE free SET a = (SELECT n FROM v_count) WHERE id = 1 RETURNING a", [(3,)]),
    rows("qualified", "SELECT n FROM main.v_count", [(3,)]),
    refused("over a hidden table", "SELECT * FROM v_vault", "table_forbidden", "SELECT * FROM v_catalog"),
    refused("over a hidden table, count", "SELECT count(*) FROM v_vault", "table_forbidden", "SELECT count(*) FROM v_catalog"),
    refused("over a hidden table, constant", "SELECT 1 FROM v_vault", "table_forbidden", "SELECT 1 FROM v_catalog"),
    refused("full join using a hidden column", "SELECT * FROM v_full", "table_forbidden", "SELECT * FROM v_notes_full"),
    refused("full join using a hidden column, in a sub-select", "SELECT (SELECT group_concat(secret) FROM v_full)", "table_forbidden", "SELECT (SELECT group_concat(secret) FROM v_notes_full)"),
    refused("join using a hidden table's key", "SELECT * FROM v_using", "table_forbidden", "SELECT * FROM v_notes_full"),
    refused("natural join with a hidden table", "SELECT n FROM v_natural", "table_forbidden", "SELECT n FROM v_count"),
    rows("full join using a policy table", "SELECT secret FROM v_notes_full ORDER BY 1", [("blue",), ("dark",), ("red",)]),
    refused("not granted", "SELECT * FROM v_hidden", "no_such_table", "SELECT * FROM v_catalog"),
    refused("not granted, count", "SELECT count(*) FROM main.v_hidden", "no_such_table", "SELECT count(*) FROM main.v_catalog"),
    refused("target captured by its name", "WITH v_count AS (SELECT count(*) AS n FROM vault) SELECT n FROM v_count", "no_such_table", "SELECT n FROM v_count"),
    refused("written", "UPDATE v_catalog SET cost = 0", "table_forbidden no_such_table", "UPDATE free SET a = 0"),
    refused("deleted", "DELETE FROM v_notes", "table_forbidden no_such_table", "DELETE FROM free"),
    refused("replaced", "REPLACE INTO v_notes(id, title) VALUES (1, 'x')", "table_forbidden no_such_table", "REPLACE INTO free(id, b) VALUES (1, 'x')"),
    same("inner name captured by a cte", "WITH notes AS (SELECT 1 AS id, 'x' AS title) SELECT * FROM v_notes"),
    same("inner name captured in a nested scope", "SELECT (WITH notes AS (SELECT 9 AS id) SELECT n FROM v_count)"),
    same("inner name captured by a hidden table", "WITH notes AS (SELECT id, secret AS title FROM vault) SELECT * FROM v_notes"),
    same("inner name captured for a view over a hidden table", "WITH vault AS (SELECT 1 AS id, 'x' AS secret) SELECT * FROM v_vault"),
    same("view and cte of a view's name", "WITH v_count AS (SELECT 7 AS n) SELECT * FROM v_nested"),
    same("view of another user", "SELECT * FROM v_notes", who="bob"),
    same("target and view over it", "INSERT INTO notes(owner_id, title) SELECT 2, title || n FROM v_nested"),
)  # fmt: skip

TRIGGERS: tuple[Attack, ...] = (
    changes("invoker may write where it writes", "INSERT INTO free(a, b) VALUES (101, 'x')", 1, "SELECT what FROM trail WHERE id = 101", [("x",)]),
    changes("invoker reads only its own new row", "UPDATE notes SET score = 101 WHERE id = 1", 1, "SELECT what FROM trail WHERE id = 101", [("appleapple",)]),
    changes("invoker on all rows", "UPDATE notes SET score = 101", 3, "SELECT count(*) FROM trail WHERE id > 100", [(3,)]),
    changes("definer", "INSERT INTO orders(stock_id, n) VALUES (1, 5)", 1, "SELECT n FROM stock WHERE id = 1", [(95,)], writes=frozenset({"stock"})),
    changes("definer, unknown row", "INSERT INTO orders(stock_id, n) VALUES (77, 5)", 1),
    refused("definer, then reading what it wrote", "INSERT INTO orders(stock_id, n) VALUES (1, 5) RETURNING (SELECT n FROM stock)", "no_such_table", "INSERT INTO orders(stock_id, n) VALUES (77, 5) RETURNING n"),
    refused("copies a hidden row into sight", "INSERT INTO inbox(body) VALUES ('x')", "table_forbidden no_such_table", "UPDATE inbox SET body = 'x'"),
    refused("copies a hidden row into sight, returned", "INSERT INTO inbox(body) VALUES ('x') RETURNING body", "table_forbidden no_such_table", "UPDATE inbox SET body = 'x' RETURNING body"),
    refused("writes to all notes", "INSERT INTO spill(body) VALUES ('x')", "row_policy table_forbidden", "UPDATE spill SET body = 'x'"),
    refused("deletes from a hidden table", "DELETE FROM spill", "table_forbidden no_such_table", "UPDATE spill SET body = 'x'"),
    refused("copies a hidden column by a full join", "INSERT INTO echo(body) VALUES ('y')", "table_forbidden no_such_table", "INSERT INTO free(b) VALUES ('y')"),
    refused("copies hidden rows by a full join", "UPDATE echo SET body = 'y' RETURNING body", "table_forbidden no_such_table row_policy", "UPDATE free SET b = 'y' RETURNING b"),
    refused("copies a hidden table as a whole", "INSERT INTO relay(body) VALUES ('y')", "table_forbidden no_such_table", "INSERT INTO free(b) VALUES ('y')"),
    refused("copies a policy table as a whole", "UPDATE relay SET body = 'y'", "table_forbidden no_such_table row_policy", "UPDATE free SET b = 'y'"),
    refused("copies a hidden table by its columns", "DELETE FROM relay", "table_forbidden no_such_table", "DELETE FROM free"),
    refused("asks a hidden table before it fires", "DELETE FROM echo", "table_forbidden no_such_table", "DELETE FROM free"),
    refused("named as a table", "SELECT * FROM notes_trail", "no_such_table", "SELECT * FROM notes"),
    refused("bob has no right on the trail", "UPDATE notes SET score = 101", "table_forbidden", "UPDATE notes SET data = 'x'", who="bob"),
)  # fmt: skip

PEOPLE: tuple[Attack, ...] = (
    rows("bob sees another's docs by membership", "SELECT count(*) FROM docs WHERE id IN (1, 90)", [(0,)], who="bob"),
    rows("bob cannot see alice's notes", "SELECT count(*) FROM notes WHERE id IN (1, 3, 50)", [(0,)], who="bob"),
    changes("bob cannot change alice's notes", "UPDATE notes SET data = 'x' WHERE id IN (1, 3, 50)", 0, NOTES, [(1, "red"), (3, "dark"), (50, "blue")], who="bob"),
    refused("bob cannot take alice's note", "INSERT INTO notes(id, owner_id) VALUES (1, 3) ON CONFLICT(id) DO UPDATE SET owner_id = 3", "row_policy", "SELECT 1", who="bob"),
    refused("bob lacks tables of alice", "SELECT * FROM tasks", "no_such_table", "SELECT * FROM catalog", who="bob"),
    refused("bob lacks a right of alice", "INSERT INTO catalog(name) VALUES ('x')", "table_forbidden", "SELECT * FROM catalog", who="bob"),
    rows("viewer reads", "SELECT count(*) FROM catalog", [(2,)], who="vera"),
    rows("viewer under a policy", "SELECT count(*) FROM notes WHERE id < 4", [(0,)], who="vera"),
    refused("viewer writes", "UPDATE free SET a = 1", "table_forbidden", "SELECT a FROM free", who="vera"),
    refused("viewer writes by a cte", "WITH x AS (SELECT 1) INSERT INTO free(a) SELECT * FROM x", "table_forbidden", "SELECT a FROM free", who="vera"),
    rows("public reads", "SELECT text FROM board ORDER BY id", [("mine",), ("theirs",)], who="public"),
    refused("public writes", "INSERT INTO board(text) VALUES ('x')", "table_forbidden", "SELECT text FROM board", who="public"),
    refused("public lacks notes", "SELECT * FROM notes", "no_such_table", "SELECT text FROM board", who="public"),
    refused("public lacks notes in a write", "DELETE FROM notes", "no_such_table", "SELECT text FROM board", who="public"),
    refused("public users", "SELECT * FROM _wce_users", "no_such_table", "SELECT text FROM board", who="public"),
)  # fmt: skip
