"""Values to responses; which form the client wants."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final, cast

from flask import Response, render_template
from werkzeug.datastructures import Headers
from werkzeug.urls import iri_to_uri

from wce import values
from wce.model import Result
from wce.web import conditional, current, rows
from wce.web.headers import CLASS_KEY, ResponseClass
from wce.web.sheets import XLSX, to_xlsx

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
HTML: Final = "text/html"
CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"
_ANYTHING: Final = "*/*"
TRUNCATED: Final = "X-Truncated"  # for the forms that have no room to say it


class Ready(Response):
    """An answer that is complete, body and headers; what Flask would look for once more before it sends it is not there.

    The names and texts of `headers` are taken as they are.
    """

    def __init__(self, body: bytes, status: int, headers: list[tuple[str, str]]) -> None:
        self._status, self._status_code = status_line(status), status
        self._pairs = headers
        self.response = [body]
        self.direct_passthrough = False
        self._on_close = []

    @cached_property
    def headers(self) -> Headers:  # type: ignore[override]
        """Werkzeug's, over the same list."""
        found = Headers()
        found._list = self._pairs
        return found

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Werkzeug would look into addresses, of which scripts send such as nobody can read.
        start_response(self._status, self._pairs)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else cast(list[bytes], self.response)


@cache
def status_line(status: int) -> str:
    """`200 OK` and the like."""
    return Response(status=status).status


def _ready(content: bytes, status: int, content_type: str) -> Response:
    return Ready(content, status, [("Content-Type", content_type), ("Content-Length", str(len(content)))])


def of_class(kind: ResponseClass) -> None:
    """Say what this request's response is, in place of what its view declares."""
    current.request().environ[CLASS_KEY] = kind


def wanted(*offered: str) -> str:
    """The offered type that the client likes best; the first one where it likes none or all alike."""
    accept = current.request().environ.get("HTTP_ACCEPT", _ANYTHING)
    if accept in (_ANYTHING, offered[0]):
        return offered[0]  # what nearly every program says; reading the header costs more than all else here
    return current.request().accept_mimetypes.best_match(offered, offered[0])


def json(value: Any, status: int = 200, *, mimetype: str = JSON, location: str = "") -> Response:
    """The value as JSON."""
    response = _ready(values.encode(value), status, mimetype)
    if location:
        response.headers["Location"] = iri_to_uri(location)
    return response


def no_content() -> Response:
    """204."""
    return Response(status=204)


def see_other(location: str) -> Response:
    """Where a browser goes instead."""
    return Response(status=303, headers={"Location": location})


def page(template: str, status: int = 200, **values: Any) -> Response:
    """One of our own pages."""
    of_class(ResponseClass.UI)
    response = Response(render_template(template, **values), status, mimetype=HTML)
    # Nobody else can make a browser ask for a page in another's name (cookies), so its size tells nobody its token (BREACH).
    if conditional.takes_gzip(current.request().environ):
        response.set_data(gzip.compress(response.get_data(), 6, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    return response


def body(content: bytes, form: str, status: int = 200) -> Response:
    """Content that has its form already."""
    if form == XLSX:
        response = _ready(content, status, form)
        response.headers["Content-Disposition"] = 'attachment; filename="result.xlsx"'
        return response
    return _ready(content, status, form if form == JSON else f"{form}; charset=utf-8")


def table_body(columns: Sequence[str], found: Iterable[Sequence[Any]], form: str, *, as_arrays: bool = False) -> bytes:
    """Rows as CSV, NDJSON or an Excel workbook."""
    if form == XLSX:
        return to_xlsx(columns, found)
    if form == CSV:
        return rows.to_csv(columns, found)
    names = values.unique(columns)
    return rows.ndjson(found if as_arrays else (dict(zip(names, row)) for row in found))  # noqa: B905  # as in `rows.objects`


def result_json(result: Result, shape: str) -> bytes:
    """One statement's answer, field by field as the contract has it; `shape` is objects or arrays.

    A large one in pieces: all at once would keep the interpreter from everybody else until it is done. So would letting go of all rows
    at the end, so they are taken out of the result.
    """
    columns = result.columns if shape == "arrays" else values.unique(result.columns)

    def told(found: Sequence[Sequence[Any]]) -> Sequence[Any]:
        return found if shape == "arrays" else rows.objects(columns, found)

    after = {
        "row_count": len(result.rows),
        "changes": result.changes,
        "last_row_id": result.last_row_id,
        "truncated": result.truncated,
        "duration_ms": round(result.duration_ms, 3),
    }
    count = rows.some(len(columns))
    if len(result.rows) <= count:
        return values.encode({"columns": columns, "rows": told(result.rows), **after})
    made = io.BytesIO()  # which gives its content away without a copy
    made.write(values.encode({"columns": columns})[:-1] + b',"rows":[')
    between = b""
    for taken in rows.drain(result.rows, count):
        made.write(between + values.encode(told(taken))[1:-1])
        between = b","
    made.write(b"]," + values.encode(after)[1:])
    return made.getvalue()


def result_body(result: Result, form: str, shape: str) -> bytes:
    """One statement's answer as JSON, CSV, NDJSON or an Excel workbook."""
    if form == JSON:
        return result_json(result, shape)
    pieces = rows.drain(result.rows, rows.some(len(result.columns)))
    taken = result.rows if form == XLSX else (row for piece in pieces for row in piece)
    return table_body(result.columns, taken, form, as_arrays=shape == "arrays")
