"""The guard of one server: opens guarded sessions and keeps what they share."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final

from wce.cache import Cache
from wce.errors import WceError
from wce.guard import selftest, vetting
from wce.guard.admin import AdminRules
from wce.guard.builder import Builder
from wce.guard.catalogue import Catalogue
from wce.guard.kept import Memory
from wce.guard.link import Link, restrain
from wce.guard.principal import Secrets
from wce.guard.rules import Build, PrincipalRules
from wce.guard.session import GuardedSession
from wce.guard.watchdog import Watchdog
from wce.log import LOGGER
from wce.model import Grants, Limits, Role
from wce.store.connections import Connections
from wce.store.sqlite import PER_CHARACTER, Connection, attach, connect, prepare, quote, sqlite3
from wce.store.store import Store
from wce.store.walindex import WalIndex

_CATALOGUES_BYTES: Final = 128 * 1024 * 1024  # of those that are kept for whoever meets their schema next
_CATALOGUE_BYTES: Final = 10_000
_PER_CHARACTER: Final = 100  # bytes that a catalogue takes for each of its definitions, in which columns are short
# The longest value, and the longest row. The same for all: to read a longer one is an error, even in a row that a policy hides.
VALUE_BYTES: Final = 1_000_000
_LEAST_MEMORY: Final = 256 * 1024 * 1024
_MOST_MEMORY: Final = 1024 * 1024 * 1024
_ADMIN: Final = ("admin",)
_ADMINISTRATOR: Final = Grants(Role.ADMIN, {}, (), {})


def weight(catalogue: Catalogue) -> int:
    """What a catalogue takes in memory, about: who administers chooses how long definitions are, and how often they change."""
    return _CATALOGUE_BYTES + _PER_CHARACTER * catalogue.length


class Guard:
    """`failures` says what of the self-test failed: while there is any, only administrators' SQL runs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watchdog = Watchdog(store.spill.room)
        self._catalogues: Cache[str, Catalogue] = Cache(_CATALOGUES_BYTES, cost=weight)
        self._memory = Memory()
        self.failures = selftest.proven()
        if self.failures:
            LOGGER.error("guard self-test failed", extra={"failures": self.failures})
        _bound_memory()

    def close(self) -> None:
        """Stop the thread that watches deadlines."""
        self._watchdog.close()

    def open_session(self, cenv: str, grants: Grants, grants_version: int, limits: Limits) -> Opened:
        """`with` this thread's session for these grants, read when the file's counter of grants stood at `grants_version`.

        Raises WceError `guard_disabled` where the self-test has failed, unless the grants are an administrator's.
        """
        if grants.role.administers:
            return Opened(self._store.connections, cenv, _ADMIN, partial(self._open_admin, cenv, grants), grants, grants_version, limits)
        if self.failures:
            raise WceError("guard_disabled", evidence="; ".join(self.failures))
        key = (grants.fingerprint, *grants.variables.values())
        return Opened(self._store.connections, cenv, key, partial(self._open, cenv, grants), grants, grants_version, limits)

    def catalogue(self, cenv: str) -> Catalogue:
        """The tables, views and triggers of a cenv, without WCE's own."""
        with self._store.connections.use(cenv, _ADMIN, partial(self._open_admin, cenv, _ADMINISTRATOR)) as session:
            return session.catalogue

    def validate_policy(self, cenv: str, table: str, condition: str) -> None:
        """Raise WceError `bad_policy` or `no_such_table` unless the condition can be a policy of the table."""
        with self._store.connections.use(cenv, _ADMIN, partial(self._open_admin, cenv, _ADMINISTRATOR)) as session:
            link = session.link
            vetting.validate(link.probe, session.catalogue, link.hidden.schema, table, condition, room=True)

    def builder(self, cenv: str, path: Path, *, max_bytes: int, seconds: float) -> Builder:
        """What builds a schema from elsewhere in the file of a draft; the caller closes it."""
        connection = connect(path)
        try:
            prepare(connection, max_database_bytes=max_bytes)
            # A draft is synced when it is finished. Rows come before those that they refer to.
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA foreign_keys=OFF")
            restrain(connection, VALUE_BYTES)
            link = Link(cenv, connection, Secrets.new("main"), self._store.explain)
        except BaseException:
            connection.close()
            raise
        return Builder(link, self._watchdog.watch(connection), seconds)

    def _open_admin(self, cenv: str, grants: Grants) -> GuardedSession:
        with self._store.session(cenv):
            connection = connect(self._store.path(cenv))
            return self._session(cenv, connection, Secrets.new("main"), grants, AdminRules)

    def _session(self, cenv: str, connection: Connection, hidden: Secrets, grants: Grants, build: Build) -> GuardedSession:
        try:
            prepare(connection, schema=hidden.schema, durability=self._store.settings.durability)
            restrain(connection, VALUE_BYTES)
            link = Link(cenv, connection, hidden, self._store.explain, WalIndex(self._store.path(cenv)))
        except BaseException as error:
            connection.close()
            if isinstance(error, MemoryError):
                raise _no_memory() from None
            raise
        watch = self._watchdog.watch(connection)
        return GuardedSession(link, watch, grants, build, self._store.transaction, partial(self._keep, cenv), self._memory.part())

    def _keep(self, cenv: str, key: str, read: Callable[[], Catalogue]) -> Catalogue:
        found = self._catalogues.get_or(key, read)
        self._store.connections.weigh(cenv, PER_CHARACTER * found.length)
        return found

    def _open(self, cenv: str, grants: Grants) -> GuardedSession:
        with self._store.session(cenv):  # refuses a damaged file and brings an old one up to date
            connection = connect("", mode="memory")
            hidden = Secrets.new()
            try:
                attach(connection, self._store.path(cenv), hidden.schema)
            except MemoryError:
                connection.close()
                raise _no_memory() from None
            except sqlite3.DatabaseError as error:
                connection.close()
                # A view or trigger that names the schema main can only be read under that name. Administrators can still drop it.
                raise WceError(
                    "cenv_damaged", "the schema of this cenv has to be repaired by an administrator", evidence=str(error)
                ) from None
            return self._session(cenv, connection, hidden, grants, partial(PrincipalRules, grants))


