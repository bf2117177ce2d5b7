"""Rows as JSON, CSV and NDJSON."""

from __future__ import annotations

import csv
import io
import json

import pytest

from wce import lane, values
from wce.model import Result, Value
from wce.web import responses, rows


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), ()),
        (("a", "b"), ("a", "b")),
        (("a", "a", "a"), ("a", "a_2", "a_3")),
        (("a", "a", "a_2"), ("a", "a_3", "a_2")),
        (("a_2", "a", "a"), ("a_2", "a", "a_3")),
        (("", ""), ("", "_2")),
        (("a", "A"), ("a", "A")),
    ],
)
def test_later_duplicates_of_a_column_get_a_number(names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert values.unique(names) == expected


def test_no_column_is_lost_in_objects() -> None:
    assert rows.objects(values.unique(("id", "id")), [(1, 2)]) == [{"id": 1, "id_2": 2}]


def test_csv_is_rfc_4180_with_a_header() -> None:
    body = rows.to_csv(("id", "text"), [(1, 'say "hi", ok'), (2, "two\nlines"), (3, "ä")])

    assert body == 'id,text\r\n1,"say ""hi"", ok"\r\n2,"two\nlines"\r\n3,ä\r\n'.encode()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"])
def test_a_text_that_starts_like_a_formula_gets_an_apostrophe(text: str) -> None:
    read = list(csv.reader(io.StringIO(rows.to_csv((text,), [(text,)]).decode(), newline="")))

    assert read == [["'" + text], ["'" + text]]


def test_numbers_keep_their_sign_in_csv() -> None:
    assert rows.to_csv(("a", "b"), [(-1, -2.5)]) == b"a,b\r\n-1,-2.5\r\n"


def test_null_is_empty_and_a_blob_is_base64_in_csv() -> None:
    assert rows.to_csv(("a", "b", "c"), [(None, b"\x00\xff", float("inf"))]) == b"a,b,c\r\n,AP8=,\r\n"


def test_a_statement_without_columns_is_empty_in_csv() -> None:
    assert rows.to_csv((), []) == b""


def test_ndjson_is_one_json_text_per_line() -> None:
    assert rows.ndjson([{"a": "x\ny"}, {"a": b"\x00"}]) == b'{"a":"x\\ny"}\n{"a":{"$base64":"AA=="}}\n'


@pytest.mark.parametrize("shape", ["objects", "arrays"])
@pytest.mark.parametrize("count", [0, 1, 1000, 1001, 2500])
def test_a_large_result_is_the_same_json_as_a_small_one(shape: str, count: int) -> None:
    found: list[tuple[Value, ...]] = [(n, f"é\ud800{n}", b"\x00", float("inf")) for n in range(count)]
    result = Result(("a", "a", "b", "c"), found, 0, None, True, 1.23456)

    told = json.loads(responses.result_json(result, shape))

    row = {"a": 7, "a_2": "é?7", "b": {"$base64": "AA=="}, "c": None}
    assert told["columns"] == (["a", "a", "b", "c"] if shape == "arrays" else list(row))
    assert list(told) == ["columns", "rows", "row_count", "changes", "last_row_id", "truncated", "duration_ms"]
    assert (len(told["rows"]), told["row_count"], told["truncated"], told["duration_ms"]) == (count, count, True, 1.235)
    assert told["rows"][7:8] == ([list(row.values()) if shape == "arrays" else row] if count > 7 else [])
    assert [item[0] if shape == "arrays" else item["a"] for item in told["rows"]] == list(range(count))


@pytest.mark.parametrize("columns", [1, 20, 400, 5_000])
def test_no_piece_has_more_values_than_may_be_worked_on_without_a_pause(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[None] = []
    monkeypatch.setattr(lane, "pause", lambda: paused.append(None))
    found: list[tuple[Value, ...]] = [(1,) * columns] * 300

    sizes = [len(piece) for piece in rows.drain(found, rows.some(columns))]

    assert sum(sizes) == 300
    assert len(paused) == len(sizes)
    assert max(sizes) * columns <= max(4_000, columns)
