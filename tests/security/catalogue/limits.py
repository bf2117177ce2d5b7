"""Statements that would eat time, memory or space: each stops early, and says the same in both worlds."""

# ruff: noqa: E501 - a statement reads best on one line

from __future__ import annotations

from tests.security.attack import Attack, refused, rows, same

SLOW = "query_timeout"
BIG = "too_large"
FEW = "WITH RECURSIVE x(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM x WHERE i < 1000) SELECT count(*) FROM x"
JOIN = "SELECT count(*) FROM free AS a, free AS b"
DOUBLING = (
    "WITH c0 AS (SELECT 1), "
    + ", ".join(f"c{n} AS (SELECT * FROM c{n - 1} UNION ALL SELECT * FROM c{n - 1})" for n in range(1, 26))
    + " SELECT count(*) FROM c25"
)
NESTED = "WITH c0 AS (SELECT 1), " + ", ".join(f"c{n} AS (SELECT * FROM c{n - 1})" for n in range(1, 6)) + " SELECT count(*) FROM c5"
ENDLESS = "WITH RECURSIVE x(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM x) "

LIMITS: tuple[Attack, ...] = (
    refused("endless recursion", ENDLESS + "SELECT count(*) FROM x", SLOW, FEW, timeout=0.2),
    refused("endless recursion in a write", ENDLESS + "INSERT INTO free(a) SELECT i FROM x", f"{SLOW} quota_exceeded {BIG}", "INSERT INTO free(a) SELECT 1", timeout=0.2),
    refused("endless recursion in a sub-select", "SELECT (" + ENDLESS + "SELECT max(i) FROM x)", SLOW, FEW, timeout=0.2),
    refused("endless recursion in a where of an update", "UPDATE free SET a = 1 WHERE (" + ENDLESS + "SELECT max(i) FROM x)", SLOW, "UPDATE free SET a = 1 WHERE 1", timeout=0.2),
    refused("cartesian join", ENDLESS + ", y AS (SELECT i FROM x LIMIT 100000) SELECT count(*) FROM y a, y b, y c", SLOW, JOIN, timeout=0.2),
    refused("heavy function per row", ENDLESS + "SELECT sum(length(hex(randomblob(400000)))) FROM (SELECT i FROM x LIMIT 100000)", SLOW, "SELECT length(hex(randomblob(90)))", timeout=0.3),
    refused("growing text", "WITH RECURSIVE x(t) AS (VALUES ('x') UNION ALL SELECT t || t FROM x) SELECT max(length(t)) FROM x", f"{BIG} {SLOW} sql_error", "WITH RECURSIVE x(t) AS (VALUES ('x') UNION ALL SELECT t || t FROM x LIMIT 5) SELECT max(length(t)) FROM x", timeout=1.0),
    refused("sorter on disk", ENDLESS + "SELECT i FROM (SELECT i, randomblob(500) AS r FROM x LIMIT 10000000) ORDER BY r", SLOW, "SELECT i FROM (SELECT 1 AS i) ORDER BY i", timeout=0.3),
    refused("doubling CTEs", DOUBLING, BIG, NESTED, timeout=2.0),
    refused("doubling CTEs in a write", DOUBLING.replace("SELECT count(*) FROM c25", "DELETE FROM free WHERE a IN c25"), BIG, "WITH c AS (SELECT 1) DELETE FROM free WHERE a IN c", timeout=2.0),
    refused("doubling CTEs, quoted", DOUBLING.replace(" c1 ", ' "c1" ').replace(" c2 ", " [c2] "), BIG, NESTED, timeout=2.0),
    refused("many CTEs", "WITH " + ", ".join(f"c{n} AS (SELECT 1)" for n in range(60)) + " SELECT 1", BIG, NESTED),
    refused("very many names", "SELECT " + " + ".join(["(SELECT count(*) FROM notes)"] * 2000), f"{BIG} sql_error syntax_error", "SELECT (SELECT count(*) FROM notes) + 1"),
    refused("doubling views", "SELECT count(*) FROM " + ", ".join(f"v_nested AS v{n}" for n in range(80)), f"{BIG} sql_error", "SELECT count(*) FROM v_nested AS a, v_nested AS b"),
    refused("long text", "SELECT '" + "x" * 200_000 + "'", BIG, "SELECT 'x'"),
    refused("long text of spaces", "SELECT 1" + " " * 200_000, BIG, "SELECT 1    "),
    refused("long comment", "SELECT 1 /*" + "x" * 200_000 + "*/", BIG, "SELECT 1 /* x */"),
    refused("deep parentheses", "SELECT " + "(" * 2000 + "1" + ")" * 2000, f"{BIG} sql_error syntax_error", "SELECT ((1))"),
    refused("deep expression", "SELECT " + "1 + " * 2000 + "1", f"{BIG} sql_error", "SELECT 1 + 1"),
    refused("deep NOT", "SELECT " + "NOT " * 5000 + "1", f"{BIG} sql_error syntax_error", "SELECT NOT NOT 1"),
    refused("deep CASE", "SELECT " + "CASE WHEN 1 THEN " * 400 + "1" + " END" * 400, f"{BIG} sql_error", "SELECT CASE WHEN 1 THEN 1 END"),
    refused("deep sub-selects", "SELECT * FROM " + "(SELECT * FROM " * 300 + "free" + ")" * 300, f"{BIG} sql_error syntax_error", "SELECT * FROM (SELECT * FROM free)"),
    refused("long compound", " UNION ALL ".join(["SELECT 1"] * 600), f"{BIG} sql_error", "SELECT 1 UNION ALL SELECT 2"),
    refused("many columns", "SELECT " + ", ".join(["1"] * 3000), f"{BIG} sql_error", "SELECT 1, 1"),
    refused("many arguments", "SELECT coalesce(" + ", ".join(["NULL"] * 300) + ")", f"{BIG} sql_error", "SELECT coalesce(NULL, 1)"),
    refused("many joins", "SELECT 1 FROM " + ", ".join(f"free AS f{n}" for n in range(70)), f"{BIG} sql_error", JOIN),
    refused("many parameters", "SELECT " + " + ".join(f"?{n}" for n in range(1, 50)) + " + ?9999", f"{BIG} sql_error validation", "SELECT ?1", twin_params=(1,)),
    refused("parameter of a giant number", "SELECT ?99999999999", "sql_error syntax_error too_large validation", "SELECT ?1", twin_params=(1,)),
    refused("long like pattern", "SELECT 'x' LIKE '" + "%a" * 20_000 + "'", f"{BIG} sql_error", "SELECT 'x' LIKE '%a%a'"),
    refused("zeroblob", "SELECT zeroblob(2000000000)", f"{BIG} sql_error", "SELECT zeroblob(10)"),
    refused("randomblob", "SELECT randomblob(2000000000)", f"{BIG} sql_error", "SELECT length(randomblob(10))"),
    refused("group_concat of much", ENDLESS + "SELECT group_concat(hex(randomblob(1000))) FROM x", f"{BIG} {SLOW} sql_error", "SELECT group_concat(b) FROM free", timeout=0.3),
    refused("json array of much", ENDLESS + "SELECT json_group_array(hex(randomblob(1000))) FROM x", f"{BIG} {SLOW} sql_error", "SELECT json_group_array(b) FROM free", timeout=0.3),
    refused("many bytes", "WITH RECURSIVE x(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM x WHERE i < 9) SELECT zeroblob(900000) FROM x", BIG, "SELECT zeroblob(90) FROM free", max_bytes=1_000_000),
    refused("many bytes in one row", "SELECT zeroblob(900000), zeroblob(900000)", BIG, "SELECT zeroblob(9)", max_bytes=1_000_000),
    refused("many bytes returned by a write", "UPDATE free SET a = 1 RETURNING zeroblob(900000)", BIG, "UPDATE free SET a = 1 RETURNING zeroblob(9)", max_bytes=1_000_000),
    rows("rows are cut", "SELECT title FROM notes ORDER BY id", [("apple",), ("cherry",)], max_rows=2),
    same("rows are cut where hidden rows begin", "SELECT count(*) OVER () FROM notes", max_rows=1),
    same("recursion over a policy table", "WITH RECURSIVE x(i) AS (SELECT id FROM notes UNION SELECT x.i * 2 FROM x, notes WHERE x.i < 1000) SELECT count(*) FROM x"),
    same("union of endless recursion", "WITH RECURSIVE x(i) AS (VALUES (1) UNION SELECT i % 7 FROM x) SELECT count(*) FROM x"),
    same("deep json", "SELECT json('" + "[" * 3000 + "]" * 3000 + "')"),
    same("deep json tree", "SELECT count(*) FROM json_tree('" + "[" * 900 + "]" * 900 + "')"),
    refused("grows the database", "WITH RECURSIVE x(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM x WHERE i < 100) INSERT INTO free(b) SELECT hex(zeroblob(450000)) FROM x",
            "quota_exceeded too_large", "INSERT INTO free(b) SELECT hex(zeroblob(4))"),
)  # fmt: skip