class Opened:
    """`with` a session; a class and not a generator because every statement goes through it."""

    __slots__ = ("_cenv", "_connections", "_grants", "_key", "_limits", "_open", "_session", "_use", "_version")

    def __init__(
        self,
        connections: Connections,
        cenv: str,
        key: Hashable,
        open_: Callable[[], GuardedSession],
        grants: Grants,
        version: int,
        limits: Limits,
    ) -> None:
        self._connections = connections
        self._cenv = cenv
        self._key = key
        self._open = open_
        self._grants = grants
        self._version = version
        self._limits = limits
        self._use = connections.use(cenv, key, open_)

    def __enter__(self) -> GuardedSession:
        session = self._use.__enter__()
        if session.grants is not self._grants and session.grants != self._grants:
            session = self._renew(session)
        try:
            if not session.is_open:
                session.grants_version = self._version
            if session.max_database_bytes != self._limits.max_database_bytes:
                _bound(session, self._limits.max_database_bytes)
        except BaseException:
            self._use.__exit__(None, None, None)
            raise
        self._session = session
        return session

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._session.plans.rest()
        self._use.__exit__(kind, error, trace)

    def _renew(self, session: GuardedSession) -> GuardedSession:
        """Equal keys are no proof of equal rights: only equal grants are. Administrators are all the same."""
        if self._grants.role.administers:
            session.grants = self._grants
            return session
        self._use.__exit__(None, None, None)
        self._connections.discard(self._cenv, self._key)
        self._use = self._connections.use(self._cenv, self._key, self._open)
        return self._use.__enter__()


def _no_memory() -> WceError:
    """What SQLite may have is shared: it is gone for the moment."""
    return WceError("busy", "The server has no memory for another connection now.", retry_after=1)


def _bound_memory() -> None:
    """Let all of SQLite in this process have half of the machine's memory, at most 1 GiB; it then says NOMEM instead of taking more.

    Once set it can only be lowered, so setting it again changes nothing.
    """
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    connection = connect("", mode="memory")
    try:
        connection.execute(f"PRAGMA hard_heap_limit={max(_LEAST_MEMORY, min(_MOST_MEMORY, physical // 2))}")
    finally:
        connection.close()


def _bound(session: GuardedSession, size: int) -> None:
    """Keep the file from growing over its bound, which SQLite does not remember from one opening to the next."""
    schema = quote(session.link.hidden.schema)
    page = session.link.ask(f"PRAGMA {schema}.page_size")[0][0]
    session.link.ask(f"PRAGMA {schema}.max_page_count={max(1, size // page)}")
    session.max_database_bytes = size
