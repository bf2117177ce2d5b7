"""What a client has already, and what it can read."""

from __future__ import annotations

import pytest

from wce.web.conditional import fresh, last_modified, takes_gzip

AT = 1_700_000_000  # Tue, 14 Nov 2023 22:13:20 GMT
SENT = "Tue, 14 Nov 2023 22:13:20 GMT"


@pytest.mark.parametrize(
    ("sent", "taken"), [("gzip", True), ("br, gzip;q=0.5", True), ("x-gzip", True), ("gzip;q=0", False), ("gzipped", False), ("", False)]
)
def test_gzip_is_for_who_says_so(sent: str, taken: bool) -> None:
    assert takes_gzip({"HTTP_ACCEPT_ENCODING": sent}) is taken


@pytest.mark.parametrize(
    ("headers", "is_fresh"),
    [
        ({}, False),
        ({"HTTP_IF_NONE_MATCH": '"tag"'}, True),
        ({"HTTP_IF_NONE_MATCH": '"tag-gz"'}, True),
        ({"HTTP_IF_NONE_MATCH": '"a" , W/"tag"'}, True),
        ({"HTTP_IF_NONE_MATCH": "*"}, True),
        ({"HTTP_IF_NONE_MATCH": '"other"'}, False),
        ({"HTTP_IF_MODIFIED_SINCE": SENT}, True),
        ({"HTTP_IF_MODIFIED_SINCE": "Tue, 14 Nov 2023 22:13:19 GMT"}, False),
        ({"HTTP_IF_MODIFIED_SINCE": "Tue, 14 Nov 2023 22:13:21 GMT"}, False),
        ({"HTTP_IF_MODIFIED_SINCE": "Fri, 14 Nov 2053 22:13:20 GMT"}, False),
        ({"HTTP_IF_MODIFIED_SINCE": "yesterday"}, False),
        ({"HTTP_IF_NONE_MATCH": '"other"', "HTTP_IF_MODIFIED_SINCE": SENT}, False),
    ],
)
def test_a_tag_goes_before_a_time(headers: dict[str, str], is_fresh: bool) -> None:
    assert fresh(headers, "tag", AT, AT + 1.5) is is_fresh


def test_a_time_that_has_not_come_is_not_told_and_counts_for_nothing() -> None:
    assert last_modified(AT, AT - 0.5) is None
    assert last_modified(AT, AT + 0.5) == SENT
    assert last_modified(0, AT) is None
    assert not fresh({"HTTP_IF_MODIFIED_SINCE": SENT}, "tag", 0, AT)
