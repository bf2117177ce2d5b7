"""The server itself: its settings, its health, its start, and the schema of all cenvs."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from wce.cli.desk import CHECK_FAILED, Command, Desk, table
from wce.cli.doctor import examine
from wce.config import describe
from wce.core.settings import Config
from wce.core.settings import describe as describe_cenv
from wce.errors import WceError
from wce.store.sqlite import sqlite3

_APP: Final = Path(__file__).resolve().parents[2] / "app.py"
# The address of Redis may have a password in it.
_SECRETS: Final = frozenset({"WCE_JWT_SECRET", "WCE_METRICS_TOKEN", "WCE_BACKUP_S3_KEY", "WCE_BACKUP_S3_SECRET", "WCE_REDIS_URL"})


@click.command("config", cls=Command)
@click.pass_obj
def config(desk: Desk) -> None:
    """Show every setting with its value and where that comes from, without secrets. Works beside a running server.

    \b
    Example: python -m wce config
    """
    found = [_setting(desk, *item) for item in describe()]
    Config(desk.settings.cenv_overrides)  # says which are broken
    for name, kind, default, description in describe_cenv():
        found.append(_setting(desk, f"WCE_CENV_{name.upper()}", "", description) | {"default": default, "type": kind})
    rows = [(item["name"], item["value"], item["source"]) for item in found]
    desk.show({"settings": found}, lambda: table(("SETTING", "VALUE", "FROM"), rows))


@click.command("doctor", cls=Command)
@click.pass_obj
def doctor(desk: Desk) -> None:
    """Check SQLite, settings, disk, folder and sandbox; exit code 3 if something is wrong. Works beside a running server.

    \b
    Example: python -m wce doctor
    """
    findings = examine(desk.settings, desk.environ)
    value = {"ok": all(item.level != "error" for item in findings), "findings": [asdict(item) for item in findings]}
    desk.show(value, lambda: table(("", "WHAT", "FOUND"), [(item.level, item.what, item.found) for item in findings])[1:])
    if not value["ok"]:
        raise SystemExit(CHECK_FAILED)


@click.command("migrate", cls=Command)
@click.pass_obj
def migrate(desk: Desk) -> None:
    """Bring every cenv to the schema of this version, which otherwise happens when it is first used.

    Not beside a running server: stop it first, because a server of an older version cannot read what this one writes.

    \b
    Example: python -m wce migrate
    """
    desk.require_no_server()
    done: dict[str, str] = {}
    for cenv in desk.store.cenvs():
        try:
            with desk.store.session(cenv) as session:
                done[cenv] = f"schema {session.all('PRAGMA user_version')[0][0]}"
        except WceError as error:
            done[cenv] = error.code
        except sqlite3.Error as error:  # a step that this file does not take; the others shall have theirs
            done[cenv] = f"failed: {error}"
        desk.store.connections.close_cenv(cenv)
    failed = [cenv for cenv, told in done.items() if not told.startswith("schema")]
    desk.show(
        {"cenvs": done, "failed": failed}, lambda: [*table(("CENV", ""), list(done.items())), f"{len(done)} cenvs, {len(failed)} failed"]
    )
    if failed:
        raise SystemExit(CHECK_FAILED)


@click.command("serve", cls=Command)
@click.pass_obj
def serve(desk: Desk) -> None:  # noqa: ARG001
    """Run the server, as `python app.py` does. One server for each folder.

    \b
    Example: WCE_PORT=8080 python -m wce serve
    """
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, str(_APP)])  # noqa: S606 # the process becomes the server, signals and all


def _setting(desk: Desk, name: str, default: str, description: str) -> dict[str, Any]:
    given = desk.environ.get(name, "")
    value = default if not given else "(hidden)" if name in _SECRETS else given
    return {"name": name, "value": value, "source": "environment" if given else "default", "default": default, "description": description}


COMMANDS: Final = (config, doctor, migrate, serve)
