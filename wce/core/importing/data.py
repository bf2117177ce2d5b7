"""Tables, rows, indexes, views and triggers of users, defined anew by their texts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from wce.core.importing.foreign import Foreign, Object, Undecodable
from wce.core.importing.header import FATAL, bad
from wce.core.importing.report import Report
from wce.errors import WceError
from wce.guard.builder import Builder
from wce.guard.catalogue import OWN
from wce.guard.definitions import module
from wce.store.sqlite import fold, quote, sqlite3

_ROWIDS: Final = ("rowid", "oid", "_rowid_")
_MAX_SEQUENCE: Final = 10**15  # beyond it a table would soon run out of numbers
_OUR_TRIGGERS: Final = ("_wce_bump_", "_wce_pages_")  # every cenv has them anew
_RESERVED: Final = "names that start with _wce_ are WCE's own"


@dataclass(slots=True)
class Data:
    """One import's way from the file to the draft."""

    foreign: Foreign
    builder: Builder
    report: Report

    def take(self) -> None:
        """All of it. Triggers come last, so that none of them ever runs here."""
        objects = list(self._ours(self.foreign.objects()))
        for item in _of(objects, "table"):
            if self._define(item, "TABLE"):
                self.report.tables[item.name] = self._copy(item.name)
        self.builder.refresh()
        for item in _of(objects, "index"):
            self._count(item, "INDEX")
        for item in _of(objects, "virtual"):
            self._virtual(item)
        for kind in ("view", "trigger"):
            for item in _of(objects, kind):
                self._count(item, kind.upper())
        self._sequences()

    def _ours(self, objects: Iterable[Object]) -> Iterator[Object]:
        for item in objects:
            own = fold(item.name).startswith(OWN[0]) or fold(item.table).startswith(OWN[0])
            if (own and not self.foreign.header.is_cenv) or (
                own and item.type in ("view", "trigger") and not fold(item.name).startswith(_OUR_TRIGGERS)
            ):
                self.report.drop(item.type, item.name, _RESERVED)
            elif not own:
                yield item

    def _define(self, item: Object, kind: str) -> bool:
        try:
            self.builder.define(kind, item.name, item.sql)
        except WceError as error:
            if error.code in FATAL:
                raise
            self.report.drop(item.type, item.name, error.detail)
            return False
        return True

    def _count(self, item: Object, kind: str) -> None:
        if self._define(item, kind):
            self.report.count(item.type)

    def _copy(self, name: str) -> int:
        """The rows of a table, with their numbers."""
        there = [row for row in self.builder.link.ask(f"PRAGMA table_xinfo({quote(name)})") if row[6] == 0]
        columns = tuple(row[1] for row in there)
        if columns != self.foreign.columns(name):
            raise bad(f"The columns of {name} are not those of its definition.")
        taken = {fold(row[1]) for row in self.builder.link.ask(f"PRAGMA table_xinfo({quote(name)})")}
        rowid = next((word for word in _ROWIDS if word not in taken), None)
        names = [*([rowid] if rowid and self._has(name, rowid) else []), *map(quote, columns)]
        listed, marks = ", ".join(names), ", ".join("?" * len(names))
        into, source = f"INSERT INTO {quote(name)} ({listed}) VALUES ({marks})", f"SELECT {listed} FROM {quote(name)} NOT INDEXED"
        return self.pour(name, into, source)

    def _has(self, name: str, rowid: str) -> bool:
        """Whether the draft's table is not WITHOUT ROWID."""
        try:
            self.builder.link.ask(f"SELECT {rowid} FROM {quote(name)} LIMIT 0")
        except sqlite3.OperationalError:
            return False
        return True

    def pour(self, name: str, into: str, source: str) -> int:
        """Rows of the file into a table of the draft; a constraint that they break ends the import."""
        try:
            with self.builder.undoing():
                return self._fill(name, into, source)
        except Undecodable:
            self.report.note(f"{name}: text that was not UTF-8 got replacement characters")
            with self.foreign.lenient(), self.builder.undoing():
                return self._fill(name, into, source)

    def _fill(self, name: str, into: str, source: str) -> int:
        try:
            return self.builder.fill(into, self.foreign.rows(source))
        except WceError as error:
            if error.code == "too_large":
                raise WceError("too_large", f"{name}: {error.detail}") from error
            raise
        except sqlite3.Error as error:
            self.builder.in_time()
            raise bad(f"A row of {name} does not fit its table: {str(error)[:200]}") from error

    def _virtual(self, item: Object) -> None:
        """Full-text tables are filled again from the text that they keep or refer to; nothing else of a module's is read."""
        if not self._define(item, "TABLE"):
            return
        self.builder.refresh()
        used = module(item.sql)
        if used is not None and used.name == "fts5":
            content = f"{item.name}_content"
            if self.foreign.has(content):
                self._copy_text(item.name, content)
            elif used.sources:
                self.builder.run(f"INSERT INTO {quote(item.name)} ({quote(item.name)}) VALUES ('rebuild')")
            else:
                self.report.note(f"{item.name} keeps no text of its own, so it is now empty")
        elif used is not None and used.name != "fts5vocab":
            self.report.note(f"{item.name}: the content of {used.name} tables is not taken over, so it is now empty")
        self.report.count("virtual")

    def _copy_text(self, name: str, content: str) -> None:
        columns = [row[1] for row in self.builder.link.ask(f"PRAGMA table_xinfo({quote(name)})") if row[6] == 0]
        kept = self.foreign.columns(content)
        if kept[:1] != ("id",) or len(kept) != len(columns) + 1:
            self.report.note(f"{name}: its text could not be read, so it is now empty")
            return
        into = f"INSERT INTO {quote(name)} (rowid, {', '.join(map(quote, columns))}) VALUES ({', '.join('?' * len(kept))})"
        self.report.tables[name] = self.pour(name, into, f"SELECT {', '.join(map(quote, kept))} FROM {quote(content)}")

    def _sequences(self) -> None:
        """Numbers that AUTOINCREMENT has given are not given again."""
        if not self.foreign.has("sqlite_sequence"):
            return
        there = {fold(name) for name in self.report.tables} | {"_wce_users"}
        for name, number in itertools.islice(self._numbers(), 10_000):
            if isinstance(name, str) and fold(name) in there and isinstance(number, int) and 0 <= number <= _MAX_SEQUENCE:
                self.builder.run("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ? COLLATE NOCASE", (number, name))

    def _numbers(self) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self.foreign.all("SELECT name, seq FROM sqlite_sequence")
        except Undecodable:
            self.report.note("the numbers that AUTOINCREMENT has given could not be read")


def _of(objects: Iterable[Object], kind: str) -> Iterator[Object]:
    return (item for item in objects if item.type == kind)
