"""Pages that fail, for their author or for their visitors: who publishes one learns of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, assert_accessible
from tests.browser.place import Place

FAILING = "<h1>Gone</h1>\n{% for row in query('SELECT * FROM nowhere') %}{{ row.id }}{% endfor %}\n"
ORDERS = "<h1>Orders</h1>\n{{ query('SELECT count(*) AS n FROM orders')[0].n }}\n"
LAYOUT = "<title>x</title>\n\n{{ nowhere.at }}{% block main %}{% endblock %}"
Write = Callable[..., int]


@pytest.fixture
def write(place: Place) -> Iterator[Write]:
    """Call it with a name, a text and more of a template."""
    made = []

    def write_it(name: str, content: str, **more: object) -> int:
        made.append(place.made("/admin/templates", {"name": name, "syntax": "jinja", "content": content, "access": "public", **more}))
        return made[-1]

    yield write_it
    for number in made:
        place.send("DELETE", f"/admin/templates/{number}")


def editor(open_page: Open, name: str, **options: str) -> Page:
    page = open_page(f"/editor/templates#{name}", **options)
    page.locator("body[data-ready]").wait_for()
    return page


def published(place: Place, number: int) -> bool:
    return bool(place.send("GET", f"/admin/templates/{number}").json()["published"])


def test_a_page_that_fails_is_published_only_by_who_insists(open_page: Open, place: Place, write: Write) -> None:
    number = write("gone", FAILING)
    page = editor(open_page, "gone", theme="dark")
    expect(page.locator("#verdict")).to_have_text("line 2: no such table: nowhere")

    page.get_by_role("button", name="Publish").click()

    dialog = page.get_by_role("dialog", name="Publish gone with its error")
    expect(dialog).to_contain_text("gone, line 2: no such table: nowhere")
    expect(dialog).to_contain_text("visitors see an error page")
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert not published(place, number)

    page.get_by_role("button", name="Publish").click()
    dialog.get_by_role("button", name="Publish it anyway").click()
    expect(page.get_by_text("gone is published.")).to_be_visible()
    expect(page.get_by_text("Visitors of gone see an error page now: line 2: no such table: nowhere")).to_be_visible()
    assert published(place, number)


def test_a_page_that_fails_only_for_its_visitors_says_so_and_leads_to_what_mends_it(open_page: Open, place: Place, write: Write) -> None:
    write("sold", ORDERS)
    page = editor(open_page, "sold")
    page.get_by_role("button", name="Publish").click()
    note = page.locator(".toast.failed")
    expect(note).to_contain_text("Whoever is not signed in sees an error page instead of sold: sold, line 2: no such table: orders.")

    note.get_by_role("button", name="Settings").click()
    page.get_by_label("Reads with the rights of").select_option("definer")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()

    expect(page.get_by_text("sold is changed.")).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(note).to_have_count(0)


def test_an_error_of_a_layout_is_not_marked_in_the_page(open_page: Open, write: Write) -> None:
    write("layouts/odd", LAYOUT)
    write("inside", '{% extends "layouts/odd" %}\n{% block main %}\nhello\n{% endblock %}')

    page = editor(open_page, "inside")

    expect(page.locator("#verdict")).to_have_text("layouts/odd, line 3: 'nowhere' is undefined")
    page.locator("#editor .view-line").first.wait_for()
    expect(page.locator("#editor .squiggly-error")).to_have_count(0)


def test_beside_a_page_that_fails_no_other_one_is_shown(open_page: Open, write: Write) -> None:
    write("gone", FAILING)
    write("fine", "<h1>Fine</h1>")
    page = editor(open_page, "fine")
    expect(page.locator("#preview iframe").last.content_frame.get_by_role("heading")).to_have_text("Fine")

    page.get_by_role("button", name="gone").click()

    expect(page.locator("#preview")).to_contain_text("line 2: no such table: nowhere")
    expect(page.locator("#preview iframe")).to_have_count(0)


def test_a_page_that_works_is_published_at_once(open_page: Open, place: Place, write: Write) -> None:
    number = write("fine", "<h1>Fine</h1>")
    page = editor(open_page, "fine")

    page.get_by_role("button", name="Publish").click()

    expect(page.get_by_text("fine is published.")).to_be_visible()
    assert published(place, number)
