"""A file becomes a table, or rows of one, in one transaction under the guard, as whoever imports it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, cast

from wce import lane
from wce.core import audit
from wce.core.loading import kinds
from wce.core.loading.sheet import MAX_FAULTS, Column, Row, Sheet
from wce.core.loading.source import Fault
from wce.core.logins import Authenticated
from wce.core.query import Queries, Statement
from wce.core.settings import CenvSettings
from wce.errors import FieldError, WceError, invalid
from wce.guard.catalogue import Catalogue
from wce.guard.session import GuardedSession
from wce.model import Actor, AuditEntry, Limits
from wce.store.sqlite import fold, quote
from wce.store.transaction import Transaction

SHOWN_ROWS: Final = 20
_PARAMETERS: Final = 900  # of a statement; the guard's limit is 1,000
_REFUSALS: Final = ("constraint", "row_policy", "sql_error", "too_large")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an import did."""

    table: str
    created: bool
    rows: int
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What it would do, with the first rows."""

    columns: tuple[Column, ...]
    rows: list[Any]
    row_count: int
    errors: tuple[Fault, ...]


def fitted(sheet: Sheet, catalogue: Catalogue, table: str, *, create: bool) -> Sheet:
    """The sheet for that table, with the types that its columns have; raises `name_taken`, `no_such_table`, `validation`."""
    there = catalogue.tables.get(fold(table))
    if create:
        if there is not None or fold(table) in catalogue.views:
            raise WceError("name_taken", f"There is already a table or view {table}.")
        return sheet
    if there is None:
        raise WceError("no_such_table", f"no such table: {table}")
    declared = {fold(column.name): column.type for column in there.columns}
    for column in sheet.columns:
        if column.name and fold(column.name) not in declared:  # one without a name is told with its place
            raise invalid("columns", f"the table has no column {column.name}")
    return replace(sheet, columns=tuple(Column(item.name, _kind(declared.get(fold(item.name), ""), item.type)) for item in sheet.columns))


def preview(sheet: Sheet) -> Preview:
    """Nothing is written."""
    lane.waiting()
    faults = sheet.headed()
    rows: list[Any] = []
    for _, values in _good(sheet, faults):
        if len(rows) < SHOWN_ROWS:
            rows.append(list(values))
    return Preview(sheet.columns, rows, sheet.row_count, tuple(faults[:MAX_FAULTS]))


def load(queries: Queries, cenv: str, who: Authenticated, config: CenvSettings, sheet: Sheet, table: str, *, create: bool) -> Loaded:
    """All rows or nothing; errors name the line."""
    key = _checked(sheet, create=create)

    def work(guarded: GuardedSession, actor: Actor) -> Loaded:
        with guarded.transaction(actor, write=True) as opened:
            transaction = cast(Transaction, opened)  # as it writes
            fitted(sheet, guarded.catalogue, table, create=create)  # it may have changed since
            if create:
                columns = ", ".join(f"{quote(item.name)} {item.type}{' PRIMARY KEY' * (item.name == key)}" for item in sheet.columns)
                queries.run_one(guarded, transaction, Statement(f"CREATE TABLE {quote(table)} ({columns})"), config.limits)
            count = _fill(guarded, sheet, table, config.limits)
            audit.record(transaction, AuditEntry("insert", "table", table, {"rows": count, "import": sheet.form}))
        return Loaded(table, create, count, sheet.columns)

    return queries.write(cenv, who, config, work)


def _good(sheet: Sheet, faults: list[Fault]) -> Iterator[Row]:
    """Its rows; what is wrong with others is added to `faults`, up to as many as are told."""
    for row in sheet.rows():
        if isinstance(row, Fault):
            faults.append(row)
        else:
            yield row
        if len(faults) >= MAX_FAULTS:
            return


def _checked(sheet: Sheet, *, create: bool) -> str:
    """Raise `validation` for a file that has faults; answers the key of a new table, or nothing.

    That is the column `id`, where it tells all rows apart: other tables can refer to it, and rows be edited by it under any policy.
    """
    lane.waiting()
    faults = sheet.headed()
    place = next((i for i, column in enumerate(sheet.columns) if fold(column.name) == "id" and column.type == kinds.INTEGER), -1)
    unique = create and place >= 0
    seen: set[Any] = {None}
    for _, values in _good(sheet, faults):
        if unique:
            unique = values[place] not in seen
            seen.add(values[place])
    if faults:
        told = tuple(FieldError("file", f"line {fault.line}, {fault.message}") for fault in faults[:MAX_FAULTS])
        raise WceError("validation", f"file: {told[0].message}", errors=told)
    return sheet.columns[place].name if unique else ""


def _fill(guarded: GuardedSession, sheet: Sheet, table: str, limits: Limits) -> int:
    names = ", ".join(quote(column.name) for column in sheet.columns)
    into = f"INSERT INTO {quote(table)} ({names}) VALUES "
    mark = f"({', '.join('?' * len(sheet.columns))})"
    deadline, count = time.monotonic() + limits.timeout_seconds, 0
    rows: Iterator[Row] = (row for row in sheet.rows() if not isinstance(row, Fault))
    while batch := list(islice(rows, max(1, _PARAMETERS // len(sheet.columns)))):
        left = deadline - time.monotonic()
        if left <= 0:
            raise WceError("query_timeout", "The import took too long.")
        _insert(guarded, into, mark, batch, replace(limits, timeout_seconds=left))
        count += len(batch)
    return count


def _insert(guarded: GuardedSession, into: str, mark: str, batch: list[Row], limits: Limits) -> None:
    """One statement for all; where it fails, one for each row tells which it was."""
    try:
        guarded.run(into + ", ".join([mark] * len(batch)), tuple(value for _, row in batch for value in row), limits)
    except WceError as error:
        if error.code not in _REFUSALS or not guarded.link.in_transaction:
            raise
        if len(batch) == 1:
            raise WceError(error.code, f"line {batch[0][0]}: {error.detail}") from error
        for row in batch:
            _insert(guarded, into, mark, [row], limits)
        raise


def _kind(declared: str, found: str) -> str:
    """By SQLite's rules of affinity; a column that takes anything takes what the file has."""
    name = declared.upper()
    if "INT" in name:
        return kinds.INTEGER
    if any(part in name for part in ("CHAR", "CLOB", "TEXT")):
        return kinds.TEXT
    return kinds.REAL if any(part in name for part in ("REAL", "FLOA", "DOUB")) else found
