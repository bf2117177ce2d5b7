"""The pieces of code in the manual that are no commands run as they stand; only addresses and tokens are those of a real server."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.conftest import ROOT
from wce.client import Client

ADDRESS = "http://127.0.0.1:5309"
PASSWORD = "correct horse"


def all_shown(page: str, language: str) -> list[str]:
    """Every block of that language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def shown(page: str, language: str) -> str:
    """The one block of that language on a page."""
    (block,) = all_shown(page, language)
    return block


@pytest.fixture
def cenv(server: Any) -> Any:
    """What `create_cenv` tells of a cenv with the tables that the manual speaks of."""
    with Client(server.url) as ada:
        made = ada.create_cenv("ada", PASSWORD)
        ada.query("CREATE TABLE notes (id INTEGER PRIMARY KEY, owner TEXT, title TEXT)")
        ada.query("CREATE TABLE drafts (id INTEGER PRIMARY KEY)")
        ada.query("INSERT INTO notes (owner, title) VALUES ('ada', 'Old'), ('grace', 'Hers')")
        script = 'def handler(request):\n    return response({"title": request.json["title"]}, status=201)\n'
        ada.call("POST", "admin/endpoints", {"path": "/todo", "method": "POST", "access": "user", "script": script})
        yield made | {"token": ada.token}


def test_the_python_of_the_clients(server: Any, cenv: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exec(shown("clients.md", "python").replace(ADDRESS, server.url), {"cenv_id": cenv["cenv_id"]})

    assert capsys.readouterr().out.splitlines() == ["Old", "404 no_such_table no such table: secrets"]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_the_javascript_of_the_clients(cenv: Any) -> None:
    program = shown("clients.md", "javascript").replace("./wce-client.js", (ROOT / "static/js/wce-client.js").as_uri())
    program = program.replace(f"{ADDRESS}/3f2a…/", cenv["cenv_url"]).replace("wce_…", cenv["token"])

    done = subprocess.run(
        ["node", "--input-type=module", "-e", program + "console.log(rows[0].title);"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stdout.strip() == "Old", done.stderr


def test_the_query_that_lists_triggers(server: Any, cenv: Any) -> None:
    with Client(server.url, cenv["cenv_id"], cenv["token"]) as ada:
        ada.query("CREATE TRIGGER copies AFTER INSERT ON notes BEGIN INSERT INTO drafts VALUES (NULL); END")
        query, _ = all_shown("sql.md", "sql")

        assert [(row["name"], row["tbl_name"]) for row in ada.query(query).rows] == [("copies", "notes")]


def test_the_conditions_of_policies(server: Any, cenv: Any) -> None:
    with Client(server.url, cenv["cenv_id"], cenv["token"]) as ada:
        ada.query("CREATE TABLE Agent (user_id INTEGER, EmployeeId INTEGER)")
        ada.query("CREATE TABLE posts (id INTEGER PRIMARY KEY, owner TEXT, SupportRepId INTEGER, published INTEGER, author_id INTEGER)")
        _, block = all_shown("sql.md", "sql")
        conditions = block.splitlines()

        for condition in conditions:
            ada.call("POST", "admin/policies", {"table_name": "posts", "policy_type": "read", "sql_condition": condition})

        kept = ada.call("GET", "admin/policies")["policies"]
        assert [policy["sql_condition"] for policy in kept] == conditions
