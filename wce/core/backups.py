"""Backups of a cenv: made while others write, looked at after they are written, and brought back as one commit."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from wce import lane
from wce.core import audit, labels
from wce.core.digests import sha256
from wce.core.exports import require_owner
from wce.core.operator import OPERATOR
from wce.core.replacing import COUNTERS, drop_revoked, move_on, put_in_place
from wce.core.roles import require_administrator
from wce.core.users import require_still
from wce.core.vault import Vault, missing
from wce.errors import WceError
from wce.log import LOGGER
from wce.model import Actor, AuditEntry
from wce.store import migrate
from wce.store.copies import clean_copy
from wce.store.session import Session
from wce.store.sqlite import APPLICATION_ID, Connection, connect, quote, sqlite3, told
from wce.store.store import Store

_DATA, _FACTS = ".sqlite3", ".json"
MAX_KEPT: Final = 100  # of a cenv, besides those that the clock or the operator has made: each may take as much room as the cenv
_CHECK_SECONDS: Final = 30.0  # to look through a backup, and a second more for each so many bytes
_CHECKED_PER_SECOND: Final = 4_000_000  # a tenth of what a slow disk gives


@dataclass(frozen=True, slots=True)
class Backup:
    """One kept copy. `kind` tells why it was made; `rows` counts those of users' tables."""

    id: str
    kind: str
    created_at: int
    bytes: int
    sha256: str
    schema: int
    tables: int
    rows: int
    created_by: str


