"""What stands above the columns of a table and narrows its rows down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, assert_accessible_in_both_themes
from tests.browser.place import Place


@pytest.fixture
def readings(open_page: Open, place: Place) -> Iterator[Page]:
    place.made("/query", {"sql": "CREATE TABLE readings (id INTEGER PRIMARY KEY, value REAL, remark TEXT)"})
    place.made("/query", {"sql": "INSERT INTO readings VALUES (1, 1.5, 'Inf'), (2, 9e999, ''), (3, -9e999, 'x'), (4, NULL, NULL)"})
    yield open_page("/data/readings")
    place.made("/query", {"sql": "DROP TABLE readings"})


@pytest.mark.parametrize(
    ("column", "text", "ids"),
    [
        ("value", "null", ["2", "3", "4"]),  # JSON has no infinite numbers: the screen shows them as NULL
        ("value", "not null", ["1"]),
        ("remark", "null", ["4"]),
        ("remark", "not null", ["1", "2", "3"]),
        ("remark", "=", ["2"]),
        ("value", ">", ["1", "2", "3", "4"]),  # there is nothing to compare with yet
        ("value", "> 1", ["1", "2"]),
    ],
)
def test_a_filter_finds_what_the_screen_shows(readings: Page, column: str, text: str, ids: list[str]) -> None:
    readings.get_by_label(f"Filter {column}").fill("no such thing")
    expect(readings.locator("#nothing")).to_be_visible()

    readings.get_by_label(f"Filter {column}").fill(text)

    expect(readings.locator("#grid tbody td:nth-child(2)")).to_have_text(ids)


def test_a_filter_that_compares_with_no_number_says_so(readings: Page) -> None:
    box = readings.get_by_label("Filter value")
    box.fill("> 1,5")
    expect(box).to_have_accessible_description("A number has a point: 1.5")
    expect(readings.get_by_text("A number has a point: 1.5")).to_be_visible()
    assert len({readings.get_by_label(f"Filter {name}").bounding_box()["y"] for name in ("id", "value", "remark")}) == 1
    assert_accessible_in_both_themes(readings)

    box.fill("> 1.4")

    expect(box).to_have_accessible_description("A part of it, = 5, > 3, null, not null")
    expect(readings.locator("#grid tbody td:nth-child(2)")).to_have_text(["1", "2"])
