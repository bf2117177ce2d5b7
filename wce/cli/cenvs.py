"""Cenvs: which there are, a new one, and what there is to know of one."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Final

import click

from wce.cli.desk import CHECK_FAILED, Command, Desk, table
from wce.core import audit, examples, operator
from wce.core.cenvs import FIRST_ID, create_cenv
from wce.core.permissions import GrantsCache
from wce.core.query import Queries
from wce.core.settings import Config
from wce.errors import WceError
from wce.model import Actor, Role

_AT: Final = "%Y-%m-%d %H:%M"


@click.command("list", cls=Command)
@click.pass_obj
def list_cenvs(desk: Desk) -> None:
    """List all cenvs of the folder; each is only read. Works beside a running server.

    \b
    Example: python -m wce list
    """
    found = []
    for cenv in desk.store.cenvs():
        try:
            found.append(asdict(operator.summarize(desk.store, cenv)))
        except WceError as error:
            found.append({"cenv_id": cenv, "error": error.code})
    rows = [
        (
            item["cenv_id"],
            item.get("owner", f"({item.get('error')})"),
            *(item.get(name, "") for name in ("bytes", "schema")),
            _date(item.get("created_at")),
        )
        for item in found
    ]
    desk.show({"cenvs": found}, lambda: table(("CENV", "OWNER", "BYTES", "SCHEMA", "CREATED"), rows))


@click.command("new", cls=Command)
@click.argument("username")
@click.password_option(help="The owner's password; asked for if not given.")
@click.option("--example", metavar="NAME", help="Start with an application: todo, guestbook, … (docs/examples.md).")
@click.pass_obj
def new(desk: Desk, username: str, password: str, example: str | None) -> None:
    """Make a new cenv, owned by USERNAME. Works beside a running server.

    \b
    Example: python -m wce new ada --example todo
    """
    chosen = None if example is None else examples.find_example(example)
    desk.make_folder()
    made = create_cenv(desk.store, desk.passwords(), username, password)
    if chosen is None:
        desk.show({"cenv_id": made}, lambda: [made])
        return
    queries = Queries(desk.store, desk.guard, GrantsCache())
    tools = examples.Tools(desk.store, desk.guard, queries, desk.passwords(), Config(desk.settings.cenv_overrides))
    users = examples.install(tools, made, Actor(FIRST_ID, username, Role.OWNER), chosen)
    desk.show({"cenv_id": made, "users": users}, lambda: [made, *(f"{name}  {secret}" for name, secret in users.items())])


@click.command("info", cls=Command)
@click.argument("cenv")
@click.pass_obj
def info(desk: Desk, cenv: str) -> None:
    """Show facts about a CENV, which is only read. Works beside a running server.

    \b
    Example: python -m wce info 3f2a
    """
    found = asdict(operator.summarize(desk.store, desk.cenv(cenv)))
    flat = {name: value for name, value in found.items() if name != "counts"} | found["counts"]
    shown = flat | {"created_at": _date(flat["created_at"])}
    desk.show(flat, lambda: table(("", ""), list(shown.items()))[1:])


@click.command("verify-audit", cls=Command)
@click.argument("cenv")
@click.pass_obj
def verify_audit(desk: Desk, cenv: str) -> None:
    """Check the chain of a CENV's audit log; exit code 3 if it is broken. Works beside a running server.

    \b
    Example: python -m wce verify-audit 3f2a
    """
    with desk.session(cenv) as session:
        found = audit.verify(session)
    told = f"{found.count} entries, unbroken" if found.ok else f"broken at entry {found.first_bad_id}: {found.reason}"
    desk.show(asdict(found), lambda: [told])
    if not found.ok:
        raise SystemExit(CHECK_FAILED)


def _date(at: int | None) -> str:
    return "" if at is None else time.strftime(_AT, time.gmtime(at))


COMMANDS: Final = (list_cenvs, new, info, verify_audit)
