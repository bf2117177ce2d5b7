"""What was found for a kept answer is remembered within bounds that neither its author nor a visitor can stretch."""

from __future__ import annotations

import pytest

from wce.core.settings import CenvSettings
from wce.web.headers import Headers
from wce.web.quick import Answer, Found, Shelf, lasting

CENV = "00000000-0000-4000-8000-000000000000"
ROW = (1, 2, 3)


def found(headers: Headers, body: bytes = b"x") -> Found:
    return Found(ROW, CenvSettings(), Answer("/route", "200 OK", lasting(headers), body), lambda *_: None)


def test_it_is_there_while_the_counters_stand_and_no_longer() -> None:
    shelf, kept = Shelf(), found([("A", "b")])
    shelf.put((CENV, "/x"), kept)

    assert shelf.get((CENV, "/x"), ROW) is kept
    assert shelf.get((CENV, "/x"), (1, 2, 4)) is None
    assert shelf.get((CENV, "/y"), ROW) is None


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [("/x", [("A", "b" * 2_000)], b"x"), ("/x", [("A", "b" * 30)] * 100, b"x"), ("/" + "x" * 400, [], b"x"), ("/x", [], b"x" * 70_000)],
    ids=["a long header", "many headers", "a long path", "a large body"],
)
def test_what_takes_more_memory_than_it_is_counted_for_is_not_kept(path: str, headers: Headers, body: bytes) -> None:
    shelf, long = Shelf(), found(headers, body)
    shelf.put((CENV, path), long)

    assert shelf.get((CENV, path), ROW) is None
    assert list(long.answer.headers) == headers
