"""What one principal may do in one schema: his grants, met with the tables that there are."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from wce.errors import WceError
from wce.guard import policies
from wce.guard.catalogue import OWN, Catalogue, Table, View
from wce.guard.functions import EPONYMOUS, TABLE_FUNCTIONS
from wce.guard.policies import FREE, Conditions
from wce.guard.silent import through
from wce.log import LOGGER
from wce.model import Grants, Rights, RowPolicy
from wce.store.sqlite import fold

NONE: Final = Rights()


@dataclass(frozen=True, slots=True)
class Secrets:
    """Names that nobody can guess, new for each connection; they are never logged and never shown.

    SQLite tells the authorizer the innermost CTE, view or trigger that reads. `own` begins the names of ours that may read anything,
    `view` those of granted views. `schema` is the name under which the file is attached.
    """

    own: str
    view: str
    schema: str

    @classmethod
    def new(cls, schema: str | None = None) -> Secrets:
        own = "w" + secrets.token_hex(12)
        return cls(own, "v" + secrets.token_hex(12), schema or own + "d")

    @property
    def all(self) -> tuple[str, ...]:
        return (self.own, self.view, self.schema)


class Principal:
    """The decisions that rewriting and authorizing are made from; names are folded.

    `conditions` holds the tables with any policy, `restricted` those with a read policy. `views` are the granted ones,
    `leaky_views` those of them whose own text could tell about hidden rows. `open_shadows` are the tables that the modules of virtual
    tables may get at for him. `indexes` are full-text tables that he may not know of but triggers may add to for him. `weights` are the
    costs of mentioning a name.
    """

    def __init__(self, grants: Grants, catalogue: Catalogue, hidden: Secrets) -> None:
        self.grants = grants
        self.catalogue = catalogue
        self.hidden = hidden
        self.rights: dict[str, Rights] = {
            fold(name): right
            for name, right in grants.rights.items()
            if right and not fold(name).startswith(OWN) and fold(name) not in catalogue.unreadable
        }
        self.definers = {name for name in map(fold, grants.definer_triggers) if name in catalogue.triggers and catalogue.is_told(name)}
        # What triggers may write with their definers' rights, whatever the principal's own are.
        self.defined = frozenset[str]().union(*(catalogue.triggers[name].names or frozenset() for name in self.definers))
        self.conditions = self._compile()
        self.restricted = frozenset(name for name, found in self.conditions.items() if found.read)
        self.views = {
            name: view for name, view in catalogue.views.items() if view.text is not None and self.rights.get(name, NONE).can_read
        }
        self.indexes: set[str] = set()
        self._close_indexes()
        # A trigger that runs with its definer's rights may write to any of them.
        self.open_shadows = {
            name for name, owner in catalogue.shadows.items() if self.definers or self.sees(owner) or owner in self.indexes
        }
        self.leaky_views = {name for name, view in self.views.items() if view.leaky}
        self.weights: Mapping[str, int] = self._weights()

    def right(self, name: str) -> Rights:
        return self.rights.get(name, NONE)

    def sees(self, name: str) -> bool:
        """Whether a name may be known to exist: some right on an existing table or view."""
        return name in self.rights and (name in self.catalogue.tables or name in self.catalogue.views)

    def may_read(self, table: str) -> bool:
        """Whether rows of a table may be read at all; policies come on top."""
        return table in self.catalogue.tables and self.right(table).can_read

    def condition(self, table: str) -> Conditions:
        return self.conditions.get(table, FREE)

    def table(self, name: str) -> Table:
        return self.catalogue.tables[name]

    def view(self, name: str) -> View:
        return self.views[name]

    def is_unreadable(self, name: str) -> bool:
        """Whether a name is an object that must look as if it did not exist when it is read from."""
        if name in self.catalogue.views:
            return name not in self.views
        if name in self.catalogue.tables:
            return not self.right(name).can_read
        if name in TABLE_FUNCTIONS:
            return False
        return name in self.catalogue.shadows or name.startswith((*OWN, "pragma_")) or name in EPONYMOUS

    def reads_freely(self, name: str) -> bool:
        """Whether every row of a table may be read."""
        return self.may_read(name) and name not in self.restricted

    def silent_view(self, names: Iterable[str]) -> str | None:
        """A granted view among the names that may read, without SQLite's asking, what the principal may not."""
        for name, inner in through(names, self.views):
            if any(self._is_closed_name(other) for other in inner):
                return self.views[name].name
        return None

    def silent_trigger(self, target: str) -> bool:
        """Whether a write to `target` may fire a trigger that does, or one that nobody may fire."""
        catalogue = self.catalogue
        for name in catalogue.reached(target)[1]:
            trigger = catalogue.triggers[name]
            if trigger.names is None or not trigger.joined.isdisjoint(catalogue.views):
                return True
            merged = trigger.names if trigger.silent else frozenset()
            merged = merged.union(*(inner for _, inner in through(trigger.names, catalogue.views)))
            if any(self._is_closed_to(name, inner) for inner in merged):
                return True
        return False

    def _is_closed_to(self, trigger: str, name: str) -> bool:
        """Whether a trigger may not read a name that it joins; one that runs with its definer's rights may read all but our own."""
        if trigger in self.definers:
            return name.startswith(OWN)
        return not self.reads_freely(name) if name in self.catalogue.tables else self._is_closed_name(name)

    def _is_closed_name(self, name: str) -> bool:
        """Whether a name is something that may not be read; a name that means nothing is a column."""
        if name in self.catalogue.views and name in self.views:
            return False
        return self.is_unreadable(name) and (name.startswith(OWN) or name not in EPONYMOUS)

    def _compile(self) -> dict[str, Conditions]:
        by_table: dict[str, list[RowPolicy]] = defaultdict(list)
        for policy in self.grants.policies:
            by_table[fold(policy.table_name)].append(policy)
        compiled = {}
        for table, found in by_table.items():
            if table not in self.catalogue.tables:
                continue
            try:
                compiled[table] = policies.compile_table(table, found, self.catalogue, self.hidden.schema, self.grants.variables)
            except WceError as error:
                # A policy that cannot be enforced must not mean that there is none.
                LOGGER.error("policy unusable", extra={"table": table, "reason": error.detail})
                self.rights.pop(table, None)
        return compiled

    def _close_indexes(self) -> None:
        """Take away full-text tables that would answer from text which the principal may not read.

        MATCH looks into the index only and never at the table that it is made from. A vocabulary table is an index of an index. What
        was granted still lets triggers keep an index in step: else he could not write to the table itself.
        """
        changed = True
        while changed:
            changed = False
            for name, table in self.catalogue.tables.items():
                if name in self.rights and any(self._is_closed(source, set()) for source in table.sources):
                    if self.rights.pop(name).can_write:
                        self.indexes.add(name)
                    changed = True

    def _is_closed(self, name: str, seen: set[str]) -> bool:
        """Whether an index over this name would show too much; of a view in `seen` that is said elsewhere."""
        if name in self.catalogue.tables:
            return not self.right(name).can_read or name in self.restricted
        if name in self.catalogue.views and name not in seen:
            seen.add(name)
            return name not in self.views or any(self._is_closed(inner, seen) for inner in self.catalogue.views[name].names)
        return False

    def _weights(self) -> dict[str, int]:
        weights = {name: 3 * self.catalogue.weights[name] for name in self.views}
        for policy in self.grants.policies:
            table = fold(policy.table_name)
            if table in self.conditions:
                weights[table] = weights.get(table, 3) + policies.weight(policy.sql_condition, self.catalogue)
        return weights
