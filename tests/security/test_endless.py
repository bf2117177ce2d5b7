"""Texts that a pattern would look through again from each of their characters: nobody else would be served meanwhile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

Outcome = Callable[[str, bytes], str]
# What takes the square of these lengths takes minutes, or 8 s at the least; the processor's time is bounded and not the clock's.
_SECONDS = 5
_RUN = """
import os, resource, sys
from wce.config import Settings
from wce.core.passwords import check
from wce.core.tokens import Tokens
from wce.errors import WceError
from wce.guard.catalogue import load
from wce.guard.ddl import check_schema_text
from wce.guard.expansion import check_arguments, definitions
from wce.guard.params import layout
from wce.guard.principal import Principal, Secrets
from wce.guard.swelling import Swelling
from wce.guard.tokens import tokenize
from wce.model import Grants, Rights, Role
from wce.store.sqlite import connect
from waitress.adjustments import Adjustments
from werkzeug.test import EnvironBuilder
from wce.web.admission import Admission, Admitted, Head
from wce.web.application import Incoming
from wce.web.channel import Parser
from wce.counters import Counters
from wce.web.jsonbody import parse

def catalogue(script):
    connection = connect("", mode="memory")
    connection.executescript(script)
    return load(lambda sql, params=(): connection.execute(sql, params).fetchall(), "main")

def plan(sql):
    tokens = tokenize(sql)
    brief = check_arguments(sql, tokens)
    for _ in range(10):
        layout(tokens, brief)
        check_schema_text(sql, tokens, catalogue(""), ())
    Swelling(dict()).check(tokens, definitions(tokens))

def meet(script):
    found = catalogue(script)
    rights = dict.fromkeys((*found.tables, *found.views), Rights(can_read=True))
    Principal(Grants(Role.EDITOR, rights, (), dict()), found, Secrets.new("main"))


def run(call, given):
    resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))  # of this process, which has used nothing yet
    try:
        exec(call, globals() | {{"given": given}})
        return "read"
    except WceError as error:
        return error.code

