"""The filters that templates have beside Jinja's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.sites import Site


@pytest.mark.parametrize(
    ("source", "value", "text"),
    [
        ("{{ x|date }}", 0, "1970-01-01"),
        ("{{ x|date('%d. %B %Y %H:%M') }}", 1767225600.5, "01. January 2026 00:00"),
        ("{{ x|date('%-d %b') }}", "2026-01-05", "5 Jan"),
        ("{{ x|date('%H:%M %Z') }}", "2026-01-05 08:30:00", "08:30 UTC"),
        ("{{ x|date('%H:%M') }}", "2026-01-05T08:30:00+02:00", "06:30"),
        ("{{ x|date('100%%') }}", 0, "100%"),
        ("{{ x|date }}{{ ''|date }}", None, ""),
        ("{{ now()|date == now()|date('%Y-%m-%d') }}", None, "True"),
        ("{{ x|number }}", 1234567, "1,234,567"),
        ("{{ x|number(2) }}", "1234.5", "1,234.50"),
        ("{{ x|number(2, '.', ',') }}", 1234.5, "1.234,50"),
        ("{{ x|number }}{{ ''|number }}", None, ""),
        ("{{ x|json }}", {"a": [1, 1.5, None, True, "</script>&'"]}, '{"a":[1,1.5,null,true,"\\u003c/script\\u003e\\u0026\\u0027"]}'),
        ("{{ x|tojson }}", "ä", '"ä"'),
        ("{{ (1e308 * x)|json }}", 10, "null"),
        ("{{ (now()|json)|length }}", None, "21"),
        ("{{ x|format(1.239, 'a') }}", "%.2f %s", "1.24 a"),
        ("{{ '%s'|format(x) }} {{ '%05d' % 7 }}", "<", "&lt; 00007"),
        ("[{{ x|center(7) }}]", "abc", "[  abc  ]"),
        ("{{ x|indent(2, true) }}", "a\nb", "  a\n  b"),
        ("{{ x|markdown }}", "*a*", "<p><em>a</em></p>\n"),
        ("{{ x|markdown }}", None, ""),
        ("{{ [x]|random }}", "a", "a"),
        ("{{ x|truncate(5) }}", "abc " * 9, "ab..."),
        ("{{ x|urlencode }}", "a b&c", "a%20b%26c"),
    ],
)
def test_a_value_becomes(site: Site, source: str, value: Any, text: str) -> None:
    assert site.text(source, x=value) == text


@pytest.mark.parametrize("seconds", [1e18, -1e18, 1e300, 1_700_000_000 * 10**9])
def test_a_time_that_is_none_fails_the_page_and_not_the_worker(site: Site, seconds: float) -> None:
    fault = site.fault("{{ x|date }}", x=seconds)

    assert (fault.kind, fault.message, fault.line) == ("runtime", "the date is out of range: give Unix seconds", 1)


def test_a_blob_is_json_as_everywhere_else(site: Site) -> None:
    site.rows = {"columns": ["raw"], "rows": [[{"$base64": "YWI="}]]}

    assert site.text("{{ query('x')[0]|json }}") == '{"raw":{"$base64":"YWI="}}'
