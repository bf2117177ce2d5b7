"""The table from error code to HTTP status."""

from __future__ import annotations

from http import HTTPStatus

from wce.errors import TITLES
from wce.web.statuses import STATUSES


def test_every_error_code_has_a_status() -> None:
    assert STATUSES.keys() == TITLES.keys()


def test_every_status_is_an_error_of_http() -> None:
    assert all(HTTPStatus(status) >= 400 for status in STATUSES.values())
