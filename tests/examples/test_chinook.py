"""Three agents ask thirty questions each and see exactly what a database without the other rows answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import demo
import pytest

from wce.client import ApiError, Client

QUERIES = demo.read_sql("queries.sql")


@pytest.fixture(scope="module")
def shop(server: Any) -> demo.Shop:
    return demo.open_shop(server.url)


@pytest.fixture(scope="module")
def clients(server: Any, shop: demo.Shop) -> Iterator[dict[str, Client]]:
    opened = {name: Client(server.url, shop.cenv) for name in shop.passwords}
    for name, client in opened.items():
        client.log_in(name, shop.passwords[name])
    yield opened
    for client in opened.values():
        client.close()


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, sqlite3.Connection]]:
    """For each agent the database from which the rows of the others were deleted."""
    folder = tmp_path_factory.mktemp("filtered")
    copies = {}
    for name, employee in demo.AGENTS.items():
        copies[name] = sqlite3.connect(folder / name)
        with closing(sqlite3.connect(demo.CHINOOK / "chinook.sqlite")) as source:
            source.backup(copies[name])
        for sql in (
            f"DELETE FROM Customer WHERE SupportRepId <> {employee}",
            "DELETE FROM Invoice WHERE CustomerId NOT IN (SELECT CustomerId FROM Customer)",
            "DELETE FROM InvoiceLine WHERE InvoiceId NOT IN (SELECT InvoiceId FROM Invoice)",
        ):
            copies[name].execute(sql)
        for sql in demo.read_sql("views.sql").values():
            copies[name].execute(sql)
    yield copies
    for connection in copies.values():
        connection.close()


def test_there_are_thirty_questions() -> None:
    assert len(QUERIES) == 30


@pytest.mark.parametrize("agent", demo.AGENTS)
@pytest.mark.parametrize("query", QUERIES)
def test_an_agent_gets_the_answer_of_the_filtered_copy(
    clients: dict[str, Client], filtered: dict[str, sqlite3.Connection], query: str, agent: str
) -> None:
    cursor = filtered[agent].execute(QUERIES[query])
    expected = [list(row) for row in cursor]

    answer = clients[agent].query(QUERIES[query], as_lists=True)

    assert answer.columns == [column[0] for column in cursor.description]
    assert answer.rows == expected
    assert not answer.truncated


@pytest.mark.parametrize("query", QUERIES)
def test_no_question_has_the_same_answer_for_all(clients: dict[str, Client], query: str) -> None:
    """Else the test above would prove nothing."""
    answers = [str(client.query(QUERIES[query], as_lists=True).rows) for client in clients.values()]

    assert len(set(answers)) == len(answers)


def test_the_owner_sees_everything(clients: dict[str, Client]) -> None:
    answer = clients["owner"].query(QUERIES["how_much_of_everything"], as_lists=True)

    assert answer.rows == [[59, 412, 2240, 3503]]


def test_the_whole_database_arrived(clients: dict[str, Client]) -> None:
    with closing(sqlite3.connect(demo.CHINOOK / "chinook.sqlite")) as source:
        names = [name for (name,) in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = {name: source.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}

    found = {name: clients["owner"].query(f"SELECT count(*) FROM {name}", as_lists=True).rows[0][0] for name in names}

    assert found == counts
    assert (len(found), sum(found.values())) == (11, 15_607)


def test_the_table_behind_the_policies_stays_hidden_from_the_agents(clients: dict[str, Client]) -> None:
    with pytest.raises(ApiError) as caught:
        clients["jane"].query("SELECT * FROM Agent")

    assert (caught.value.status, caught.value.code) == (404, "no_such_table")


def test_an_agent_cannot_write(clients: dict[str, Client]) -> None:
    with pytest.raises(ApiError) as caught:
        clients["jane"].query("UPDATE Customer SET SupportRepId = 3")

    assert caught.value.status == 403


def test_a_customer_that_changes_hands_is_seen_by_the_new_agent_at_once(clients: dict[str, Client]) -> None:
    (before,) = clients["steve"].query("SELECT count(*) FROM Customer", as_lists=True).rows

    clients["owner"].query("UPDATE Customer SET SupportRepId = 5 WHERE CustomerId = 1")
    (after,) = clients["steve"].query("SELECT count(*) FROM Customer", as_lists=True).rows
    clients["owner"].query("UPDATE Customer SET SupportRepId = 3 WHERE CustomerId = 1")

    assert after[0] == before[0] + 1


def test_the_files_of_the_example_are_as_they_were(root: Path) -> None:
    with closing(sqlite3.connect(f"{(root / 'examples/chinook/chinook.sqlite').as_uri()}?mode=ro", uri=True)) as source:
        assert source.execute("PRAGMA integrity_check").fetchone() == ("ok",)
