"""What `/data` answers: tables with how they are built."""

from __future__ import annotations

from wce.web.openapi.answers import Answer, Column, Table


class BuiltColumn(Column):
    """A column; `generated` is empty, `virtual` or `stored`."""

    generated: str


class Reference(Answer):
    """A foreign key."""

    columns: list[str]
    table: str
    to_columns: list[str]
    on_delete: str


class Index(Answer):
    """An index; null stands for an expression."""

    name: str
    unique: bool
    columns: list[str | None]


class BuiltTable(Table):
    """A table or view with its key, its references to tables that the caller sees, and for administrators indexes and definition.

    Where there is no key, `rowid` is the name that tells rows apart.
    """

    columns: list[BuiltColumn]  # type: ignore[assignment]  # each has all that Column has
    key: list[str]
    rowid: str | None
    references: list[Reference]
    indexes: list[Index]
    sql: str | None


class BuiltTables(Answer):
    """Those that the caller may see."""

    tables: list[BuiltTable]
