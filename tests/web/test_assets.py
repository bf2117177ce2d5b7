"""The interface's own files."""

from __future__ import annotations

import gzip
import re

import pytest
from flask.testing import FlaskClient

from wce.web.assets import imports, names


def address(client: FlaskClient) -> str:
    found = re.search(r'href="(/static/v-[0-9a-f]{12}/css/app\.css)"', client.get("/").text)
    assert found
    return found[1]


def test_a_page_names_files_that_a_browser_may_keep_for_ever(client: FlaskClient) -> None:
    answer = client.get(address(client))

    assert answer.status_code == 200
    assert answer.mimetype == "text/css"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_text_goes_out_zipped_to_who_understands_it(client: FlaskClient) -> None:
    plain = client.get(address(client))
    zipped = client.get(address(client), headers={"Accept-Encoding": "br, gzip"})

    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert zipped.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/static"])
def test_nothing_is_zipped_for_who_says_that_he_does_not_take_it(client: FlaskClient, path: str) -> None:
    asked = address(client) if path == "/static" else path

    answer = client.get(asked, headers={"Accept-Encoding": "gzip;q=0"})

    assert (answer.status_code, answer.headers.get("Content-Encoding")) == (200, None)


def test_an_address_of_another_version_is_not_kept(client: FlaskClient) -> None:
    answer = client.get("/static/v-000000000000/css/app.css")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=0"


@pytest.mark.parametrize("name", ["css/none.css", "../app.py", "css/../../app.py", "%2e%2e/app.py", "css", ".", "css//app.css"])
def test_nothing_else_is_served(client: FlaskClient, name: str) -> None:
    folder = address(client).removesuffix("css/app.css")

    assert client.get(folder + name).status_code == 404


def test_a_page_asks_for_all_its_modules_at_once(client: FlaskClient) -> None:
    text = client.get("/").text
    preloaded = re.findall(r'<link rel="modulepreload" href="/static/v-[0-9a-f]{12}/([^"]+)"', text)

    assert preloaded == ["js/api.js", "js/dom.js", "js/sign-in.js", "js/ui.js"]


def test_what_modules_import_is_there() -> None:
    modules = {name for name in names() if re.fullmatch(r"js/[\w-]+\.js", name)}

    found = {name: set(imports(name)) for name in modules}

    assert set().union(*found.values()) <= names()
    assert {"js/app.js", "js/code.js", "js/grid.js"} <= found["js/console.js"]
    assert "js/editor.js" not in found["js/console.js"]  # which is fetched when it is wanted
