"""TEMP triggers on the real tables: the second check of every written row, whatever way the write came.

They also catch what no guard in the text can: REPLACE of a hidden row, and rows that a foreign key or a trigger reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from wce.guard.cascades import Cascades
from wce.guard.keeping import REFUSE, Keeping
from wce.guard.principal import Principal
from wce.guard.shadows import keys, same_row, source
from wce.store.sqlite import quote

Ask = Callable[[str], list[tuple[Any, ...]]]


class Net:
    """The triggers of one connection, made before the first write that can reach their table."""

    def __init__(self, principal: Principal, ask: Ask) -> None:
        self._principal = principal
        self._ask = ask
        self._made: set[str] = set()
        self._covered: set[str] = set()
        self._noting: set[str] = set()
        self._notes: set[str] = set()
        self._noted = False
        self._version = -1

    @cached_property
    def _keeping(self) -> Keeping:
        return Keeping(self._principal)

    @cached_property
    def _cascades(self) -> Cascades:
        """Found at the first write: most sessions only read."""
        return Cascades(self._principal, self._keeping)

    def ensure(self, target: str) -> bool:
        """Cover every table that a write to `target` can reach; False when there was nothing to do.

        A rollback also takes the triggers that were made in the transaction. Whoever rolls back says so by `forget_version`; then the
        version of the TEMP schema, which is ours alone, tells what is left.
        """
        covered = self._version >= 0 and target in self._covered
        if not covered:
            self._cover(target)
        return self._forget_notes(target) or not covered

    def _cover(self, target: str) -> None:
        cascades = self._cascades
        if self._read_version() != self._version:
            kinds: dict[str, str] = dict(self._ask("SELECT name, type FROM temp.sqlite_master"))
            self._made = {name for name, kind in kinds.items() if kind == "trigger"}
            self._notes = {name for name, kind in kinds.items() if kind == "table"}
            self._covered.clear()
        reached = self._reached(target)
        for table in filter(cascades.noted, reached):
            for sql in cascades.made(table):
                self._ask(sql)
            self._notes.add(cascades.noted(table))
        for table in reached:
            for name, sql in self._triggers(table):
                if name not in self._made:
                    self._ask(sql)
                    self._made.add(name)
            if any(cascades.notes(table)):
                self._noting.add(target)
        self._covered.add(target)
        self._version = self._read_version()

    def _forget_notes(self, target: str) -> bool:
        """Whether the statements before this one may have left notes, which are gone now: a trigger may have kept a parent by RAISE."""
        noted = self._notes if self._noted else set[str]()
        for name in noted:
            if self._ask(f"SELECT 1 FROM temp.{quote(name)} LIMIT 1"):  # to prepare the DELETE takes longer, for its triggers
                self._ask(f"DELETE FROM temp.{quote(name)}")
        self._noted = target in self._noting
        return bool(noted)

    def _read_version(self) -> int:
        version: int = self._ask("PRAGMA temp.schema_version")[0][0]
        return version

    def forget_version(self) -> None:
        """The TEMP schema, or what its tables hold, may have changed: look again."""
        self._version = -1
        self._noted = True

    def drop(self) -> None:
        """Remove every trigger, because tables or columns are no longer what they were."""
        for kind, name in self._ask("SELECT type, name FROM temp.sqlite_master WHERE type IN ('table', 'trigger') ORDER BY type DESC"):
            self._ask(f"DROP {kind} temp.{quote(name)}")
        self.forget_version()

    def _reached(self, target: str) -> list[str]:
        tables = self._principal.catalogue.tables
        return sorted(name for name in self._principal.catalogue.reached(target)[0] if name in tables and not tables[name].module)

    def _triggers(self, table: str) -> Iterator[tuple[str, str]]:
        """Without the right to write, nothing may: a foreign key would otherwise reach rows that the principal cannot.

        Where a trigger with its definer's rights writes, the authorizer keeps foreign keys out instead. Only who may insert could
        remove rows by REPLACE, so for him the right to delete counts even there.
        """
        principal = self._principal
        right, conditions = principal.right(table), principal.condition(table)
        defined = table in principal.defined
        if not right.can_write and not defined:
            yield self._trigger("bu_", "BEFORE UPDATE", table, "")
        elif conditions.update:
            yield self._trigger("bu_", "BEFORE UPDATE", table, self._unless("OLD", table, conditions.update))
        if conditions.check:
            check = self._unless("NEW", table, conditions.check)
            yield self._trigger("au_", "AFTER UPDATE", table, check + self._or_alone(table, replaced=True))
            yield self._trigger("ai_", "AFTER INSERT", table, check + self._or_alone(table, replaced=False))
        if not right.can_delete and (right.can_write or not defined):
            yield self._trigger("bd_", "BEFORE DELETE", table, "")
        elif conditions.delete:
            when = self._unless("OLD", table, conditions.delete)
            if self._cascades.noted(table):
                when = f"WHEN NOT coalesce({self._cascades.may_go(table)}, {when.removeprefix('WHEN NOT ')})"
            yield self._trigger("bd_", "BEFORE DELETE", table, when)
        for tag, event, when in self._keeping.triggers(table):
            yield self._trigger(tag, event, table, when)
        for tag, event, when, step in self._cascades.notes(table):
            yield self._trigger(tag, event, table, when, step)

    def _trigger(self, tag: str, event: str, table: str, when: str, step: str = REFUSE) -> tuple[str, str]:
        hidden = self._principal.hidden
        name = hidden.own + tag + table
        on = f"{quote(hidden.schema)}.{quote(self._principal.table(table).name)}"
        return name, f"CREATE TEMP TRIGGER {quote(name)} {event} ON {on} {when} BEGIN {step}; END"

    def _unless(self, row: str, table: str, condition: str) -> str:
        """The row is looked up by its key: the columns of OLD and NEW have no types, so that a condition would compare otherwise.

        The table stands in a scope of its own, as it may itself be called new or old.
        """
        return f"WHEN NOT EXISTS({self._same(row, table, condition)})"

    def _same(self, row: str, table: str, condition: str) -> str:
        principal = self._principal
        found = keys(principal, table)
        scope = quote(principal.hidden.own + "s")
        columns = ",".join(f"{column} AS {quote(key)}" for column, key in found)
        rows = f"(SELECT {columns} FROM {source(principal, table)} WHERE {condition}) AS {scope}"
        same = same_row(principal, table, [(f"{scope}.{quote(key)}", f"{row}.{column}") for column, key in found])
        return f"SELECT 1 FROM {rows} WHERE {same}"

    def _or_alone(self, table: str, *, replaced: bool) -> str:
        """Where the condition looks into the table itself it must hold without the row, too, or with the one that it `replaced`.

        Else a member of nothing could become one of anything by the row that says so. The table stands first, for its types.
        """
        principal = self._principal
        condition = principal.condition(table).alone
        if not condition:
            return ""
        found = principal.table(table)
        columns = [quote(column.name) for column in found.columns]
        other, before = quote(principal.hidden.own + "o"), quote(principal.hidden.own + "b")
        same = same_row(principal, table, [(f"{other}.{column}", f"NEW.{column}") for column, _ in keys(principal, table)])
        rows = f"SELECT {','.join(columns)} FROM {quote(principal.hidden.schema)}.{quote(found.name)} AS {other} WHERE NOT ({same})"
        if replaced:
            rows += " UNION ALL SELECT " + ",".join(f"OLD.{column}" for column in columns)
        lead = f"WITH {before} AS NOT MATERIALIZED ({rows}), {quote(found.name)} AS NOT MATERIALIZED (SELECT * FROM {before})"
        return f" OR NOT EXISTS({lead} {self._same('NEW', table, condition)})"
