"""What every command works with: the settings, the store, and a way to answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Any, Final, NoReturn

import click

from wce import log, values
from wce.config import SettingError, Settings, usable
from wce.core.passwords import Passwords
from wce.errors import WceError
from wce.guard.guard import Guard
from wce.metrics import Metrics
from wce.store.folder import Folder
from wce.store.session import Session
from wce.store.store import Store

CHECK_FAILED: Final = 3
USAGE: Final = 2
_SHORTEST_ID: Final = 4


class Desk(AbstractContextManager["Desk"]):
    """Opens things when they are first needed and closes all of them at the end."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], *, as_json: bool) -> None:
        self.settings = settings
        self.environ = environ
        self.as_json = as_json
        self.metrics = Metrics()
        self._closing = ExitStack()
        self._store: Store | None = None
        self._guard: Guard | None = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.close()

    def make_folder(self) -> None:
        """For what puts the first cenv into it; else a folder that is not there is a slip, or belongs to the user of the server."""
        try:
            Folder(self.settings.storage_dir).make()
        except SettingError as error:
            fail(str(error), USAGE)

    @property
    def store(self) -> Store:
        """The store, beside whoever else uses the folder."""
        return self._store or self._open(alone=False)

    @property
    def guard(self) -> Guard:
        """What builds the schema of a file from elsewhere."""
        if self._guard is None:
            self._guard = Guard(self.store)
            self._closing.callback(self._guard.close)
        return self._guard

    def passwords(self) -> Passwords:
        """For hashing."""
        return Passwords(self.metrics)

    def require_no_server(self) -> None:
        """Open the store as a server does; fails while one runs."""
        self._open(alone=True)

    def cenv(self, named: str) -> str:
        """The id that a CENV of the command line means."""
        found = [cenv for cenv in self.store.cenvs() if cenv.startswith(named.lower())]
        if not found:
            raise WceError("no_such_cenv", f"There is no cenv {named}.")
        if len(named) < _SHORTEST_ID:
            raise WceError("no_such_cenv", f"Give at least the first {_SHORTEST_ID} characters of the id of the cenv.")
        if len(found) > 1:
            raise WceError("no_such_cenv", f"{len(found)} cenvs begin with {named}.")
        return found[0]

    @contextmanager
    def session(self, named: str) -> Iterator[Session]:
        """`with` a session on a cenv of the command line."""
        with self.store.session(self.cenv(named)) as session:
            yield session

    def show(self, value: Any, lines: Callable[[], Sequence[str]]) -> None:
        """Answer with the value as JSON, or with lines for people."""
        answer = [values.encode(value).decode()] if self.as_json else lines()
        try:
            for line in answer:
                click.echo(line)
        except BrokenPipeError:  # whoever reads has seen enough; click ends without a word
            raise
        except OSError as error:
            with open(os.devnull, "wb") as nothing:
                os.dup2(nothing.fileno(), 1)  # for what Python still has of it, and would try to write at its end
            fail(f"standard output: {error.strerror}")

    def _open(self, *, alone: bool) -> Store:
        store = Store(self.settings, self.metrics)
        try:
            log.configure("error" if self.settings.log_level == "info" else self.settings.log_level, self.settings.log_file)
            with usable("WCE_STORAGE_DIR"):
                os.stat(self.settings.storage_dir)
            store.open() if alone else store.visit()
        except (SettingError, OSError) as error:
            fail(str(error), USAGE)
        self._store = store
        self._closing.callback(store.close)
        return store


def fail(message: str, code: int = 1) -> NoReturn:
    """End with a message on standard error."""
    click.echo(f"wce: {message}", err=True)
    raise SystemExit(code)


class Command(click.Command):
    """A command whose refusals are one line; `--json` has them as the HTTP API does."""

    def invoke(self, ctx: click.Context) -> Any:
        desk: Desk = ctx.obj
        try:
            return super().invoke(ctx)
        except WceError as error:
            if not desk.as_json:
                fail(f"{error.detail} ({error.code})" + (f": {' '.join(error.evidence.split())}" if error.evidence else ""))
            _refuse(error)
        except SettingError as error:
            fail(str(error), USAGE)
        except BrokenPipeError:  # as in `show`
            raise
        except OSError as error:
            told = f"{error.filename or 'file'}: {error.strerror or error}"
            if not desk.as_json:
                fail(told)
            _refuse(WceError("internal", told))


def _refuse(error: WceError) -> NoReturn:
    click.echo(values.encode({"error": {"code": error.code, "title": error.title, "detail": error.detail}}).decode())
    raise SystemExit(1)


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Rows in columns; numbers to the right."""
    texts = [[str("" if cell is None else cell) for cell in row] for row in [headings, *rows]]
    widths = [max(len(row[index]) for row in texts) for index in range(len(headings))]
    right = [all(isinstance(row[index], int) for row in rows) and bool(rows) for index in range(len(headings))]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in texts
    ]
