"""What a file of rows is read as."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wce.core.loading import sheet
from wce.core.loading.kinds import of_value, value_as, wider
from wce.core.loading.source import MAX_RECORD, Fault, Record, records

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)
ROWS = st.lists(
    st.tuples(st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | st.floats(allow_nan=False, allow_infinity=False), st.none() | TEXTS)
)


@given(ROWS, st.sampled_from(",;\t"))
def test_rows_written_as_csv_come_back(rows: list[tuple[object, ...]], delimiter: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([("a", "b", "c"), *rows])

        read = sheet.survey(path, "csv").named([sheet.Column("a", "INTEGER"), sheet.Column("b", "REAL"), sheet.Column("c", "TEXT")])

        assert [row[1] for row in read.rows() if not isinstance(row, Fault)] == rows


def read(folder: Path, form: str, text: str) -> list[Record | Fault]:
    path = folder / "file"
    path.write_text(text, encoding="utf-8")
    return list(records(path, form))


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\r\nname;price, net\r\nA;1,5\r\n",
        '"sep=;"\nname;price, net\nA;1,5\n',
        'name;"price,\nnet"\nA;1,5\n',
        '"name";"price,\r\n net"\r\nA;1,5\r\n',
    ],
    ids=["sep", "quoted sep", "break", "break of Windows"],
)
def test_what_excel_writes_before_and_into_the_names_is_understood(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text, encoding="utf-8", newline="")

    found = sheet.survey(tmp_path / "file", "csv")

    assert [column.name for column in found.columns] == ["name", "price, net"]
    assert [row[1] for row in found.rows() if not isinstance(row, Fault)] == [("A", "1,5")]


def test_an_array_of_any_length_is_read_in_pieces(tmp_path: Path) -> None:
    found = read(tmp_path, "json", "[" + ",\n".join(['{"a": "' + "x" * 1000 + '"}'] * 1000) + "]")

    assert [item.line for item in found] == list(range(1, 1001))


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ('[{"a": 1}]\n[{"a": 2}]', 2, "after the end"),
        ('[{"a": 1}\n {"a": 2}]', 2, "comma"),
        ('[{"a": 1},,{"a": 2}]', 1, "not JSON"),
        ('[{"a": 1},]', 1, "not JSON"),
        ('[,{"a": 1}]', 1, "not JSON"),
        ('[{"a": 1}', 1, "does not end"),
        ('[{"a": 1},\n', 2, "does not end"),
        ("", 1, "must be an array"),
        ('{"a": 1}', 1, "must be an array"),
    ],
)
def test_what_is_no_array_as_json_has_it_is_told_and_nothing_of_the_file_is_passed_over(
    tmp_path: Path, text: str, line: int, told: str
) -> None:
    fault = read(tmp_path, "json", text)[-1]

    assert isinstance(fault, Fault)
    assert fault.line == line
    assert told in fault.message


def test_an_array_may_be_empty_and_have_space_around_everything(tmp_path: Path) -> None:
    assert read(tmp_path, "json", " [ ] \n") == []
    assert [item.line for item in read(tmp_path, "json", '\n[\n{"a":\n1} ,\n{"a": 2}\n]\n\n')] == [3, 5]


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_a_row_with_a_name_twice_is_told_and_loses_no_value_without_a_word(tmp_path: Path, form: str) -> None:
    rows = ['{"a": 1, "b": 2}', '{"a": 1, "b": 2, "a": 3}', '{"a": [{"c": 1, "c": 2}]}', '{"a": {"a": 1}}']
    text = "\n".join(rows) if form == "ndjson" else "[" + ",\n".join(rows) + "]"

    found = read(tmp_path, form, text)

    assert [(item.line, item.message) for item in found if isinstance(item, Fault)] == [
        (2, "the row has 'a' twice"),
        (3, "the row has 'c' twice"),
    ]


@pytest.mark.parametrize(("form", "text"), [("json", '[{"a": "' + "x" * 2 * MAX_RECORD), ("ndjson", "x" * 2 * MAX_RECORD)])
def test_a_row_that_never_ends_is_given_up(tmp_path: Path, form: str, text: str) -> None:
    (fault,) = read(tmp_path, form, text)

    assert isinstance(fault, Fault)


def test_values_of_json_become_the_type_that_holds_all() -> None:
    assert [of_value(value) for value in (None, True, 2**63, 1.5, [])] == [None, "INTEGER", "TEXT", "REAL", "TEXT"]
    assert (wider("INTEGER", "REAL"), wider(None, "REAL"), wider("REAL", "TEXT")) == ("REAL", "REAL", "TEXT")
    assert (value_as("TEXT", True), value_as("TEXT", "x"), value_as("REAL", 1)) == ("true", "x", 1.0)
    with pytest.raises(ValueError, match="is not REAL"):
        value_as("REAL", "x")


def test_there_is_an_end_to_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_text("a\n" + "1\n" * 3)
    monkeypatch.setattr(sheet, "MAX_ROWS", 2)

    with pytest.raises(Exception, match="more than 2 rows"):
        sheet.survey(tmp_path / "t.csv", "csv")