class Backups:
    """Makes, lists and brings back backups; they are named by their time, so that a name says how old it is."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    def create(self, session: Session, actor: Actor, kind: str = "manual") -> Backup:
        """Keep a copy of this moment, with an entry in the log."""
        with session.transaction(actor) as transaction:
            require_administrator(transaction, actor)
            self._require_room(session.cenv, kind, actor.username)
            new_id = self._new_id(kind)
            audit.record(transaction, AuditEntry("backup.create", "backup", new_id, {"kind": kind}))
        return self._keep(session.cenv, new_id, kind, actor.username)

    @contextmanager
    def replacing(self, session: Session, kind: str, username: str) -> Iterator[tuple[str, Session]]:
        """`with` the id of a copy of what is there, and the session that keeps writers out, for whoever puts something else in its place.

        Nobody waits for a slow store: the copy is made before, and once more only where somebody has written meanwhile.
        """
        cenv, seen = session.cenv, _moment(session)
        kept = self._keep_before(cenv, kind, username)
        with self._store.exclusive(cenv) as holder:
            if _moment(session) != seen:
                self._discard(cenv, kept)
                kept = self._keep_before(cenv, kind, username)
            yield kept, holder

    def _keep_before(self, cenv: str, kind: str, username: str) -> str:
        """A copy without an entry in the log, which is about to be replaced itself; returns its id."""
        self._require_room(cenv, kind, username)
        return self._keep(cenv, self._new_id(kind), kind, username).id

    def list(self, cenv: str) -> list[Backup]:
        """All that are whole, newest first."""
        found = []
        for name in sorted(_labels(self._vault.names(cenv)), key=labels.when, reverse=True):
            try:
                found.append(self.find(cenv, name))
            except WceError as error:
                if error.code not in ("bad_file", "not_found"):  # not_found: somebody has just let it go
                    raise
                LOGGER.warning("backup passed over", extra={"cenv": cenv, "backup": name, "reason": error.detail})
        return found

    def find(self, cenv: str, backup_id: str) -> Backup:
        """One of them; raises `not_found`, and `bad_file` where what was written about it cannot be read."""
        if not labels.LABEL.fullmatch(backup_id):
            raise missing()
        try:
            return _read_facts(self._vault.read(cenv, backup_id + _FACTS), backup_id)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise WceError("bad_file", "The backup is damaged: its description cannot be read.", evidence=str(error)) from error

    def delete(self, session: Session, actor: Actor, backup_id: str) -> None:
        """Let one go, a damaged one, too."""
        if not labels.LABEL.fullmatch(backup_id) or backup_id + _FACTS not in self._vault.names(session.cenv):
            raise missing()
        with session.transaction(actor) as transaction:
            require_owner(transaction, actor)
            audit.record(transaction, AuditEntry("backup.delete", "backup", backup_id))
        self._discard(session.cenv, backup_id)

    def is_due(self, cenv: str, hours: int) -> bool:
        """Whether the clock has made none for so long; one of a clock that was ahead keeps no other away.

        Told by names alone, and so is what goes: a bucket wants time and money for each look into a backup.
        """
        now = self._store.now()
        before, until = labels.stamp(now - hours * 3600), labels.stamp(now)
        return not any(before < labels.when(item)[0] <= until for item in _labels(self._vault.names(cenv)) if labels.is_by_clock(item))

    def prune(self, cenv: str, keep: int) -> None:
        """Let go of all scheduled ones but so many, and of what an interruption has left."""
        names, until = self._vault.names(cenv), labels.stamp(self._store.now())
        scheduled = sorted(filter(labels.is_by_clock, _labels(names)), key=labels.when, reverse=True)
        scheduled.sort(key=lambda item: labels.when(item)[0] > until)  # those of a clock that was wrong go first
        for item in scheduled[keep:]:
            self._discard(cenv, item)
        self._tidy(cenv, names)

    def _tidy(self, cenv: str, found: Sequence[str]) -> None:
        """Let go of what an interruption has left among these names; an hour: nobody writes for so long."""
        names, before = set(found), labels.stamp(self._store.now() - 3600)
        for name in names:
            label = name.removesuffix(_DATA)
            is_ours = name.endswith(_DATA) and labels.LABEL.fullmatch(label)  # and not what the operator has put beside them
            if is_ours and label + _FACTS not in names and label < before:
                self._vault.delete(cenv, name)

    @contextmanager
    def fetched(self, cenv: str, backup_id: str) -> Iterator[Path]:
        """`with` the path of a copy that is still what was written; raises `not_found`, and `bad_file` for one that is not."""
        facts = self.find(cenv, backup_id)
        with self._store.folder.spool(cenv) as path:
            self._vault.get(cenv, backup_id + _DATA, path)
            if sha256(path) != facts.sha256:
                raise WceError("bad_file", "The backup has been changed or damaged since it was written.")
            yield path

    def restore(self, session: Session, actor: Actor, backup_id: str, proof: str | None = None) -> Backup:
        """Make the cenv what it was then; what it is now is kept first. All sessions end.

        `proof`: what `prove` told of the actor's password; the operator is asked for none.
        """
        cenv = session.cenv
        facts = self.find(cenv, backup_id)
        require_owner(session, actor)
        with self.fetched(cenv, backup_id) as path, self.replacing(session, "restore", actor.username) as (kept, holder):
            require_owner(session, actor)  # again, where nobody else can write
            if proof is not None:
                require_still(session, actor, proof)
            with self._made_ready(path, cenv, actor, backup_id, kept) as draft:
                drop_revoked(draft, session)
            put_in_place(self._store, session, holder, path)
        return facts

    def restore_damaged(self, cenv: str, actor: Actor, backup_id: str) -> Backup:
        """The same where the file is damaged, so that nothing can be asked of it: it is laid aside as it is."""
        facts = self.find(cenv, backup_id)
        with self.fetched(cenv, backup_id) as path:
            with self._made_ready(path, cenv, actor, backup_id, "") as draft:
                # Its counters cannot be read: these are beyond what any file has counted to, also one that came back like this before.
                move_on(draft.connection, (int(self._store.now() * 1000),) * len(COUNTERS))
            self._store.folder.exchange(cenv, path)
        return facts

    @contextmanager
    def _made_ready(self, path: Path, cenv: str, actor: Actor, backup_id: str, kept: str) -> Iterator[Session]:
        """`with` a fetched backup that is whole, of this version, and tells in its log that it was brought back."""
        with told(), closing(connect(path)) as connection:
            _require_whole(connection, path.stat().st_size)
            migrate.upgrade(connection, migrate.load())
            draft = Session(cenv, connection, self._store.drafting, self._store.explain)
            with draft.transaction(actor) as transaction:
                audit.record(transaction, AuditEntry("backup.restore", "backup", backup_id, {"kept": kept}))
            yield draft

    def _require_room(self, cenv: str, kind: str, username: str) -> None:
        """Raise `quota_exceeded` where users have made as many as may be kept."""
        if kind == labels.BY_CLOCK or username == OPERATOR.username:
            return
        if sum(not labels.is_by_clock(item) for item in _labels(self._vault.names(cenv))) < MAX_KEPT:
            return  # without a look into each
        made = [item for item in self.list(cenv) if item.kind != labels.BY_CLOCK and item.created_by != OPERATOR.username]
        if len(made) >= MAX_KEPT:
            raise WceError("quota_exceeded", f"A cenv may keep at most {MAX_KEPT} backups besides the scheduled ones: delete some.")

    def _keep(self, cenv: str, new_id: str, kind: str, username: str) -> Backup:
        self._tidy(cenv, self._vault.names(cenv))
        with clean_copy(self._store, cenv) as path:
            facts = _facts(path, new_id, kind, int(self._store.now()), username)
            self._vault.put(cenv, new_id + _DATA, path)
        try:
            self._verify(cenv, facts)
            # Without this it is none: what was interrupted is never taken for a backup.
            self._vault.write(cenv, new_id + _FACTS, json.dumps(asdict(facts)).encode())
        except BaseException:
            self._discard(cenv, new_id)
            raise
        return facts

    def _verify(self, cenv: str, facts: Backup) -> None:
        """What came to rest there is what was sent, and a whole database."""
        with self._store.folder.spool() as path:
            self._vault.get(cenv, facts.id + _DATA, path)
            size, digest = path.stat().st_size, sha256(path)
            if (size, digest) != (facts.bytes, facts.sha256):
                detail = "The store for backups does not keep what is written to it."
                raise WceError("busy", detail, retry_after=60, evidence=f"{size} bytes, {digest} in place of {facts}")
            with closing(connect(path, mode="ro", immutable=True)) as connection:
                _require_whole(connection, facts.bytes)

    def _discard(self, cenv: str, backup_id: str) -> None:
        self._vault.delete(cenv, backup_id + _FACTS)
        self._vault.delete(cenv, backup_id + _DATA)

    def _new_id(self, kind: str) -> str:
        return labels.make(self._store.now(), kind)


def _labels(names: Sequence[str]) -> list[str]:
    """The ids of those that were finished."""
    return list(filter(labels.LABEL.fullmatch, (name.removesuffix(_FACTS) for name in names if name.endswith(_FACTS))))


def _moment(session: Session) -> int:
    """Another number after every commit of another connection, in whatever process, also of what `_wce_state` does not count."""
    (found,) = session.one("PRAGMA data_version") or (0,)
    return int(found)


def _read_facts(text: bytes, backup_id: str) -> Backup:
    """What was written of a backup, without what a later version may add. ValueError, TypeError, KeyError where it is nothing such."""
    held = json.loads(text)
    found = Backup(**{item.name: held[item.name] for item in fields(Backup)})
    if found.id != backup_id or any(type(held[item.name]).__name__ != item.type for item in fields(Backup)):
        raise ValueError("these are no facts of this backup")
    return found


def _facts(path: Path, backup_id: str, kind: str, at: int, username: str) -> Backup:
    with closing(connect(path, mode="ro", immutable=True)) as connection:
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0")
            if not name.startswith(("_wce_", "sqlite_"))
        ]
        rows = sum(connection.execute(f"SELECT count(*) FROM {quote(name)}").fetchone()[0] for name in names)
    return Backup(backup_id, kind, at, path.stat().st_size, sha256(path), schema, len(names), rows, username)


def _require_whole(connection: Connection, size: int) -> None:
    """CHECKs are left out, and what generated columns take is bounded: whoever wrote them chose how long that is."""
    deadline = time.monotonic() + _CHECK_SECONDS + size / _CHECKED_PER_SECOND
    connection.set_progress_handler(lane.until(deadline), lane.OPS)
    try:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        (mark,) = connection.execute("PRAGMA application_id").fetchone()
    except sqlite3.DatabaseError as error:
        if time.monotonic() > deadline:
            raise WceError("busy", "Checking the backup took too long.", retry_after=60) from error
        raise WceError("bad_file", "The backup is damaged.", evidence=str(error)) from error
    finally:
        connection.set_progress_handler(None, 0)
        connection.execute("PRAGMA ignore_check_constraints=OFF")
    if verdict != "ok" or mark != APPLICATION_ID:
        raise WceError("bad_file", "The backup is damaged.", evidence=str(verdict))
