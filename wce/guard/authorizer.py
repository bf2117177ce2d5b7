"""What SQLite may compile for a principal who does not administer. It asks for every read, write, function and statement."""

from __future__ import annotations

import time
from enum import Enum, auto
from typing import Final

from wce.errors import WceError
from wce.guard import actions
from wce.guard.actions import OK
from wce.guard.catalogue import OWN
from wce.guard.doorkeeper import DECLARED, Doorkeeper
from wce.guard.functions import ALLOWED, TABLE_FUNCTIONS
from wce.guard.principal import Principal
from wce.guard.rewrite import no_table, view_refused
from wce.guard.shadows import view_closure, view_over
from wce.guard.weights import too_complex
from wce.store.sqlite import fold

_MAX_CALLS: Final = 20_000
_CATALOGUE: Final = "sqlite_master"
_STATISTICS: Final = "sqlite_stat1"
_HARMLESS: Final = frozenset({actions.SELECT, actions.RECURSIVE})


class Within(Enum):
    """Where an access comes from, by the innermost trigger, view or CTE that SQLite names."""

    STATEMENT = auto()  # the statement itself, a WITH of the client, a foreign key, a granted view
    OURS = auto()
    DEFINER = auto()
    TRIGGER = auto()  # of an administrator, with the rights of who fires it
    VIEW = auto()  # a view as it stands in the file: only triggers get there


