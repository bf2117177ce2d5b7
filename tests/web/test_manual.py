"""The manual on the server: pages, anchors, links, search, and the view of the API."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.test_docs import ROOT, anchors
from tests.web.callers import Clock
from tests.web.conftest import applications, usual
from wce.errors import TITLES
from wce.web import manual
from wce.web.headers import POLICIES, ResponseClass
from wce.web.markdown import excerpt, render

PAGES = sorted(manual.names())


def ids(html: str) -> set[str]:
    return set(re.findall(r'id="([^"]+)"', html))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Of one application for all tests here, which only read."""
    with applications(usual(tmp_path_factory.mktemp("manual")), Clock()) as make:
        yield make().test_client(use_cookies=False)


@pytest.fixture(scope="module")
def look(client: FlaskClient) -> Callable[[str], tuple[int, set[str]]]:
    """Call it with a path for the status and the ids of what is there; many pages link to the same."""

    @functools.cache
    def at(path: str) -> tuple[int, set[str]]:
        answer = client.get(path)
        return answer.status_code, ids(answer.text) if answer.mimetype == "text/html" else set()

    return at


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_shown_with_the_anchors_of_its_file(client: FlaskClient, name: str) -> None:
    answer = client.get(manual.address_of(name))

    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == POLICIES[ResponseClass.UI]
    assert anchors((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")) <= ids(answer.text)
    assert "<script" not in answer.text.replace('<script type="module" src="', "")
    assert " style=" not in answer.text


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_somewhere_on_the_server(
    client: FlaskClient, look: Callable[[str], tuple[int, set[str]]], name: str
) -> None:
    article = client.get(manual.address_of(name)).text.split('<article class="prose">')[1].split("</article>")[0]

    for target in set(re.findall(r'(?:href|src)="([^"#][^"]*)"', article)):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        status, there = look(path)
        assert status == 200, target
        assert not anchor or anchor in there, target


def test_every_error_leads_to_its_section(client: FlaskClient) -> None:
    assert set(TITLES) <= ids(client.get("/docs/errors").text)


def test_the_contents_name_every_page_once(client: FlaskClient) -> None:
    addresses = [address for _, entries in manual.contents() for _, address in entries]

    assert sorted(addresses) == sorted(manual.address_of(name) for name in PAGES if name != "index")
    assert 'aria-current="page"' in client.get("/docs/errors").text


@pytest.mark.parametrize("path", ["nothing", "index", "ERRORS", "..%2fREADME", "images/nothing.svg", "images/..%2findex.md"])
def test_what_is_no_page_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(f"/docs/{path}").status_code == 404


def test_a_search_finds_the_section_by_its_heading_first(client: FlaskClient) -> None:
    answer = client.get("/docs/search", query_string={"q": "row_policy"})

    first = re.search(r'<ol class="hits">\s*<li><a href="([^"]+)"', answer.text)
    assert first
    assert first[1] == "/docs/errors#row_policy"
    assert "<mark>" in answer.text


def test_a_search_wants_every_word(client: FlaskClient) -> None:
    assert manual.find("policy") != []
    assert manual.find("policy xyzzy") == []
    assert manual.find("   ") == []
    assert "No sections" in client.get("/docs/search?q=xyzzy").text
    assert "<details open" not in client.get("/docs/search?q=xyzzy").text  # on a phone what was found stands below the contents
    assert "Type some words" in client.get("/docs/search").text


@pytest.mark.parametrize("asked", ["<script>alert(1)</script>", '"><img src=x>', "{{ 7 * 7 }}", "\0", "a" * 5000, "(", "\\"])
def test_a_hostile_search_is_only_text(client: FlaskClient, asked: str) -> None:
    answer = client.get("/docs/search", query_string={"q": asked})

    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text
    assert f"{7 * 7}" not in re.sub(r"[^ ]*/v-[^ ]*", "", answer.text.split("</title>")[0])


def test_an_excerpt_marks_words_and_nothing_else() -> None:
    assert excerpt("a <b> policy & more", ["policy"]) == "a &lt;b&gt; <mark>policy</mark> &amp; more"
    cut = excerpt("x " * 300 + "needle " + "y " * 300, ["needle"])
    assert cut.startswith("… ")
    assert cut.endswith(" …")
    assert "<mark>needle</mark>" in cut
    assert excerpt("plain", []) == "plain"


def test_headings_alike_have_anchors_of_their_own() -> None:
    page = render("# One\n\n## Same `a_b`\n\nx\n\n## Same `a_b`\n\ny\n", lambda target: None)

    assert [section.anchor for section in page.sections] == ["one", "same-a_b", "same-a_b-1"]
    assert [section.text for section in page.sections] == ["", "x", "y"]
    assert page.title == "One"


def test_html_in_a_page_is_text_and_a_link_that_leads_nowhere_is_none() -> None:
    page = render("<b>x</b> [a](../README.md) [b](https://example.org) [c](#d)", {"../README.md": None}.get)

    assert "&lt;b&gt;" in page.html
    assert "<a>a</a>" in page.html
    assert 'href="https://example.org"' in page.html
    assert 'href="#d"' in page.html
    assert page.title == ""


def test_the_api_is_shown_with_every_operation_and_schema(client: FlaskClient) -> None:
    described = client.get("/openapi.json").json

    shown = client.get("/docs/api").text

    assert {item["operationId"] for path in described["paths"].values() for item in path.values()} <= ids(shown)
    assert {f"schema-{name}" for name in described["components"]["schemas"]} <= ids(shown)
    assert client.get("/docs/api").text == shown
    references = set(re.findall(r'href="#([^"]+)"', shown))
    assert references <= ids(shown)


def test_pictures_come_from_their_folder(client: FlaskClient) -> None:
    for name in manual.pictures():
        answer = client.get(f"/docs/images/{name}")
        assert answer.mimetype == "image/svg+xml"
        assert Path(ROOT / "docs" / "images" / name).read_bytes() == answer.data
