"""The tokenizer, by itself and against SQLite's own."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wce.errors import Position, WceError
from wce.guard.tokens import emit, place, tokenize
from wce.store.sqlite import Connection, connect, sqlite3


def texts(sql: str) -> list[str]:
    return [token.text for token in tokenize(sql)]


def refusal(sql: str) -> WceError:
    with pytest.raises(WceError) as caught:
        tokenize(sql)
    return caught.value


def test_a_statement_falls_into_tokens() -> None:
    assert texts("SELECT a.b, 'it''s', \"q\", [x y], `z`, ?1, :n, 1.5e3, x'00' FROM t") == [
        *("SELECT", "a", ".", "b", ",", "'it''s'", ",", '"q"', ",", "[x y]", ",", "`z`", ",", "?1", ",", ":n", ",", "1.5e3", ","),
        *("x'00'", "FROM", "t"),
    ]


def test_every_way_to_quote_gives_the_same_folded_name() -> None:
    assert {token.name for token in tokenize("Notes \"NOTES\" [notes] `nOtes` 'NOTES'")} == {"notes"}


def test_only_ascii_letters_are_folded() -> None:
    kelvin, dotted = "\u212a", "\u0130"

    assert [token.name for token in tokenize(f"{kelvin} {dotted} K")] == [kelvin, dotted, "k"]


def test_only_a_bare_word_is_a_keyword() -> None:
    assert [token.keyword for token in tokenize("select \"select\" 'select' [select]")] == ["SELECT", None, None, None]


def test_a_comment_becomes_one_blank() -> None:
    assert emit(tokenize("SELECT/* x */1--y\n,2")) == "SELECT 1 ,2"


def test_spacing_survives_so_that_columns_keep_their_names() -> None:
    sql = "SELECT  count( * ),a+ b  FROM t"

    assert emit(tokenize(sql)) == sql


def test_parentheses_know_each_other_and_their_depth() -> None:
    tokens = tokenize("a(b(c))")

    assert [(token.depth, token.match) for token in tokens] == [(0, -1), (0, 6), (1, -1), (1, 5), (2, -1), (1, 3), (0, 1)]


@pytest.mark.parametrize("sql", ["SELECT 1) OR (1", "SELECT (1", ")(", "SELECT 1)"])
def test_parentheses_must_balance(sql: str) -> None:
    assert refusal(sql).code == "syntax_error"


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", ";;SELECT 1", "SELECT ';' ; --x\n SELECT 2"])
def test_a_second_statement_is_refused(sql: str) -> None:
    assert refusal(sql).code == "multiple_statements"


@pytest.mark.parametrize("sql", ["SELECT 1;", "SELECT 1 ; ;", "SELECT ';';--;\n"])
def test_semicolons_at_the_end_do_no_harm(sql: str) -> None:
    assert texts(sql)[0] == "SELECT"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 /* never closed",
        "SELECT 'never closed",
        'SELECT "never closed',
        "SELECT x'0'",
        "SELECT 1.b",
        "SELECT 1x",
        "SELECT 0x",
        "SELECT $a(1)",
        "SELECT $a::b",
        "SELECT #1",
        "SELECT 1_000",
        "SELECT \\",
        "SELECT a\x00",
        "\ufeffSELECT 1",
        "SELECT '\ud800'",
        "",
        "  -- nothing\n",
        "SELECT a !b",
    ],
)
def test_what_sqlite_might_read_otherwise_is_refused(sql: str) -> None:
    assert refusal(sql).code == "syntax_error"


def test_parentheses_may_be_a_hundred_deep() -> None:
    assert len(tokenize("SELECT " + "(" * 100 + "1" + ")" * 100)) == 202
    with pytest.raises(WceError) as caught:
        tokenize("SELECT " + "(" * 101 + "1" + ")" * 101)

    assert caught.value.code == "too_large"


def test_an_error_says_where() -> None:
    assert refusal("SELECT 1,\n  #2").position == Position(2, 3)
    assert place("ab\ncd", 4) == Position(2, 2)


# ------------------------------------------------------------------------------------ against SQLite


WORDS = """
    SELECT select FROM WHERE AND OR NOT IN ( ) ( ) , , . ; * + - / % < > = == != <> <= >= << >> || | & ~ -> ->> 1 0 .5 1.5 1e3 1e 0x1f
    0x 1. .e1 x'00' X'AbCd' x'0' x y t a b "a" "a""b" "" [a] [a [] `a` `a``b` 'a' 'a''b' '' ' " [ ` ? ?1 ?2 :a @a $a $a(b) :: : # é ñ
    -- /* */ /**/ /*x*/ -- /*/ */ $ a$b a$ _ _1 \u212a \u00a0 NULL CASE WHEN THEN END AS LIKE GLOB 9223372036854775808 1_0 \\ ! 1.b 1.e5
    """
PIECES = st.sampled_from(WORDS.split())
GAPS = st.sampled_from(["", "", " ", "\n", "\t", "\f", "\r", "\v", "/**/", "--\n", "\x00"])
TEXTS = st.lists(st.tuples(PIECES, GAPS), min_size=1, max_size=12).map(lambda parts: "".join(piece + gap for piece, gap in parts))


@pytest.fixture(scope="module")
def sqlite():
    connection = connect("", mode="memory")
    connection.execute("CREATE TABLE t (a, b, x, y)")
    yield connection
    connection.close()


def verdict(connection: Connection, sql: str) -> str:
    """What SQLite makes of a text: its error, or that it could be prepared."""
    try:
        connection.execute(f"EXPLAIN {sql}", (1,) * 40).close()
    except sqlite3.ProgrammingError as error:
        return "parameters" if "bindings" in str(error) else str(error)
    except (sqlite3.Error, sqlite3.Warning) as error:
        return str(error).split('"', 1)[0].replace("incomplete input", "near ")  # without a `;` at the end the same error is called so
    return "prepared"


def expectation(connection: Connection, sql: str) -> str:
    """The verdict, where the module itself does not mind the `;` at the end."""
    found = verdict(connection, sql)
    if "one statement" in found:
        found = verdict(connection, sql.rstrip("; \t\n\f\r"))
        assume("one statement" not in found)
    return found


def spread(sql: str, between: str) -> str:
    return between.join(token.text for token in tokenize(sql))


@pytest.mark.no_cover  # what is random says nothing about coverage, and runs twice as fast without it
@settings(max_examples=250, deadline=None)
@given(st.one_of(TEXTS, TEXTS.map("SELECT ".__add__), TEXTS.map(lambda text: f"SELECT a FROM t WHERE {text}")))
def test_sqlite_reads_the_tokens_as_we_do(sqlite: Connection, sql: str) -> None:
    try:
        tokens = tokenize(sql)
    except WceError:
        assume(False)

    expected = expectation(sqlite, sql)

    assert verdict(sqlite, emit(tokens)) == expected
    for between in (" ", "\n", " /* ' */", ' --"\n'):
        assert verdict(sqlite, spread(sql, between)) == expected


@pytest.mark.no_cover
@settings(max_examples=120, deadline=None)
@given(st.text(alphabet=st.sampled_from("aA1.'\"`[]xX0eE+-*/()$?:@#,;= \n\té\u212a"), max_size=14))
def test_any_text_is_read_alike_or_refused(sqlite: Connection, text: str) -> None:
    try:
        tokens = tokenize("SELECT " + text)
    except WceError:
        assume(False)

    assert verdict(sqlite, emit(tokens)) == expectation(sqlite, "SELECT " + text)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a, count(*) FROM t GROUP BY a HAVING count(*) > 1 ORDER BY 1 DESC LIMIT 5 OFFSET 1",
        "SELECT json('{\"a\":1}') -> 'a' ->> 'b'",
        "SELECT 1e5, 1E-5, .5e+3, 0xFF, 1., 9223372036854775807",
        "SELECT x'AB', X'', 'a''b', \"a\", [a], `a` FROM t",
        "SELECT a.b FROM (SELECT b FROM t) AS a WHERE b IS NOT DISTINCT FROM 5",
        "WITH é AS (SELECT 1) SELECT * FROM é",
        "SELECT ?, ?2, ? FROM t WHERE a IN (?)",
        "SELECT ~1 | 2 & 3 << 1 >> 1 || 'x' <> 'y' != 'z'",
    ],
)
def test_ordinary_sql_is_accepted_and_unchanged(sqlite: Connection, sql: str) -> None:
    assert emit(tokenize(sql)) == sql
    assert verdict(sqlite, sql) in ("prepared", "parameters")
