"""What the loader reads from a CSV file."""

from __future__ import annotations

from pathlib import Path

import pytest
from loading import csv_file
from loading.source import SourceError, Table


def read(folder: Path, text: str, encoding: str = "utf-8-sig") -> Table:
    file = folder / "things.csv"
    file.write_bytes(text.encode(encoding))
    (table,) = csv_file.read(file, "things", encoding).tables
    return table


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (["1", "-2"], "INTEGER"),
        (["+3"], "TEXT"),
        (["9223372036854775807"], "INTEGER"),
        (["9223372036854775808"], "TEXT"),
        (["1", "2.5"], "REAL"),
        (["1e3", ".5", "5."], "REAL"),
        (["1", "x"], "TEXT"),
        (["00123"], "TEXT"),
        (["0", "0.5"], "REAL"),
        (["1", "", "2"], "INTEGER"),
        (["١"], "TEXT"),
        (["nan"], "TEXT"),
        (["2024-01-31"], "TEXT"),
    ],
)
def test_a_column_has_the_narrowest_type_of_all_its_values(tmp_path: Path, fields: list[str], kind: str) -> None:
    table = read(tmp_path, "a,b\n" + "".join(f"{field},x\n" for field in fields))

    assert table.create == f'CREATE TABLE "things" ("a" {kind}, "b" TEXT)'


def test_an_empty_field_is_null(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b\n1,x\n,\n")

    assert list(table.rows(0)) == [(1, "x"), (None, None)]


def test_quoted_fields_may_hold_anything(tmp_path: Path) -> None:
    table = read(tmp_path, 'a,b\n"x, ""y""\nz",1\n')

    assert list(table.rows(0)) == [('x, "y"\nz', 1)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    table = read(tmp_path, f"a{delimiter}b\n1{delimiter}2\n")

    assert table.columns == ("a", "b")


def test_one_column_is_enough(tmp_path: Path) -> None:
    assert list(read(tmp_path, "a\n1\n2\n").rows(1)) == [(2,)]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\n1,2\n").columns == ("a", "b")


def test_columns_without_a_name_or_with_the_same_get_their_place(tmp_path: Path) -> None:
    assert read(tmp_path, "a,,A\n1,2,3\n").columns == ("a", "column_2", "A_3")


def test_empty_lines_are_passed_over(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b\n1,2\n\n3,4\n")

    assert (table.count, list(table.rows(1))) == (2, [(3, 4)])


def test_a_line_with_other_fields_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"line 3: 3 fields where the first line has 2"):
        read(tmp_path, "a,b\n1,2\n1,2,3\n")


def test_an_open_quote_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="line 2: unexpected end"):
        read(tmp_path, 'a,b\n1,"2\n')


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="must name the columns"):
        read(tmp_path, "")


def test_another_encoding_is_named_and_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("a,b\nä,1\n".encode("latin-1"))

    with pytest.raises(SourceError, match="--encoding"):
        csv_file.read(tmp_path / "latin.csv", "t")

    (table,) = csv_file.read(tmp_path / "latin.csv", "t", "latin-1").tables
    assert list(table.rows(0)) == [("ä", 1)]