WRONG = "validation"
PARAMETERS: tuple[Attack, ...] = (
    refused("integer of 70 bits", "SELECT ?", WRONG, "SELECT ?", params=(2**70,), twin_params=(2**62,)),
    refused("integer just too large", "SELECT ?", WRONG, "SELECT ?", params=(2**63,), twin_params=(2**63 - 1,)),
    refused("integer just too small", "SELECT ?", WRONG, "SELECT ?", params=(-(2**63) - 1,), twin_params=(-(2**63),)),
    refused("half a surrogate", "SELECT ?", WRONG, "SELECT ?", params=("\ud800",), twin_params=("\U0001f600",)),
    refused("half a surrogate in a write", "UPDATE free SET b = ?", WRONG, "UPDATE free SET b = ?", params=("a\udfff",), twin_params=("a",)),
    refused("too long a text", "SELECT length(?)", f"{WRONG} {BIG}", "SELECT length(?)", params=("x" * 5_000_000,), twin_params=("x",)),
    refused("too long a blob", "SELECT length(?)", f"{WRONG} {BIG}", "SELECT length(?)", params=(b"x" * 5_000_000,), twin_params=(b"x",)),
    refused("names where numbers are wanted", "SELECT ?, ?", WRONG, "SELECT :a, :b", params={"a": 1}, twin_params={"a": 1, "b": 2}),
    refused("a name that is missing", "SELECT :a, :b", WRONG, "SELECT :a, :b", params={"a": 1}, twin_params={"a": 1, "b": 2}),
    refused("mixed marks", "SELECT ?, :a", f"{WRONG} syntax_error", "SELECT ?, ?", params={"a": 1}, twin_params=(1, 2)),
    refused("long pattern for a slow function", "SELECT replace(b, ?, '') FROM free", f"{WRONG} function_not_allowed {BIG}", "SELECT replace(b, ?, '') FROM free", params=("x" * 900_000,), twin_params=("x",)),
    refused("format by a parameter", "SELECT printf(?, 1)", "function_not_allowed", "SELECT printf('%d', ?)", params=("%d",), twin_params=(1,)),
    rows("zero character in a text", "SELECT length(?), ?1 = 'a'", [(1, 0)], params=("a\x00b",)),
    rows("zero character does not end a comparison", "SELECT count(*) FROM notes WHERE title = ?", [(0,)], params=("apple\x00",)),
    rows("text that looks like SQL", "SELECT count(*) FROM notes WHERE title = ?", [(0,)], params=("x' OR 1=1 --",)),
    rows("not a number", "SELECT ? IS NULL", [(1,)], params=(float("nan"),)),
    rows("infinity", "SELECT ? > 1e308", [(1,)], params=(float("inf"),)),
    rows("truth", "SELECT typeof(?)", [("integer",)], params=(True,)),
)  # fmt: skip
