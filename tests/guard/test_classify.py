"""Which statements could tell about hidden rows."""

from __future__ import annotations

import pytest

from wce.guard.classify import leakproof, leakproof_body, length_sensitive
from wce.guard.head import parse
from wce.guard.tokens import tokenize


def is_leakproof(sql: str) -> bool:
    return leakproof(parse(sql, tokenize(sql)))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, title FROM notes WHERE id = ? AND title LIKE 'a%' ORDER BY title",
        "SELECT count(*), max(id), lower(title) FROM notes GROUP BY title HAVING count(*) > 1",
        "SELECT * FROM notes AS n JOIN docs ON docs.id = n.id WHERE n.title GLOB ?",
        "SELECT row_number() OVER (PARTITION BY a) FROM notes",
        "SELECT first || ' ' || last FROM notes ORDER BY 1",
        "INSERT INTO notes VALUES (?, ?), (1, 'a' || ?)",
        "UPDATE notes SET title = title || '!' WHERE id = 5",
        "DELETE FROM notes WHERE id IN (1, 2, 3)",
        "SELECT CAST(a AS TEXT), coalesce(a, b), date('now') FROM notes WHERE a IS NOT NULL AND b BETWEEN 1 AND 2",
    ],
)
def test_plain_statements_need_no_barrier(sql: str) -> None:
    assert is_leakproof(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM notes WHERE abs(x)",
        'SELECT id FROM notes WHERE "lower"(x) = 1',  # a quoted name is not looked up
        "SELECT id FROM notes WHERE json_extract(x, '$') = 1",
        "SELECT id FROM notes WHERE x -> '$' = 1",
        "SELECT id FROM notes WHERE x ->> '$' = 1",
        "SELECT id FROM notes WHERE x MATCH 'a'",
        "SELECT id FROM notes WHERE x REGEXP 'a'",
        "SELECT id FROM notes WHERE x LIKE y",
        "SELECT id FROM notes WHERE x LIKE 'a' ESCAPE y",
        "SELECT id FROM notes WHERE x LIKE ('a')",
        "SELECT id FROM notes WHERE x LIKE 'a' || y",
        f"SELECT id FROM notes WHERE x LIKE '{'%' * 300}'",
        "SELECT id FROM notes WHERE x || y = 'z'",
        "SELECT x || y AS z FROM notes WHERE z = 'z'",  # the alias brings it into the condition
        "SELECT x || y AS z FROM notes JOIN docs ON z = 1",
        "SELECT id FROM notes WHERE id IN (SELECT 1)",
        "SELECT id FROM notes WHERE id IN other",
        "SELECT id FROM notes UNION SELECT 1",
        "WITH a AS (SELECT 1) SELECT id FROM notes",
        "UPDATE notes SET title = (SELECT 1)",
        "UPDATE notes SET title = 'a' WHERE x || y = 1",
        "DELETE FROM notes WHERE hex(x) = 'a'",
        "SELECT * FROM notes, json_each(notes.x)",
    ],
)
def test_what_could_fail_or_be_slow_on_a_row_needs_the_barrier(sql: str) -> None:
    assert not is_leakproof(sql)


def test_the_columns_after_a_target_are_no_call() -> None:
    assert is_leakproof("INSERT INTO abs (a) VALUES (1)")


def test_the_body_of_a_view_may_not_join_strings_at_all() -> None:
    assert leakproof_body(tokenize("SELECT id, lower(title) FROM notes"))
    assert not leakproof_body(tokenize("SELECT first || last AS name FROM notes"))
    assert not leakproof_body(tokenize("SELECT id FROM notes WHERE id IN (SELECT 1)"))
    assert not leakproof_body(tokenize("SELECT abs(id) FROM notes"))


def test_patterns_in_parameters_are_length_sensitive() -> None:
    assert length_sensitive(tokenize("SELECT 1 WHERE a LIKE ?"))
    assert not length_sensitive(tokenize("SELECT 1 WHERE a = ?"))
