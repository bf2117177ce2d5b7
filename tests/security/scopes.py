"""Every place where a sub-select can stand: a name must mean the same in all of them."""

from __future__ import annotations

from typing import Final

NUMBERS: Final = "SELECT value FROM json_each('[1,2,3,4,5,6,7,8,9]')"

# {} stands for a scalar sub-select that should be 3; each text answers something that depends on it.
SCOPES: Final = tuple(
    line.strip().replace("NUMBERS", NUMBERS)
    for line in """
    SELECT {}
    SELECT (1, {}) = (1, 3)
    SELECT 'x' LIKE 'x' ESCAPE CASE {} WHEN 3 THEN 'a' ELSE 'ab' END
    SELECT * FROM (SELECT {} AS a) NATURAL FULL JOIN (SELECT {} AS a)
    SELECT 1 FROM free GROUP BY {} HAVING {} = 3
    SELECT 5 IN (NUMBERS UNION ALL SELECT 10 LIMIT {})
    SELECT CASE {} WHEN 3 THEN 'three' ELSE 'more' END
    SELECT CAST({} AS TEXT) COLLATE nocase
    SELECT DISTINCT {} FROM free UNION SELECT {} ORDER BY 1 LIMIT {} OFFSET 0
    SELECT EXISTS (NUMBERS UNION ALL SELECT 10 LIMIT {} - 3)
    SELECT a FROM free WHERE (id, {}) IN (SELECT id, {} FROM free UNION ALL SELECT 1, 3 LIMIT {})
    SELECT count(*) FILTER (WHERE {} > 3) FROM free
    SELECT count(*) OVER (PARTITION BY {}) FROM free
    SELECT count(*) OVER w FROM free WINDOW w AS (ORDER BY {})
    SELECT f.id FROM free f JOIN free g ON f.id = {}
    SELECT f.id FROM free f LEFT JOIN free g ON g.id = {} WHERE g.id IS NOT NULL LIMIT 1
    SELECT group_concat({}) FROM free
    SELECT id FROM free ORDER BY abs(id - {}) LIMIT 1
    SELECT id FROM free WHERE id BETWEEN {} AND {}
    SELECT id FROM free WHERE id IN ({}, 77)
    SELECT iif({} = 3, 'three', 'more')
    SELECT nth_value(id, {}) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM free LIMIT 1
    SELECT total(a) FROM free WHERE a IS NOT DISTINCT FROM {}
    SELECT value FROM json_each('[1,2,' || {} || ']')
    SELECT (NUMBERS UNION ALL SELECT 10 LIMIT 1 OFFSET {})
    SELECT (SELECT (SELECT {} UNION ALL SELECT 5 LIMIT 1) UNION ALL SELECT 5 LIMIT 1)
    SELECT * FROM (NUMBERS UNION ALL SELECT 10 LIMIT {})
    NUMBERS UNION ALL SELECT 10 LIMIT {}
    NUMBERS UNION SELECT 10 ORDER BY 1 LIMIT 20 OFFSET {}
    NUMBERS EXCEPT SELECT 99 LIMIT {}
    NUMBERS INTERSECT NUMBERS LIMIT {}
    VALUES ({}), ({})
    VALUES (1), (2), (3), (4), (5) UNION ALL SELECT {} LIMIT {}
    SELECT * FROM (VALUES ({}), ({}))
    WITH x AS (NUMBERS UNION ALL SELECT 10 LIMIT {}) SELECT * FROM x
    WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x LIMIT {}) SELECT count(*) FROM x
    WITH RECURSIVE x(i) AS (SELECT {} UNION ALL SELECT i + 1 FROM x WHERE i < {} + 2) SELECT group_concat(i) FROM x
    WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + {} FROM x ORDER BY {} LIMIT {}) SELECT group_concat(i) FROM x
    INSERT INTO free(a) VALUES ({}), ({}) RETURNING a
    INSERT INTO free(a) NUMBERS UNION ALL SELECT 10 LIMIT {} RETURNING a
    INSERT INTO free(a) SELECT {} UNION ALL SELECT {} RETURNING a
    INSERT INTO free(a) WITH y AS (SELECT {} AS c) SELECT c FROM y UNION ALL SELECT {} LIMIT {} RETURNING a
    INSERT INTO free(id, a) VALUES (1, 1) ON CONFLICT(id) DO UPDATE SET a = {} WHERE {} = 3 RETURNING a, {}
    INSERT INTO free(id, a) SELECT 1, 1 WHERE 1 ON CONFLICT(id) DO UPDATE SET (a, b) = (SELECT {}, {}) RETURNING a, b
    INSERT INTO free(id, a) VALUES (1, 1) ON CONFLICT(id) WHERE {} = 3 DO UPDATE SET a = 1
    INSERT INTO keep(id, k) VALUES (1, 'kz') ON CONFLICT(k) DO NOTHING ON CONFLICT(id) DO UPDATE SET v = {} RETURNING v
    INSERT INTO notes(owner_id, score) VALUES (2, {}) RETURNING score
    INSERT INTO notes(id, owner_id) VALUES (1, 2) ON CONFLICT(id) DO UPDATE SET score = {} WHERE {} = 3 RETURNING score, {}
    UPDATE free SET a = {} WHERE id <= {} RETURNING a, {}
    UPDATE free SET (a, b) = (SELECT {}, {} UNION ALL SELECT 1, 2 LIMIT {}) WHERE id = 1 RETURNING a, b
    UPDATE free SET a = {} RETURNING a ORDER BY {} LIMIT {} - 2
    UPDATE free SET a = q.c FROM (SELECT {} AS c UNION ALL SELECT {} LIMIT 1) AS q RETURNING a
    UPDATE free SET a = 1 WHERE id = 1 RETURNING (SELECT x FROM (SELECT {} AS x UNION ALL SELECT 5 LIMIT 1))
    UPDATE free SET a = 1 WHERE id = 1 RETURNING (WITH y AS (SELECT {} AS x) SELECT x FROM y)
    UPDATE notes SET score = {} RETURNING score
    DELETE FROM free WHERE id <= {} RETURNING {} ORDER BY {} LIMIT {} - 1
    DELETE FROM slots WHERE id = 1 RETURNING {}
    """.strip().splitlines()
)


def place(scope: str, sub_select: str, definition: str = "") -> str:
    """The text with the sub-select in every place, and with one more CTE in front."""
    text = scope.replace("{}", sub_select)
    if not definition:
        return text
    if text.startswith("WITH RECURSIVE "):
        return f"WITH RECURSIVE {definition}, {text.removeprefix('WITH RECURSIVE ')}"
    if text.startswith("WITH "):
        return f"WITH {definition}, {text.removeprefix('WITH ')}"
    return f"WITH {definition} {text}"
