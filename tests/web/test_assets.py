"""The interface's own files."""

from __future__ import annotations

import gzip
import re

import pytest
from flask.testing import FlaskClient


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


def test_an_address_of_another_version_is_not_kept(client: FlaskClient) -> None:
    answer = client.get("/static/v-000000000000/css/app.css")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=0"


@pytest.mark.parametrize("name", ["css/none.css", "../app.py", "css/../../app.py", "%2e%2e/app.py", "css", ".", "css//app.css"])
def test_nothing_else_is_served(client: FlaskClient, name: str) -> None:
    folder = address(client).removesuffix("css/app.css")

    assert client.get(folder + name).status_code == 404
