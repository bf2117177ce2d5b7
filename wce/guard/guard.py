"""The guard of one server: opens guarded sessions and keeps what they share."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from wce.cache import Cache
from wce.guard.catalogue import Catalogue
from wce.guard.link import Link, restrain
from wce.guard.principal import Secrets
from wce.guard.rules import PrincipalRules
from wce.guard.session import GuardedSession
from wce.guard.watchdog import Watchdog
from wce.model import Grants, Limits
from wce.store.sqlite import attach, connect, prepare, quote
from wce.store.store import Store

_MAX_CATALOGUES: Final = 512
_VALUE_BYTES: Final = 1_000_000  # the longest value for everybody but administrators
_ADMIN_VALUE_BYTES: Final = 4_000_000


class Guard:
    """`failures` says what of the self-test failed: while there is any, only administrators' SQL runs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watchdog = Watchdog()
        self._catalogues: Cache[str, Catalogue] = Cache(_MAX_CATALOGUES)
        self.failures: tuple[str, ...] = ()

    def close(self) -> None:
        """Stop the thread that watches deadlines."""
        self._watchdog.close()

    @contextmanager
    def open_session(self, cenv: str, grants: Grants, grants_version: int, limits: Limits) -> Iterator[GuardedSession]:
        """`with` this thread's session for these grants, read when the file's counter of grants stood at `grants_version`."""
        key: Hashable = ("guard", grants.fingerprint, *grants.variables.values())
        open_ = partial(self._open, cenv, grants)
        with self._store.connections.use(cenv, key, open_) as session:
            if not session.is_open:
                session.grants_version = grants_version
            self._bound(session, limits)
            yield session

    def _bound(self, session: GuardedSession, limits: Limits) -> None:
        """Keep the file from growing over its bound, which SQLite does not remember from one opening to the next."""
        if session.max_database_bytes != limits.max_database_bytes:
            schema = quote(session.link.hidden.schema)
            page = session.link.ask(f"PRAGMA {schema}.page_size")[0][0]
            session.link.ask(f"PRAGMA {schema}.max_page_count={max(1, limits.max_database_bytes // page)}")
            session.max_database_bytes = limits.max_database_bytes

    def _open(self, cenv: str, grants: Grants) -> GuardedSession:
        with self._store.session(cenv):  # refuses a damaged file and brings an old one up to date
            hidden = Secrets.new()
            connection = connect("", mode="memory", deadline_ms=5000)
            try:
                attach(connection, self._store.path(cenv), hidden.schema)
                prepare(connection, schema=hidden.schema, durability=self._store.settings.durability)
                restrain(connection, _VALUE_BYTES)
                link = Link(cenv, connection, hidden, self._store.explain)
            except BaseException:
                connection.close()
                raise
        build = partial(PrincipalRules, grants)
        return GuardedSession(link, self._watchdog.watch(connection), grants, build, self._store.transaction, self._catalogues.get_or)
