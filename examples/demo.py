"""A music shop with three support agents who see only their own customers, made on a running server.

python examples/demo.py [--url http://127.0.0.1:5309]
"""

from __future__ import annotations

import re
import secrets
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click
from load import load
from loading import sqlite_file
from loading.client import ApiError, Client
from loading.source import statement

CHINOOK = Path(__file__).parent / "chinook"
TABLES = (
    *("Album", "Artist", "Customer", "Employee", "Genre", "Invoice", "InvoiceLine", "MediaType", "Playlist", "PlaylistTrack", "Track"),
    *("SaleLine", "CustomerValue", "BestCustomer"),  # views
)
AGENTS = {"jane": 3, "margaret": 4, "steve": 5}  # user name → EmployeeId

# Which user is which employee. The agents have no right on this table: a policy may look where its user may not.
AGENT_TABLE = "CREATE TABLE Agent (user_id INTEGER PRIMARY KEY, EmployeeId INTEGER NOT NULL REFERENCES Employee)"

# Three policies hold for every user of every role below admin, also for those who come later.
POLICIES = {
    "Customer": "SupportRepId IN (SELECT EmployeeId FROM Agent WHERE user_id = $user_id)",
    "Invoice": """
        CustomerId IN (
            SELECT c.CustomerId FROM Customer AS c
            JOIN Agent AS a ON a.EmployeeId = c.SupportRepId WHERE a.user_id = $user_id
        )""",
    "InvoiceLine": """
        InvoiceId IN (
            SELECT i.InvoiceId FROM Invoice AS i
            JOIN Customer AS c ON c.CustomerId = i.CustomerId
            JOIN Agent AS a ON a.EmployeeId = c.SupportRepId WHERE a.user_id = $user_id
        )""",
}


@dataclass(frozen=True)
class Shop:
    """The cenv that was made, and everybody's password."""

    cenv: str
    passwords: dict[str, str]


def read_sql(name: str) -> dict[str, str]:
    """The named statements of queries.sql, or those of views.sql by the view that they make."""
    text = (CHINOOK / name).read_text(encoding="utf-8")
    found = re.findall(r"^(?:-- name: (\w+)\n|(?=CREATE VIEW (\w+)))(.*?);$", text, re.MULTILINE | re.DOTALL)
    return {query or view: sql for query, view, sql in found}


def invite(owner: Client, username: str, password: str, employee: int) -> None:
    """A viewer, who may read every table and view of the shop under the policies."""
    user = owner.call("POST", "admin/users", {"username": username, "password": password, "role": "viewer"})
    owner.query("INSERT INTO Agent VALUES (?, ?)", [user["user_id"], employee])
    for table in TABLES:
        owner.call("POST", "admin/permissions", {"user_id": user["user_id"], "table_name": table, "can_read": True})


def open_shop(url: str) -> Shop:
    """A new cenv with the data, the views, the policies and the agents."""
    passwords = {name: secrets.token_urlsafe(12) for name in ("owner", *AGENTS)}
    with Client(url) as owner:
        made = owner.call("POST", "/new", {"username": "owner", "password": passwords["owner"]})
        owner.cenv = made["cenv_id"]
        owner.log_in("owner", passwords["owner"])
        owner.call("PUT", "admin/config", {"rate_limit_ip": "1000 per minute"})  # four people at one address, in a hurry
        with closing(sqlite_file.open_file(CHINOOK / "chinook.sqlite")) as database:
            load(owner, sqlite_file.read(database))
        owner.transaction_of([statement(sql) for sql in (AGENT_TABLE, *read_sql("views.sql").values())])
        for table, condition in POLICIES.items():
            owner.call("POST", "admin/policies", {"table_name": table, "policy_type": "read", "sql_condition": condition})
        for username, employee in AGENTS.items():
            invite(owner, username, passwords[username], employee)
        return Shop(owner.cenv, passwords)


def look(client: Client) -> str:
    """What one user sees, in a line."""
    started = time.monotonic()
    queries = read_sql("queries.sql")
    answers = {name: client.query(sql, as_lists=True).rows for name, sql in queries.items()}
    customers, invoices, lines, tracks = answers["how_much_of_everything"][0]
    seconds = time.monotonic() - started
    return f"{customers} customers, {invoices} invoices, {lines} lines, {tracks} tracks; {len(queries)} queries in {seconds:.2f} s"


@click.command(help=(__doc__ or "").splitlines()[0])
@click.option("--url", default="http://127.0.0.1:5309", show_default=True, help="Address of the server.")
def main(url: str) -> None:
    """Make the shop, then look at it as the owner and as each agent."""
    try:
        shop = open_shop(url)
        click.echo(f"cenv {shop.cenv} at {url}/{shop.cenv}/")
        for name, password in shop.passwords.items():
            with Client(url, shop.cenv) as client:
                client.log_in(name, password)
                click.echo(f"{name:8} password {password}  sees {look(client)}")
    except ApiError as error:
        raise click.ClickException(f"the server refused: {error}") from error
    except OSError as error:
        raise click.ClickException(f"no answer from {url}: {error}. Start the server with: make run") from error


if __name__ == "__main__":
    main()
