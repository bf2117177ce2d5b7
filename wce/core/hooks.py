"""Hooks: scripts that run after a commit that touched a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from wce.cache import Cache
from wce.core import jobs, keys
from wce.core.authoring import CALLER, RUN_AS, Check, Shelf, check_name, check_script, check_words, given_only
from wce.core.roles import require_administrator
from wce.core.tables import find_object
from wce.errors import invalid
from wce.guard.catalogue import OWN, SCHEMA, Catalogue
from wce.log import LOGGER
from wce.model import Actor
from wce.store.session import Session
from wce.store.sqlite import fold
from wce.store.transaction import Transaction

EVERY_TABLE: Final = "*"
MAX_DEPTH: Final = 5  # commits of hooks that lead to hooks that lead to hooks
_MAX_HOOKS: Final = 100
_CHOICES: Final = {"run_as": RUN_AS}
_CACHED: Final = 4_096


@dataclass(frozen=True, slots=True)
class Hook:
    """One script and the table whose commits it follows, `*` for every table; `modified_by` is its author."""

    id: int
    name: str
    table_name: str
    script: str
    description: str
    run_as: str
    enabled: bool
    created_at: int
    modified_at: int
    created_by: int | None
    modified_by: int | None


@dataclass(frozen=True, slots=True)
class NewHook:
    """A hook as its author has it in mind."""

    name: str
    table_name: str
    script: str
    description: str = ""
    run_as: str = CALLER
    enabled: bool = True
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class HookChanges:
    """What to change; None leaves as it is."""

    name: str | None = None
    table_name: str | None = None
    script: str | None = None
    description: str | None = None
    run_as: str | None = None
    enabled: bool | None = None
    instead_of: str | None = None


SHELF: Final = Shelf("hook", "_wce_hooks", Hook, "name", _MAX_HOOKS)


def list_hooks(session: Session) -> list[Hook]:
    """All by name."""
    return SHELF.list(session)


def find_hook(session: Session, hook_id: int) -> Hook:
    """One hook; raises `not_found`."""
    return SHELF.find(session, hook_id)


def save_hook(session: Session, catalogue: Catalogue, check: Check, actor: Actor, new: NewHook) -> tuple[Hook, bool]:
    """Make a hook, or put it in the place of the one of the same name; the second value tells whether it is new."""
    given = asdict(new)
    _require_good(given)
    check_script(actor, new.script, check)
    with session.transaction(actor) as transaction:
        require_administrator(transaction, actor)
        given["table_name"] = _require_table(transaction, catalogue, new.table_name)
        held = SHELF.find_by(transaction, name=new.name)
        if held is not None:
            return SHELF.change(transaction, held, given), False
        return SHELF.add(transaction, given), True


def update_hook(session: Session, catalogue: Catalogue, check: Check, actor: Actor, hook_id: int, changes: HookChanges) -> Hook:
    """Change some of it."""
    given = given_only(changes)
    _require_good(given)
    if changes.script is not None:
        check_script(actor, changes.script, check)
    with session.transaction(actor) as transaction:
        require_administrator(transaction, actor)
        held = SHELF.find(transaction, hook_id)
        if changes.table_name is not None:
            given["table_name"] = _require_table(transaction, catalogue, changes.table_name)
        SHELF.require_free_name(transaction, held, changes.name)
        return SHELF.change(transaction, held, given)


def delete_hook(session: Session, actor: Actor, hook_id: int) -> None:
    """Remove a hook, with the jobs that it still has."""
    SHELF.delete(session, actor, hook_id)


class HookQueue:
    """Queues a job for every hook of a commit, in that commit's own transaction. A cenv without hooks costs a look into a cache."""

    def __init__(self) -> None:
        self._cached: Cache[tuple[str, int], tuple[tuple[int, str], ...]] = Cache(_CACHED)

    def queue(self, transaction: Transaction) -> None:
        """Goes before every COMMIT: `store.hooks.before("hooks", queue)`.

        The payload of a job: `tables` (rows written, by table; 0 where only a trigger or a cascade may have), `user_id` (0 is the
        public), `scope` of the API key if it was one, `at`, `commit` (its number) and `depth`, which belongs on the transaction in
        which the hook's script runs.
        """
        enabled = self._enabled(transaction)
        if not enabled:
            return
        touched = {table: rows for table, rows in transaction.tables.items() if not table.startswith(OWN)}
        for hook_id, table_name in enabled:
            tables = touched if table_name == EVERY_TABLE else {name: n for name, n in touched.items() if fold(name) == table_name}
            if tables:
                _add(transaction, hook_id, tables)

    def _enabled(self, transaction: Transaction) -> tuple[tuple[int, str], ...]:
        """Id and folded table of each hook."""
        # Its own change, be it that a table has another name, may yet be undone, and its counter be given again.
        tables = transaction.tables
        if SHELF.table in tables or SCHEMA in tables:
            return _read_enabled(transaction)
        return self._cached.get_or((transaction.cenv, transaction.endpoints), lambda: _read_enabled(transaction))


def _read_enabled(transaction: Transaction) -> tuple[tuple[int, str], ...]:
    rows = transaction.execute("SELECT id, table_name FROM _wce_hooks WHERE enabled ORDER BY id").fetchall()
    return tuple((hook_id, fold(table_name)) for hook_id, table_name in rows)


def _add(transaction: Transaction, hook_id: int, tables: Mapping[str, int]) -> None:
    if transaction.depth >= MAX_DEPTH:
        jobs.refuse(transaction, "hook", hook_id, f"Hooks set off other hooks {MAX_DEPTH} times in a row; none runs after the last commit.")
        LOGGER.warning("hooks too deep", extra={"cenv": transaction.cenv, "hook": hook_id})
        return
    payload: dict[str, Any] = {"tables": dict(tables), "user_id": transaction.actor.user_id, "at": transaction.at}
    if transaction.actor.scope is not None:
        payload["scope"] = keys.plain(transaction.actor.scope)
    jobs.add(transaction, "hook", hook_id, payload | {"commit": transaction.number, "depth": transaction.depth + 1})


def _require_good(given: Mapping[str, Any]) -> None:
    check_words(given, _CHOICES)
    if "name" in given:
        check_name(given["name"])


def _require_table(transaction: Transaction, catalogue: Catalogue, table_name: str) -> str:
    """The table's name as it is spelled."""
    if table_name == EVERY_TABLE:
        return table_name
    found = find_object(transaction, catalogue, table_name)
    if found is None or found[1] == "view":
        raise invalid("table_name", 'must be a table of this cenv, or "*"')
    return found[0]
