"""The start page, and new cenvs."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

CREDENTIALS = {"username": "owner", "password": "correct horse"}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_a_new_cenv_answers_with_its_id_and_address(client: FlaskClient) -> None:
    answer = client.post("/new", json=CREDENTIALS)

    assert answer.status_code == 201
    assert answer.json.keys() == {"cenv_id", "cenv_url"}
    assert UUID.fullmatch(answer.json["cenv_id"])
    assert answer.json["cenv_url"] == f"http://localhost/{answer.json['cenv_id']}/"
    assert answer.headers["Location"] == answer.json["cenv_url"]


def test_a_new_cenv_is_one_private_file(client: FlaskClient, tmp_path: Path) -> None:
    made = client.post("/new", json=CREDENTIALS).json["cenv_id"]

    path = tmp_path / "cenvs" / f"{made}.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_address_comes_from_the_setting_where_there_is_one(make_app: Callable[..., Flask]) -> None:
    client = make_app(base_url="https://wce.example/").test_client()

    answer = client.post("/new", json=CREDENTIALS, headers={"Host": "evil.example"})

    assert answer.json["cenv_url"] == f"https://wce.example/{answer.json['cenv_id']}/"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"username": "ab"}, "username"),
        ({"username": "a" * 33}, "username"),
        ({"username": "a b c"}, "username"),
        ({"username": "público"}, "username"),
        ({"username": "Public"}, "username"),
        ({"username": None}, "username"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 73}, "password"),
        ({"password": "ä" * 37}, "password"),
        ({"password": "with\0nul"}, "password"),
        ({"example": "nothing"}, "example"),
        ({"role": "owner"}, "role"),
    ],
)
def test_a_bad_field_leaves_no_file_behind(client: FlaskClient, tmp_path: Path, changed: dict[str, object], field: str) -> None:
    answer = client.post("/new", json=CREDENTIALS | changed)

    assert answer.status_code == 422
    assert [item["field"] for item in answer.json["errors"]] == [field]
    assert list((tmp_path / "cenvs").glob("*-*-*")) == []


def test_a_server_may_keep_new_cenvs_to_itself(make_app: Callable[..., Flask]) -> None:
    client = make_app(allow_new_cenvs=False).test_client()

    assert client.post("/new", json=CREDENTIALS).status_code == 403
    assert "/new -H" not in client.get("/").text
    assert "does not let visitors" in client.get("/new").text


@pytest.mark.parametrize("path", ["/", "/new"])
def test_the_pages_show_commands_for_this_server(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert "http://localhost/new -H" in answer.text


@pytest.mark.parametrize("path", ["/", "/new", "/nothing"])
def test_our_pages_have_no_inline_style_or_script(client: FlaskClient, path: str) -> None:
    text = client.get(path, headers={"Accept": "text/html"}).text

    assert not re.search(r"<style|<script(?![^>]* src=)|\sstyle=|\son[a-z]+=|javascript:", text)


@pytest.mark.parametrize(("sent", "shown"), [("dark", "dark"), ("light", "light"), ('"><script>', "auto"), ("", "auto")])
def test_the_visitor_chooses_light_or_dark(client: FlaskClient, sent: str, shown: str) -> None:
    assert f'data-theme="{shown}"' in client.get("/", headers={"Cookie": f"theme={sent}"}).text
