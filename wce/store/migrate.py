"""The schema of a cenv as numbered SQL files, each applied with its number in one transaction."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wce.errors import WceError
from wce.store.sqlite import Connection, connect, sqlite3

FOLDER: Final = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema; `version` is what PRAGMA user_version says afterwards."""

    version: int
    name: str
    statements: tuple[str, ...]


@functools.cache
def load(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """Every `NNNN_name.sql` of a folder; the numbers must run from 1 without a gap."""
    found = []
    for file in sorted(folder.glob("*.sql")):
        number, _, name = file.stem.partition("_")
        found.append(Migration(int(number), name, split(file.read_text(encoding="utf-8"))))
    if [step.version for step in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the migrations in {folder} are not numbered from 1 without a gap")
    return tuple(found)


def newest() -> int:
    """The number of the last migration that this server knows."""
    return len(load())


def split(script: str) -> tuple[str, ...]:
    """The statements of a script; SQLite itself says where one ends, so the body of a trigger stays whole.

    `executescript` will not do: it commits the transaction that the script must be part of.
    """
    statements: list[str] = []
    text = ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            statements.append(text.strip())
            text = ""
    if re.sub(r"--[^\n]*", "", text).strip():
        raise ValueError(f"unfinished statement: {text.strip()[:60]}")
    return tuple(statements)


def version(connection: Connection) -> int:
    """The number of the last migration that the file has."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def apply(connection: Connection, steps: tuple[Migration, ...]) -> None:
    """Run what the file still lacks, inside the caller's transaction."""
    have = version(connection)
    # Else RENAME reads all views and triggers of the file, and ends at one whose table its users have dropped.
    connection.execute("PRAGMA legacy_alter_table=ON")
    try:
        for step in steps[have:]:
            for statement in step.statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={step.version}")
    finally:
        connection.execute("PRAGMA legacy_alter_table=OFF")


@functools.lru_cache(maxsize=4)
def blank(steps: tuple[Migration, ...]) -> bytes:
    """The file of a cenv that nobody owns yet; to copy it takes a tenth of the time that the migrations take."""
    connection = connect("", mode="memory")
    try:
        apply(connection, steps)
        return connection.serialize()
    finally:
        connection.close()


def upgrade(connection: Connection, steps: tuple[Migration, ...]) -> None:
    """Bring an existing file up to date, one transaction for each step. WceError `newer_schema`."""
    while (have := version(connection)) < len(steps):
        connection.execute("BEGIN IMMEDIATE")
        try:
            apply(connection, steps[: have + 1])  # reads the number again: another process may have been first
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    require_known(connection, steps)


def require_known(connection: Connection, steps: tuple[Migration, ...]) -> None:
    """Raise WceError `newer_schema` for a file that a newer server has written."""
    if (have := version(connection)) > len(steps):
        raise WceError("newer_schema", f"The file has schema {have}, this server knows {len(steps)}.")
