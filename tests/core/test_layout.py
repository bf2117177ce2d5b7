"""SQL for people."""

from __future__ import annotations

import pytest

from wce.core.layout import MAX_SQL, lay_out


def test_each_clause_has_a_line_and_keywords_are_capitals() -> None:
    assert lay_out("select a, b from t where a=1 order by b") == "SELECT a,\n       b\nFROM t\nWHERE a=1\nORDER BY b"


def test_a_long_text_stays_as_it_is() -> None:
    text = "select " + "1," * MAX_SQL + "1"

    assert lay_out(text) == text


@pytest.mark.parametrize(
    "text", ["", ";", "'", "(" * 2_000, "(" * 1_900 + ")" * 1_900, "case " * 700, "select [" + "a" * 2_000, "\x00", "a." * 1_900]
)
def test_no_text_is_an_error(text: str) -> None:
    assert isinstance(lay_out(text), str)
