"""Results as Excel workbooks."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest

from tests.web.callers import Caller
from wce.errors import WceError
from wce.web import sheets
from wce.web.sheets import XLSX, to_xlsx


def sheet(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert book.testzip() is None
        assert {name for name in book.namelist() if "external" in name.lower() or "rels" in name.lower()} == {
            "_rels/.rels",
            "xl/_rels/workbook.xml.rels",
        }
        return book.read("xl/worksheets/sheet1.xml").decode()


def texts(content: bytes) -> list[str]:
    return re.findall(r"<t[^>]*>(.*?)</t>", sheet(content), re.DOTALL)


def ask(owner: Caller, sql: str, **headers: str) -> Any:
    return owner.post("/query", {"sql": sql}, headers={"Accept": XLSX} | headers)


def test_a_result_comes_as_a_workbook(owner: Caller) -> None:
    answer = ask(owner, "SELECT 'Ada' AS name, 7 AS n, 1.5 AS x, NULL AS empty, x'ff' AS b, 9007199254740993 AS big, 9e999 AS endless")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == XLSX
    assert answer.headers["Content-Disposition"] == 'attachment; filename="result.xlsx"'
    assert answer.headers["X-Truncated"] == "false"
    assert texts(answer.data) == ["name", "n", "x", "empty", "b", "big", "endless", "Ada", "/w==", "9007199254740993"]
    assert re.findall(r"<v>(.*?)</v>", sheet(answer.data)) == ["7", "1.5"]


@pytest.mark.parametrize("text", ["=1+1", "=HYPERLINK('http://evil.example')", "+1", "-1", "@SUM(A1)", "http://evil.example", "{=1}", "12"])
def test_no_text_becomes_anything_else(text: str) -> None:
    content = to_xlsx(["a"], [(text,)])

    assert texts(content)[1] == text
    assert "<f>" not in sheet(content)
    assert "hyperlink" not in sheet(content)
    assert "<v>" not in sheet(content)


def test_odd_characters_are_no_harm() -> None:
    content = to_xlsx(["<a>&"], [("\ud800 \x01 </t>",), ("  space",)])

    assert texts(content) == ["&lt;a&gt;&amp;", "? _x0001_ &lt;/t&gt;", "  space"]


def test_a_sheet_holds_no_more_than_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "_MAX_ROWS", 3)
    to_xlsx(["a"], [(1,), (2,)])

    for columns, rows in ((["a"], [(1,), (2,), (3,)]), (["a"] * 16_385, []), (["a"], [("x" * 32_768,)])):
        with pytest.raises(WceError) as caught:
            to_xlsx(columns, rows)
        assert caught.value.code == "too_large"


def test_a_write_has_an_empty_sheet_and_no_key(owner: Caller) -> None:
    assert texts(ask(owner, "CREATE TABLE notes (text)").data) == []
    refused = ask(owner, "INSERT INTO notes VALUES (1)", **{"Idempotency-Key": "k"})
    assert refused.json["errors"][0]["field"] == "Idempotency-Key"
