"""The front matter of Markdown pages: what it may say, and what YAML can do that it may not."""

from __future__ import annotations

import pytest

from wce.sandbox.front import MAX_FRONT, Front, parameters, split
from wce.sandbox.messages import Fault

RESERVED = frozenset({"user"})


def refused(front: str) -> Fault:
    with pytest.raises(Fault) as caught:
        split(f"---\n{front}\n---\ntext", RESERVED)
    assert caught.value.kind == "syntax"
    return caught.value


def test_values_and_queries_stand_before_the_text() -> None:
    front, text = split(
        "---\r\ntitle: A\ntags: [x, y]\ndate: 2026-01-31\ndata:\n  rows: SELECT 1\nmore: {a: 1.5}\n---\r\n# Text\n", RESERVED
    )

    assert front.values == {"title": "A", "tags": ["x", "y"], "date": "2026-01-31", "more": {"a": 1.5}}
    assert (front.data, front.places["rows"], front.lines, text) == ({"rows": "SELECT 1"}, 6, 8, "# Text\n")


@pytest.mark.parametrize("source", ["text", "", "--- x\ntext", "----\ntext\n---\n", "\n---\na: 1\n---\n"])
def test_a_text_without_front_matter_is_only_text(source: str) -> None:
    assert split(source, RESERVED) == (Front(), source)


def test_front_matter_may_be_empty_and_end_the_file() -> None:
    assert split("---\n---", RESERVED)[1] == ""


@pytest.mark.parametrize(
    ("front", "line", "column", "words"),
    [
        ("title: [1", 3, 1, "not YAML"),
        ("a: b: c", 2, 5, "not YAML"),
        ("a: \x07", 1, 1, "not YAML"),
        ("- a", 2, 1, "name: value"),
        ("1: a", 2, 1, "must be texts"),
        ("a: 1\ntitle: [x]", 3, 1, "title must be a text"),
        ("layout: 1", 2, 1, "layout must be a text"),
        ("tags: x", 2, 1, "tags must be a list"),
        ("data: SELECT 1", 2, 1, "data must hold"),
        ("data: {user: SELECT 1}", 2, 1, "a name that cannot be: user"),
        ("data: {a b: SELECT 1}", 2, 1, "a name that cannot be"),
        ("data: {a: [1]}", 2, 1, "a must be the text"),
        ("data: {" + ", ".join(f"a{n}: x" for n in range(21)) + "}", 2, 1, "at most 20"),
        ("a: 99999999999999999999", 2, 1, "too large"),
        ("a: " + "9" * 5000, 1, 1, "not YAML"),
        ("x: &a [1]\ny: *a", 2, 4, "anchors"),
        ("a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]", 2, 4, "anchors"),
        ("a: !!python/object/apply:os.system [x]", 2, 4, "tags"),
        ("a: !!binary aGk=", 2, 4, "tags"),
        ("a: " + "[" * 50 + "]" * 50, 2, 11, "more than 8 levels"),
        ("a: " + "x" * MAX_FRONT, 1, 1, "16 KiB"),
        ("<<: {a: 1}\nb: {? [x] : y}", 3, 7, "not YAML"),
        ("a: 2026-13-45", 1, 1, "not YAML"),
    ],
)
def test_what_it_may_not_be_is_told_with_its_place(front: str, line: int, column: int, words: str) -> None:
    fault = refused(front)

    assert words in fault.message
    assert (fault.line, fault.column) == (line, column)


def test_it_has_to_end() -> None:
    with pytest.raises(Fault, match="has no end"):
        split("---\ntitle: x\n", RESERVED)


def test_a_query_is_given_the_values_that_it_asks_for() -> None:
    given = {"slug": "x", "no": 1, "y": 2}

    assert parameters("SELECT ':no', \":no\" -- :no\n/* :no */ FROM a WHERE b = :slug AND c = ':no'' :no'", given) == {"slug": "x"}
    assert parameters("SELECT 1", given) is None