# Each text has a process of its own, a copy of this one, which has loaded everything.
while line := sys.stdin.buffer.readline():
    length = int(line)
    call, given = eval(sys.stdin.buffer.readline()), sys.stdin.buffer.read(length)
    if (child := os.fork()) == 0:
        print(run(call, given), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print("did not come to an end", flush=True)
"""
QUOTES = b'"' + b'\\"' * 490_000
BODIES = {
    "a string without end below many levels": b'{"a":' + b"[" * 70 + QUOTES,
    "the same with half an escape": b'{"a":' + b"[" * 70 + QUOTES + b"\\",
    "a string without end after half a pair": b'{"a": "\\ud800", "b": ' + QUOTES,
    "a string without end after a key that comes twice": b'{"a": {"x": 1, "x": 2}, "b": ' + QUOTES,
    "a million levels": b'{"a":' + b"[" * 1_000_000,
    "a million levels of two kinds": b'{"a":' + b'[{"a":' * 160_000,
    "many times 60 levels": b'{"a": [' + (b"[" * 60 + b"]" * 60 + b",") * 8_000,
    "words without white space": b'{"a":' + b"x" * 1_000_000,
}
STATEMENTS = {
    "brackets": "[" * 100_000,
    "brackets with names": "[a" * 50_000,
    "brackets after a word": "SELECT " + "[" * 99_000,
    "double quotes": '"' * 99_999,
    "single quotes": "'" * 99_999,
    "backquotes": "`" * 99_999,
    "comments": "/*" * 50_000,
    "half a byte": "x'" + "0" * 99_001,
    "colons": ":" * 100_000,
    "backslashes": "\\" * 100_000,
}
COOKIES = {
    "backslashes": 'a="' + "\\" * 100_000 + '"',
    "escaped quotes": 'a="' + '\\"' * 50_000 + '"',
    "half escapes": 'a="' + "\\1" * 50_000 + '"',
    "blanks": "a=" + " " * 50_000 + 'x"',
    "blanks of two kinds": "a=" + " \t" * 25_000 + 'x"',
}
ASK = """
request = EnvironBuilder(headers={"Cookie": given.decode(), "Accept": given.decode()}).get_request(Incoming)
request.cookies, request.accept_mimetypes.best_match(["text/html"])
"""
TAKE = """
Parser(Adjustments(), "192.0.2.1", lambda usual, head: Admitted(usual)).received(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n" + given)
"""
ADMIT = """
head = Head("POST", "/00000000-0000-4000-8000-000000000000/admin/import", {"COOKIE": given.decode()}, "192.0.2.1")
Admission(Settings(), Tokens("k" * 32), Counters()).admit(1000, head)
"""
READABLE = {
    "calls beside calls": "SELECT 1" + ",trim(" + "trim(" * 89 + "1" + ")" * 90 + ",trim(1)" * 10_000,
    "patterns that are parameters": "SELECT 1" + ",trim(1,?)" * 9_900,
    "names in a schema": "CREATE TABLE t (a" + ",a" * 49_000 + ")",
}
# Each row of a table may take one of the next with it.
_KEYS = "".join(f"CREATE TABLE t{n} (a PRIMARY KEY, b REFERENCES t{n - 1} ON DELETE CASCADE);" for n in range(1, 1_000))
CHAIN = f"BEGIN; {_KEYS} COMMIT"

# An index over views that are made of each other, all of each.
_NAMES = {f"v{n}" for n in range(12)}
_VIEWS = "".join(f"CREATE VIEW {name} AS SELECT * FROM {', '.join(sorted(_NAMES - {name}))};" for name in sorted(_NAMES))
CIRCLE = f"CREATE VIRTUAL TABLE words USING fts5(body, content=v0); {_VIEWS}"


@pytest.fixture(scope="module")
def outcome() -> Iterator[Outcome]:
    """What a call comes to with these bytes as `given`: an error's code, or that they were read."""
    run = _RUN.format(seconds=_SECONDS)
    with subprocess.Popen([sys.executable, "-c", run], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        reads, writes = process.stdout, process.stdin

        def ask(call: str, given: bytes) -> str:
            writes.write(b"%d\n%r\n%b" % (len(given), call, given))
            writes.flush()
            return reads.readline().decode().strip()

        yield ask


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_refused_in_time(outcome: Outcome, name: str) -> None:
    assert outcome("parse(given)", BODIES[name]) == "malformed"


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_is_refused_in_time(outcome: Outcome, name: str) -> None:
    assert outcome("tokenize(given.decode())", STATEMENTS[name].encode()) == "syntax_error"


@pytest.mark.parametrize("name", COOKIES)
def test_cookies_are_read_in_time_before_a_body_is_let_in(outcome: Outcome, name: str) -> None:
    assert outcome(ADMIT, COOKIES[name].encode()) == "read"


def test_headers_are_read_in_time_by_the_application(outcome: Outcome) -> None:
    assert outcome(ASK, COOKIES["blanks"].encode()) == "read"


@pytest.mark.parametrize("blanks", [" " * 60_000, " \t" * 30_000])
def test_a_header_of_blanks_is_refused_in_time(outcome: Outcome, blanks: str) -> None:
    assert outcome(TAKE, f"X:{blanks}a\r\n\r\n".encode()) == "read"


def test_a_password_of_combining_characters_is_refused_in_time(outcome: Outcome) -> None:
    assert outcome("check(given.decode())", ("a" + "\u0301\u0323" * 200_000).encode()) == "validation"


def test_sub_selects_in_each_other_are_refused_in_time(outcome: Outcome) -> None:
    nested = "SELECT (" * 90 + "SELECT " + "1," * 44_000 + "1" + ")" * 90

    assert outcome("plan(given.decode())", nested.encode()) == "too_large"


@pytest.mark.parametrize("name", READABLE)
def test_a_statement_is_looked_through_in_time(outcome: Outcome, name: str) -> None:
    assert outcome("plan(given.decode())", READABLE[name].encode()) == "read"


def test_a_chain_of_foreign_keys_is_followed_in_time(outcome: Outcome) -> None:
    assert outcome("catalogue(given.decode()).reached('t0')", CHAIN.encode()) == "read"


def test_views_in_a_circle_are_followed_in_time(outcome: Outcome) -> None:
    assert outcome("meet(given.decode())", CIRCLE.encode()) == "read"
