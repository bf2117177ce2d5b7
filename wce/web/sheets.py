"""Rows as an Excel workbook. What is text stays text: no cell becomes a formula, a link or a number by what is written in it."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from typing import Final

from xlsxwriter import Workbook

from wce.errors import WceError
from wce.model import Value
from wce.web import scratch

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What a sheet can hold (support.microsoft.com: Excel specifications and limits). More is refused rather than cut.
_MAX_ROWS: Final = 1_048_576
_MAX_COLUMNS: Final = 16_384
_MAX_TEXT: Final = 32_767
_EXACT: Final = 10**15  # a number of Excel's has 15 digits
# Row by row to a temporary file, so that a large result takes little memory.
_OPTIONS: Final = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def to_xlsx(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    """One sheet with a header row. NULL is empty, a blob is base64, an integer of more than 15 digits is text."""
    if len(columns) > _MAX_COLUMNS:
        raise WceError("too_large", f"A sheet has at most {_MAX_COLUMNS} columns.")
    target = io.BytesIO()
    with Workbook(target, {**_OPTIONS, "tmpdir": scratch.folder()}) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        for place, name in enumerate(columns):
            sheet.write_string(0, place, _text(name), bold)
        for number, row in enumerate(rows, 1):
            if number >= _MAX_ROWS:
                raise WceError("too_large", f"A sheet has at most {_MAX_ROWS} rows.")
            for place, value in enumerate(row):
                cell = _cell(value)
                if isinstance(cell, str):
                    sheet.write_string(number, place, cell)
                elif cell is not None:
                    sheet.write_number(number, place, cell)
    return target.getvalue()


def _cell(value: Value) -> str | int | float | None:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes):
        return _text(base64.b64encode(value).decode("ascii"))
    if isinstance(value, int) and not -_EXACT < value < _EXACT:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _text(value: str) -> str:
    if len(value) > _MAX_TEXT:
        raise WceError("too_large", f"A cell of a sheet has at most {_MAX_TEXT} characters; ask for CSV or JSON.")
    return value.encode("utf-8", "replace").decode()
