"""Reading hostile JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wce.errors import Position, WceError
from wce.web.jsonbody import MAX_DEPTH, TOO_BIG, parse


def refused(body: bytes) -> WceError:
    with pytest.raises(WceError) as caught:
        parse(body)
    assert caught.value.code == "malformed"
    assert caught.value.position is not None
    return caught.value


def nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_an_object_is_read() -> None:
    assert parse(b'{"sql": "SELECT ?", "params": [1, 2.5, null, true, "\xc3\xa4", {"a": []}]}') == {
        "sql": "SELECT ?",
        "params": [1, 2.5, None, True, "ä", {"a": []}],
    }


@pytest.mark.parametrize("body", [b"[]", b'"a"', b"1", b"null", b"true", b"[{}]"])
def test_anything_but_an_object_is_refused(body: bytes) -> None:
    assert refused(body).position == Position(1, 1)


@pytest.mark.parametrize(
    ("body", "position"),
    [
        (b"", Position(1, 1)),
        (b"{", Position(1, 2)),
        (b'{"a": 1,}', Position(1, 9)),
        (b"{'a': 1}", Position(1, 2)),
        (b'{"a": 1} x', Position(1, 10)),
        (b'{\n "a": 01}', Position(2, 8)),
        (b'{"a": "line\nbreak"}', Position(1, 12)),
        (b'{"a": "\\x"}', Position(1, 8)),
        (b'{"a": tru}', Position(1, 7)),
        (b'\xef\xbb\xbf{"a": 1}', Position(1, 1)),
    ],
)
def test_broken_syntax_is_refused_with_its_place(body: bytes, position: Position) -> None:
    assert refused(body).position == position


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 400 + ".0"])
def test_a_number_that_json_does_not_know_is_refused_with_its_place(literal: str) -> None:
    error = refused(f'{{"a": [1,\n{literal}]}}'.encode())

    assert error.position == Position(2, 1)
    assert "number" in error.detail


@pytest.mark.parametrize(
    ("body", "column"),
    [
        (b'{"a": 1, "a": 2}', 10),
        (b'{"a": 1, "\\u0061": 2}', 10),
        (b'{"b": {"a": 1, "c": {"a": 1}, "a": 2}}', 31),
        (b'{"b": [1, {"x": 1, "x": [2]}]}', 20),
    ],
)
def test_a_key_that_appears_twice_is_refused_with_its_place(body: bytes, column: int) -> None:
    error = refused(body)

    assert error.position == Position(1, column)
    assert "twice" in error.detail


def test_equal_keys_of_different_objects_are_read() -> None:
    assert parse(b'{"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 2}], "c": "a"}')["b"] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    "body",
    [b'{"a": "\\ud800"}', b'{"a": "\\udc00\\ud800"}', b'{"\\uD83D": 1}', b'{"a": ["\\ud83dx\\ude00"]}', b'{"a": "\\\\\\ud800"}'],
)
def test_an_unpaired_surrogate_is_refused(body: bytes) -> None:
    assert "surrogate" in refused(body).detail


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse(b'{"a": "\\ud83d\\ude00", "b": "\\\\ud800"}') == {"a": "😀", "b": "\\ud800"}


@pytest.mark.parametrize("body", [b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}', b'{"a": "\xc0\x80"}', '{"a": 1}'.encode("utf-16")])
def test_bytes_that_are_not_utf_8_are_refused(body: bytes) -> None:
    assert "UTF-8" in refused(body).detail


def test_64_levels_are_read_and_65_are_refused() -> None:
    assert parse(nested(MAX_DEPTH))

    assert refused(nested(MAX_DEPTH + 1)).position == Position(1, 6 + MAX_DEPTH - 1)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_million_levels_are_refused_without_a_crash(opening: bytes) -> None:
    assert "levels" in refused(b'{"a":' + opening * 150_000).detail


def test_many_shallow_containers_are_read() -> None:
    assert len(parse(b'{"a": [' + b",".join([b"[]"] * 5000) + b"]}")["a"]) == 5000


def test_brackets_in_strings_are_no_levels() -> None:
    assert parse(b'{"a": "' + b"[{" * 200 + b'\\"["}')["a"].endswith('"[')


@pytest.mark.parametrize("digits", [21, 400, 10_000])
def test_a_huge_integer_is_read_as_one_that_no_field_takes(digits: int) -> None:
    assert parse(b'{"a": ' + b"9" * digits + b', "b": -' + b"9" * digits + b"}") == {"a": TOO_BIG, "b": -TOO_BIG}


def test_the_widest_integers_of_sqlite_are_read() -> None:
    assert parse(f'{{"a": {2**63 - 1}, "b": {-(2**63)}}}'.encode()) == {"a": 2**63 - 1, "b": -(2**63)}


LEVELS = st.recursive(
    st.sampled_from(['"[{"', "1"]), lambda inner: inner.map("[{}]".format) | inner.map('{{"a": {}}}'.format), max_leaves=200
)


@given(st.lists(LEVELS, min_size=1, max_size=4), st.integers(min_value=55, max_value=70))
def test_levels_are_counted_wherever_they_are(parts: list[str], around: int) -> None:
    text = '{"a": ' + "[" * around + ", ".join(parts) + "]" * around + "}"
    deepest = depth(json.loads(text))

    if deepest > MAX_DEPTH:
        assert "levels" in refused(text.encode()).detail
    else:
        assert parse(text.encode()) == json.loads(text)


def depth(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth, inside), default=0)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_their_place(body: bytes) -> None:
    try:
        parse(body)
    except WceError:
        refused(body)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.no_cover  # what is random says nothing about coverage, and runs twice as fast without it
@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=4), st.booleans())
def test_whatever_python_writes_is_read_back(value: dict[str, Any], ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


def test_many_brackets_side_by_side_are_not_deep() -> None:
    body = b'{"a": [' + b",".join([b'{"b": ["[{", 1]}'] * 200) + b"]}"

    assert len(parse(body)["a"]) == 200
