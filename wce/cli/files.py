"""Cenvs as files: export."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import click

from wce.cli.desk import Command, Desk, fail
from wce.core.exports import export
from wce.core.operator import OPERATOR


@click.command("export", cls=Command)
@click.argument("cenv")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def export_cenv(desk: Desk, cenv: str, file: Path) -> None:
    """Write a CENV, as it is at this moment and without its sessions, to a new FILE. Works beside a running server.

    \b
    Example: python -m wce export 3f2a shop.sqlite3
    """
    if file.exists():
        fail(f"{file} is there already")
    draft = file.with_name(f".{file.name}.tmp")
    with desk.session(cenv) as session, export(desk.store, session, OPERATOR) as path:
        try:
            shutil.copyfile(path, draft)
            draft.chmod(0o600)
            os.rename(draft, file)
        finally:
            draft.unlink(missing_ok=True)
    size = file.stat().st_size
    desk.show({"file": str(file), "bytes": size}, lambda: [f"{file}, {size} bytes"])


COMMANDS: Final = (export_cenv,)