class Authorizer(Doorkeeper):
    """One principal's."""

    def __init__(self, principal: Principal) -> None:
        super().__init__()
        self._principal = principal
        self._catalogue = principal.catalogue
        self._schema = principal.hidden.schema
        self._own = principal.hidden.own
        self._secret = (principal.hidden.own, principal.hidden.view)

    def __call__(self, action: int, first: str | None, second: str | None, database: str | None, context: str | None) -> int:
        self._calls += 1
        if self._calls > _MAX_CALLS or (not self._calls & 255 and time.monotonic() > self._deadline):
            return self._deny(too_complex())
        name, other = fold(first or ""), fold(second or "")
        if action == actions.READ:
            self.plan.read.add(name)
            return self._read(name, other, database, context)
        if action in actions.WRITES:
            return self._write(action, name, other, database, context)
        if action == actions.FUNCTION:
            self.plan.called.add(other)
            allowed = other in ALLOWED or other.startswith(self._own)
            return OK if allowed else self._deny(WceError("function_not_allowed", f"the function {second} is not allowed"))
        # FTS5 asks by the pragma whether its index has changed.
        if action in _HARMLESS or (action == actions.PRAGMA and name == "data_version" and second is None):
            return OK
        return self._deny(WceError("statement_not_allowed"))

    def _within(self, context: str | None) -> Within:
        """Triggers fire and views of the file are opened only by writes, so in a SELECT their names are just names."""
        if context is None:
            return Within.STATEMENT
        if context.startswith(self._own):
            return Within.OURS
        if self.plan.target_name is None:
            return Within.STATEMENT
        name = fold(context)
        if name in self._principal.definers and name not in self.plan.inner_names:
            return Within.DEFINER
        if name in self._catalogue.triggers:
            return Within.TRIGGER
        return Within.VIEW if name in self._catalogue.fired_views else Within.STATEMENT

    def _read(self, name: str, column: str, database: str | None, context: str | None) -> int:
        within = self._within(context)
        if database is None or (column == "" and context is not None):  # SQLite from 3.47 on says where a view's or trigger's table is
            return self._read_nothing(name, within, context)
        if database == "temp":
            allowed = name.startswith(self._own)
        elif name == _CATALOGUE:
            allowed = self._declares(column, context)
        elif name == _STATISTICS:
            allowed = context is None and name not in self.plan.names  # an R-tree looks there for its size when it is opened
        elif database != self._schema:
            allowed = name in TABLE_FUNCTIONS  # built-in virtual tables belong to main
        elif name.startswith(OWN):
            allowed = False
        elif within in (Within.OURS, Within.DEFINER) or column == "":
            allowed = True  # only our own text can name the schema, and where no column is used the text names it
        elif self._is_made(name):
            allowed = True
        else:
            # No text can name what is behind a virtual table, so without a context it is the module itself; it may be opened even
            # where a CTE of ours stands in for the virtual table.
            module = context is None and name in self._catalogue.shadows
            allowed = module or self._reads_column(name, column, within, context)
        return OK if allowed else self._deny(self._absent(name, within, context))

    def _declares(self, column: str, context: str | None) -> bool:
        return column == "rowid" and context is None and _CATALOGUE not in self.plan.names

    def _read_nothing(self, name: str, within: Within, context: str | None) -> int:
        """A table of which no column is used; a CTE or a view looks the same here, so the name alone decides."""
        principal = self._principal
        if within is Within.OURS or name.startswith(self._secret):
            return OK
        if within is Within.DEFINER:
            allowed = not name.startswith(OWN)
        elif within is Within.STATEMENT:
            inner = name in self.plan.ctes or self._is_inner(name)
            allowed = inner or self._is_function(name) or name in principal.views or principal.may_read(name)
        else:
            allowed = self._is_inner(name) or self._is_function(name) or name in principal.views or principal.reads_freely(name)
        return OK if allowed else self._deny(self._absent(name, within, context))

    def _is_inner(self, name: str) -> bool:
        """Whether a name is that of a CTE in a view or trigger, and of nothing else that could be meant."""
        return name in self._catalogue.ctes and not self._is_known(name)

    def _is_made(self, name: str) -> bool:
        """Whether only a sub-select or WITH can be meant: FULL JOIN … USING has SQLite ask for their columns as if the file had them."""
        return (name.startswith("(") or name in self.plan.ctes or name in self._catalogue.ctes) and not self._is_known(name)

    def _is_known(self, name: str) -> bool:
        return name in self._catalogue.tables or name in self._catalogue.views or self._principal.is_unreadable(name)

    def _is_function(self, name: str) -> bool:
        return name in TABLE_FUNCTIONS and name not in self._catalogue.tables and name not in self._catalogue.views

    def _reads_column(self, name: str, column: str, within: Within, context: str | None) -> bool:
        principal, plan = self._principal, self.plan
        if within is Within.TRIGGER and name in principal.views:
            return True  # the tables behind it are asked for, too
        written = context is None and name == plan.target_name
        if principal.may_read(name):
            # Of a restricted table only the row that is written, which the guards have let through.
            if name not in principal.restricted or written or (within is Within.TRIGGER and self._reads_by_key(name, context)):
                return True
        elif written and plan.kind == "INSERT" and not plan.returning and column == "rowid":
            return True
        if within is Within.TRIGGER:
            return self._follows_key(name, column, context)
        if context is not None or plan.target_name is None:
            return False
        return any((name, column) in reach.reads for reach in self._catalogue.spread(plan.target_name))

    def _follows_key(self, name: str, column: str, context: str | None) -> bool:
        """Whether only a foreign key of what a trigger writes can lead to another table, as its own text does not."""
        catalogue, found = self._catalogue, fold(context or "")
        trigger = catalogue.triggers[found]
        names = trigger.names or frozenset()
        # A name that it also has may be a text; else its step is an UPDATE by key, which needs the right to read, too.
        named = name in names and (name not in trigger.keyed or self._principal.right(name).can_write)
        if named or name == trigger.table or not catalogue.is_told(found):
            return False
        return any((name, column) in catalogue.reaches[other].reads for other in names & catalogue.tables.keys())

    def _reads_by_key(self, name: str, context: str | None) -> bool:
        """Whether a trigger's reads of a table can only be of the row that fired it, or of one that the net lets him write."""
        trigger = fold(context or "")
        return name in self._catalogue.triggers[trigger].keyed and self._catalogue.is_told(trigger)

    def _absent(self, name: str, within: Within, context: str | None) -> WceError:
        """Refusals look as if the table did not exist; where the reason is a trigger or view, nothing of its inside is told."""
        if within in (Within.TRIGGER, Within.VIEW):
            return _beyond(f"{context} reads {name}")
        if name not in self.plan.names:
            over = view_over(self._principal, view_closure(self._principal, self.plan.names), name)
            if over is not None:
                return view_refused(over)
        if context is not None and context.startswith(self._principal.hidden.view):
            view = self._principal.views.get(fold(context.removeprefix(self._principal.hidden.view)))
            return view_refused(view.name if view else "")
        return no_table(name)

    def _write(self, action: int, name: str, column: str, database: str | None, context: str | None) -> int:
        if name == _CATALOGUE or database == "temp":
            declares = action == actions.UPDATE and context is None and column in DECLARED and database in ("main", self._schema)
            noted = name.startswith(self._own) and self._within(context) is Within.OURS  # by triggers of ours
            return OK if noted or (declares and name == _CATALOGUE) else self._deny(no_table(name))
        if database != self._schema or name.startswith(OWN):
            return self._deny(no_table(name))
        if name in self._principal.open_shadows and context is None:
            return OK  # no target of a statement, so it is the module itself
        if not self._writes(action, name, column, context):
            if self._within(context) is Within.TRIGGER:
                return self._deny(_beyond(f"{context} writes to {name}"))
            return self._deny(WceError("table_forbidden", "permission denied"))
        table = self._catalogue.tables.get(name)
        if table is not None:
            self.plan.written.add(table.name)
        return OK

    def _writes(self, action: int, name: str, column: str, context: str | None) -> bool:
        within = self._within(context)
        right = self._principal.right(name)
        permitted = right.can_delete if action == actions.DELETE else right.can_write
        if within in (Within.DEFINER, Within.TRIGGER):
            added = action == actions.INSERT and name in self._principal.indexes
            return permitted or added or (within is Within.DEFINER and name in self._catalogue.tables)
        if context is not None or self.plan.target_name is None:
            return False
        if name == self.plan.target_name and permitted and _fits(action, self.plan.kind):
            return True
        if not permitted and name in self._principal.defined:
            return False  # here no TEMP trigger stops what a foreign key does
        reached = self._catalogue.spread(self.plan.target_name)
        if action == actions.DELETE:
            return any(name in reach.deletes for reach in reached)
        return action == actions.UPDATE and any((name, column) in reach.updates for reach in reached)


def _beyond(what: str) -> WceError:
    """The refusal of what a trigger does, or a view that it opens; only administrators are told which."""
    return WceError("table_forbidden", "permission denied: a trigger of the table needs more rights", evidence=what)


def _fits(action: int, kind: str) -> bool:
    """Whether a statement of this kind writes to its target in this way; an INSERT may update by ON CONFLICT."""
    if action == actions.INSERT:
        return kind == "INSERT"
    if action == actions.UPDATE:
        return kind in ("INSERT", "UPDATE")
    return kind == "DELETE"
