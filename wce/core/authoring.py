"""What holds for every script that administrators save: its size, whose rights it runs with, its versions and its place in the log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Generic, Protocol, TypeVar

from wce.core import audit, versions
from wce.core.roles import administers, require_administrator
from wce.errors import FieldError, WceError, invalid
from wce.model import Actor, AuditEntry
from wce.store.session import Session
from wce.store.transaction import Transaction

MAX_SCRIPT: Final = 256 * 1024  # bytes in UTF-8
MAX_TOTAL: Final = 8 * 1024 * 1024  # characters in all scripts of a kind
MAX_DESCRIPTION: Final = 2_000
MAX_NAME: Final = 100
INSTEAD_OF: Final = "instead_of"  # beside what is saved: the SHA-256 of the text that its author has seen, empty for none
CALLER: Final = "caller"
DEFINER: Final = "definer"
RUN_AS: Final = (CALLER, DEFINER)
ACCESS: Final = ("public", "user", "admin")  # the least that whoever asks must be
# What may change without making whoever changes it the author.
_BESIDE: Final = frozenset({"description", "enabled", "published", "rendered", "next_at"})
# Not in the log: its row has its own time and author.
_UNTOLD: Final = frozenset({"script", "content", "rendered", "modified_at", "modified_by", "next_at"})

Check = Callable[[str], None]  # raises WceError for a script that is none


class Authored(Protocol):
    """A frozen dataclass that mirrors a row."""

    @property
    def id(self) -> int: ...

    @property
    def modified_by(self) -> int | None: ...


Item = TypeVar("Item", bound=Authored)


@dataclass(frozen=True, slots=True)
class Shelf(Generic[Item]):
    """The scripts of one kind and the table that holds them; the fields of `make` are its columns.

    Each change is one row of the log, with the script's hash in place of its text.
    """

    kind: str
    table: str
    make: Callable[..., Item]
    order: str
    most: int
    text: str = "script"  # the column of what the author wrote
    switch: str = "enabled"

    @property
    def columns(self) -> str:
        return ", ".join(item.name for item in fields(self.make))  # type: ignore[arg-type]

    def list(self, session: Session | Transaction) -> list[Item]:
        """All of them."""
        return [self.read(row) for row in session.execute(f"SELECT {self.columns} FROM {self.table} ORDER BY {self.order}").fetchall()]

    def find(self, session: Session | Transaction, item_id: int) -> Item:
        """One of them; raises `not_found`."""
        row = session.execute(f"SELECT {self.columns} FROM {self.table} WHERE id = ?", (item_id,)).fetchone()
        if row is None:
            raise WceError("not_found", f"No such {self.kind}.")
        return self.read(row)

    def find_by(self, session: Session | Transaction, **values: str) -> Item | None:
        """The one that has these values, which no two have, or None."""
        where = " AND ".join(f"{name} = ?" for name in values)
        row = session.execute(f"SELECT {self.columns} FROM {self.table} WHERE {where}", tuple(values.values())).fetchone()
        return None if row is None else self.read(row)

    def at_once(self, session: Session, counter: str, where: str = "true") -> tuple[int, Sequence[Item]]:
        """A counter of the file and the items that meet a condition, of one moment."""
        columns = ", ".join(f"i.{item.name}" for item in fields(self.make))  # type: ignore[arg-type]
        rows = session.all(f"SELECT t.{counter}, {columns} FROM _wce_state t LEFT JOIN {self.table} i ON {where}")
        return rows[0][0], [self.read(row[1:]) for row in rows if row[1] is not None]

    def require_free_name(self, transaction: Transaction, item: Item, name: str | None) -> None:
        """Raise `name_taken` when another one has the name."""
        if name is not None and (other := self.find_by(transaction, name=name)) is not None and other.id != item.id:
            raise WceError("name_taken", f"There is already a {self.kind} {name}.")

    def read(self, row: tuple[Any, ...]) -> Item:
        """The item that a row of `columns` stands for."""
        values = dict(zip((item.name for item in fields(self.make)), row, strict=True))  # type: ignore[arg-type]
        return self.make(**values | {self.switch: bool(values[self.switch])})

    def add(self, transaction: Transaction, given: Mapping[str, Any]) -> Item:
        """Insert a row; the actor is its author."""
        given = dict(given)
        if given.pop(INSTEAD_OF, None):
            raise WceError("changed_meanwhile", f"This {self.kind} no longer exists.")
        self._require_room(transaction, given[self.text], new=1)
        actor, at = transaction.actor.user_id, transaction.at
        values = given | {"created_at": at, "modified_at": at, "created_by": actor, "modified_by": actor}
        marks = ", ".join("?" * len(values))
        cursor = transaction.execute(f"INSERT INTO {self.table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
        item_id = int(cursor.lastrowid or 0)
        versions.keep(transaction, self.kind, item_id, given[self.text])
        self._record(transaction, "create", item_id, given)
        return self.find(transaction, item_id)

    def change(self, transaction: Transaction, item: Item, given: Mapping[str, Any]) -> Item:
        """Set what is given. Who changes more than description and switch becomes the author, as whom `definer` lets it run.

        That mark is its maker's own: when somebody else changes the script it falls, unless he makes it again. One whose author
        administers no more has a new one in whoever saves it, even as it is, or nobody could make it work again without changing it.
        """
        actor = transaction.actor.user_id
        given = dict(given)
        self._require_seen(item, given.pop(INSTEAD_OF, None), given.get(self.text))
        changes = {name: value for name, value in given.items() if value != getattr(item, name)}
        if given.get("run_as") == DEFINER and item.modified_by != actor:
            changes["run_as"] = DEFINER
        if changes.keys() - _BESIDE or (given.keys() - _BESIDE and not administers(transaction, item.modified_by)):
            if "run_as" not in given and getattr(item, "run_as", CALLER) == DEFINER and item.modified_by != actor:
                changes["run_as"] = CALLER
            changes |= {"modified_at": transaction.at, "modified_by": actor}
        if not changes:
            return item
        if self.text in changes:
            self._require_room(transaction, changes[self.text], instead_of=getattr(item, self.text))
        sets = ", ".join(f"{name} = ?" for name in changes)
        transaction.execute(f"UPDATE {self.table} SET {sets} WHERE id = ?", (*changes.values(), item.id))
        if self.text in changes:
            versions.keep(transaction, self.kind, item.id, changes[self.text])
        self._record(transaction, "update", item.id, changes)
        return self.find(transaction, item.id)

    def restore(self, session: Session, check: Check, actor: Actor, item_id: int, version_id: int) -> Item:
        """Bring an earlier text back, as one more change of the actor's."""
        script = versions.find_version(session, self.kind, item_id, version_id).script
        check_script(actor, script, check)
        with session.transaction(actor) as transaction:
            require_administrator(transaction, actor)
            return self.change(transaction, self.find(transaction, item_id), {self.text: script})

    def delete(self, session: Session, actor: Actor, item_id: int) -> None:
        """Remove it with the log of its runs; its versions stay for a while."""
        with session.transaction(actor) as transaction:
            require_administrator(transaction, actor)
            item = self.find(transaction, item_id)
            transaction.execute(f"DELETE FROM {self.table} WHERE id = ?", (item_id,))
            transaction.execute("DELETE FROM _wce_script_runs WHERE kind = ? AND item_id = ?", (self.kind, item_id))
            transaction.execute("DELETE FROM _wce_jobs WHERE kind = ? AND item_id = ?", (self.kind, item_id))
            self._record(transaction, "delete", item_id, {self.text: getattr(item, self.text)})

    def _require_seen(self, item: Item, instead_of: str | None, text: str | None) -> None:
        """Raise unless the author saw the text that he replaces; one who sends the same text once more has it there already."""
        held = getattr(item, self.text)
        if instead_of == "":
            field = self.order.partition(",")[0]
            raise WceError("name_taken", f"This {self.kind} already exists.", errors=(FieldError(field, "is taken"),))
        if instead_of is not None and held != text and _hash(held) != instead_of:
            raise WceError("changed_meanwhile")

    def _require_room(self, transaction: Transaction, script: str, *, new: int = 0, instead_of: str = "") -> None:
        """All scripts of a kind are listed, and held in memory, together."""
        count, size = transaction.execute(f"SELECT count(*), coalesce(sum(length({self.text})), 0) FROM {self.table}").fetchone()
        if count + new > self.most:
            raise WceError("too_large", f"A cenv may have at most {self.most} {self.kind}s.")
        if size + len(script) - len(instead_of) > MAX_TOTAL:
            raise WceError("too_large", f"All {self.kind}s together may have at most {MAX_TOTAL} characters.")

    def _record(self, transaction: Transaction, action: str, item_id: int, values: Mapping[str, Any]) -> None:
        details = {name: value for name, value in values.items() if name not in _UNTOLD}
        if self.text in values:
            details[f"{self.text}_sha256"] = _hash(values[self.text])
        transaction.touch(self.table, 1)
        audit.record(transaction, AuditEntry(f"{self.kind}.{action}", self.kind, str(item_id), details))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def check_script(actor: Actor, script: str, check: Check, field: str = "script") -> None:
    """Raise unless the actor may save scripts at all and this is one; done before the transaction, as a worker has to read it."""
    if not actor.role.administers:
        raise WceError("forbidden", "Only administrators may do this.")
    if len(script) > MAX_SCRIPT or len(script.encode()) > MAX_SCRIPT:
        raise WceError("too_large", f"The {field} may have at most {MAX_SCRIPT} bytes.")
    if "\0" in script:
        raise invalid(field, "must not contain a NUL character")
    check(script)


def check_words(given: Mapping[str, Any], choices: Mapping[str, tuple[str, ...]]) -> None:
    """Raise `validation` for a description that is too long and for a value that is not one of its choices."""
    for name, allowed in choices.items():
        if name in given and given[name] not in allowed:
            raise invalid(name, "must be one of " + ", ".join(allowed))
    if len(given.get("description", "")) > MAX_DESCRIPTION:
        raise invalid("description", f"must have at most {MAX_DESCRIPTION} characters")


def check_name(name: str) -> None:
    """Raise `validation` unless it is a line of text."""
    if not 0 < len(name) <= MAX_NAME or not name.isprintable() or name != name.strip():
        raise invalid("name", f"must have 1 to {MAX_NAME} printable characters, and no space at either end")


def given_only(changes: object) -> dict[str, Any]:
    """The fields of a dataclass of changes that are not None."""
    found = {item.name: getattr(changes, item.name) for item in fields(changes)}  # type: ignore[arg-type]
    return {name: value for name, value in found.items() if value is not None}
