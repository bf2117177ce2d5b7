"""Cenvs as files: export, import, backups, deletion."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from wce.cli.desk import Command, Desk, table
from wce.core import deletion
from wce.core.authoring import Check
from wce.core.backups import Backups
from wce.core.bucket import open_vault
from wce.core.exports import export
from wce.core.importing.intake import Importer
from wce.core.importing.report import Report
from wce.core.importing.system import Owner
from wce.core.operator import OPERATOR
from wce.core.users import check_username
from wce.errors import WceError
from wce.sandbox.faults import of_syntax
from wce.sandbox.messages import Fault
from wce.sandbox.pool import Pool

_MIB: Final = 1024 * 1024
_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_EXISTING: Final = click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path)


@click.command("export", cls=Command)
@click.argument("cenv")
@click.argument("file", type=_FILE)
@click.pass_obj
def export_cenv(desk: Desk, cenv: str, file: Path) -> None:
    """Write a CENV, as it is now and without its sessions, to a new FILE. Works beside a running server.

    \b
    Example: python -m wce export 3f2a shop.sqlite3
    """
    with desk.session(cenv) as session, export(desk.store, session, OPERATOR) as path:
        _write(path, file)
    size = file.stat().st_size
    desk.show({"file": str(file), "bytes": size}, lambda: [f"{file}, {size} bytes"])


@click.command("import", cls=Command)
@click.argument("file", type=_EXISTING)
@click.option("--into", metavar="CENV", help="Replace everything in this cenv; its present state is kept as a backup.")
@click.option("--username", help="The owner of a new cenv, for a file that has none.")
@click.option("--password", help="The owner's password; asked for if not given.")
@click.pass_obj
def import_cenv(desk: Desk, file: Path, into: str | None, username: str | None, password: str | None) -> None:
    """Make a cenv from a SQLite FILE, or replace the content of a cenv with it. Works beside a running server.

    \b
    Example: python -m wce import shop.sqlite3 --username ada
    """
    most = desk.settings.max_import_mb * _MIB
    if into is None:
        desk.make_folder()
    with _checking(desk) as check:
        importer = Importer(desk.store, desk.guard, check)
        if into is not None:
            with desk.session(into) as session:
                kept = _backups(desk)
                report = importer.replace(
                    session, file, OPERATOR, lambda: kept.replacing(session, "import", OPERATOR.username), max_bytes=most
                )
                made = session.cenv
        else:
            owner = None
            if username is not None:
                secret = password or click.prompt("Password", hide_input=True, confirmation_prompt=True)
                owner = Owner(check_username(username), desk.passwords().hash(secret))
            made, report = importer.create(file, owner, max_bytes=most, user_agent=OPERATOR.user_agent)
    desk.show({"cenv_id": made, "report": report.value()}, lambda: _told(made, report))


@click.command("backup", cls=Command)
@click.argument("cenv")
@click.option("--list", "listed", is_flag=True, help="List the existing backups, and make none.")
@click.pass_obj
def backup(desk: Desk, cenv: str, listed: bool) -> None:
    """Make a backup of a CENV, or list its backups. Works beside a running server.

    \b
    Example: python -m wce backup 3f2a
    """
    backups = _backups(desk)
    if listed:
        found = backups.list(desk.cenv(cenv))  # also of one that is damaged
    else:
        with desk.session(cenv) as session:
            found = [backups.create(session, OPERATOR)]
    rows = [(item.id, item.bytes, item.rows, item.created_by) for item in found]
    desk.show({"backups": [asdict(item) for item in found]}, lambda: table(("BACKUP", "BYTES", "ROWS", "BY"), rows))


@click.command("restore", cls=Command)
@click.argument("cenv")
@click.argument("backup_id", metavar="BACKUP")
@click.pass_obj
def restore(desk: Desk, cenv: str, backup_id: str) -> None:
    """Restore a CENV from a BACKUP; its present state is kept first. Works beside a running server.

    \b
    Example: python -m wce restore 3f2a 20261129T014027Z-manual-5f3e21aa
    """
    named, backups = desk.cenv(cenv), _backups(desk)
    try:
        with desk.store.session(named) as session:
            found = backups.restore(session, OPERATOR, backup_id)
    except WceError as error:
        if error.code != "cenv_damaged":
            raise
        found = backups.restore_damaged(named, OPERATOR, backup_id)
    desk.show(asdict(found), lambda: [f"{found.id}, {found.rows} rows"])


@click.command("delete", cls=Command)
@click.argument("cenv")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(desk: Desk, cenv: str, yes: bool) -> None:
    """Delete a CENV. It can be brought back for WCE_DELETE_GRACE_DAYS. Works beside a running server.

    \b
    Example: python -m wce delete 3f2a
    """
    named = desk.cenv(cenv)
    if not yes:
        click.confirm(f"Delete {named}?", abort=True)
    try:
        with desk.store.session(named) as session:
            found = deletion.delete(desk.store, session, OPERATOR)
    except WceError as error:
        if error.code != "cenv_damaged":
            raise
        found = deletion.delete_damaged(desk.store, named)
    desk.show(asdict(found), lambda: [f"{named} is deleted"])


@click.command("undelete", cls=Command)
@click.argument("cenv", required=False)
@click.pass_obj
def undelete(desk: Desk, cenv: str | None) -> None:
    """Bring a deleted CENV back, or list those that can be. Works beside a running server.

    \b
    Example: python -m wce undelete 3f2a6d10-5d0c-4f4e-9d4e-6a1f5a0f9b11
    """
    found = deletion.list_deleted(desk.store)
    if cenv is None:
        desk.show({"deleted": [asdict(item) for item in found]}, lambda: [item.cenv_id for item in found])
        return
    if cenv not in [item.cenv_id for item in found]:
        raise WceError("no_such_cenv", f"There is no deleted cenv {cenv}. Give the whole id, as undelete alone lists it.")
    deletion.bring_back(desk.store, cenv, OPERATOR)
    desk.show({"cenv_id": cenv}, lambda: [f"{cenv} is back"])


@contextmanager
def _checking(desk: Desk) -> Iterator[Check]:
    """`with` what tells whether a text is a script; a worker is started when there is one to look at."""
    pool = Pool(1, desk.metrics)

    def check(source: str) -> None:
        try:
            pool.check(source)
        except Fault as fault:
            raise of_syntax(fault) from fault

    try:
        yield check
    finally:
        pool.close()


def _backups(desk: Desk) -> Backups:
    return Backups(desk.store, open_vault(desk.settings))


def _write(path: Path, file: Path) -> None:
    if file.exists():
        raise WceError("name_taken", f"{file} already exists.")
    # Nobody else may read it from the first byte on, nor lay a link to another file under its name beforehand.
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with path.open("rb") as source, os.fdopen(descriptor, "wb") as target:
            shutil.copyfileobj(source, target)
        os.rename(draft, file)
    finally:
        Path(draft).unlink(missing_ok=True)


def _told(made: str, report: Report) -> list[str]:
    lines = [f"{made}, owned by {report.owner}: {len(report.tables)} tables, {sum(report.tables.values())} rows"]
    lines += [f"left out: {item['type']} {item['name']}: {item['reason']}" for item in report.dropped]
    return lines + [f"note: {note}" for note in report.notes]


COMMANDS: Final = (export_cenv, import_cenv, backup, restore, delete, undelete)
