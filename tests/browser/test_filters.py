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


@pytest.mark.parametrize("text", ["ärger", "ÄRGER", "Ärger", "rger"])
def test_letters_that_are_not_english_are_found_small_and_large(readings: Page, place: Place, text: str) -> None:
    place.made("/query", {"sql": "INSERT INTO readings (id, remark) VALUES (5, 'Ärger'), (6, 'nur ärger'), (7, 'ÄRGER'), (8, 'Arge')"})

    readings.get_by_label("Search every column").fill(text)

    expect(readings.locator("#grid tbody td:nth-child(2)")).to_have_text(["5", "6", "7"])


def test_a_filter_that_compares_with_no_number_says_so(readings: Page) -> None:
    box = readings.get_by_label("Filter value")
    box.fill("> 1,5")
    expect(box).to_have_accessible_description("A number has a decimal point: 1.5")
    expect(readings.get_by_text("A number has a decimal point: 1.5")).to_be_visible()
    assert len({readings.get_by_label(f"Filter {name}").bounding_box()["y"] for name in ("id", "value", "remark")}) == 1
    assert_accessible_in_both_themes(readings)

    box.fill("> 1.4")

    expect(box).to_have_accessible_description("Part of the value, = 5, > 3, null, not null")
    expect(readings.locator("#grid tbody td:nth-child(2)")).to_have_text(["1", "2"])


def test_numbers_that_a_view_works_out_are_compared_as_numbers(readings: Page, place: Place) -> None:
    place.made("/query", {"sql": "CREATE VIEW worked AS SELECT id * 10 AS tens, id || '0' AS text FROM readings"})
    readings.goto(f"{place.url}/data/worked")
    tens = readings.locator("#grid tbody td:nth-child(2)")
    for column, asked, found in (("tens", "= 20", ["20"]), ("tens", "<> 20", ["10", "30", "40"]), ("text", "> 20", ["30", "40"])):
        readings.get_by_label(f"Filter {column}").fill(asked)
        expect(tens).to_have_text(found)
        readings.get_by_role("button", name="Clear filters").click()
        expect(tens).to_have_count(4)

    readings.get_by_role("link", name="Query").click()
    dialog = readings.get_by_role("dialog", name="Build a query")
    dialog.get_by_role("button", name="Add a condition").click()
    dialog.get_by_label("Value of condition 1").fill("20")
    expect(readings.get_by_label("The query in SQL")).to_contain_text("CAST(tens AS NUMERIC) = 20")

    place.made("/query", {"sql": "DROP VIEW worked"})
