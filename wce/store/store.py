"""The cenvs of this server: opening, creating and removing them, and the transactions on them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from wce.config import Settings
from wce.errors import WceError
from wce.log import LOGGER
from wce.metrics import Metrics
from wce.model import Actor, Commit
from wce.store import migrate
from wce.store.connections import Connections, Use
from wce.store.folder import Folder
from wce.store.locks import FolderLock, ProcessLocks, WriterLocks
from wce.store.quarantine import Quarantine
from wce.store.removal import leave_word, shut_out_writers
from wce.store.session import Session
from wce.store.spill import Spill, spill_to
from wce.store.sqlite import (
    APPLICATION_ID,
    FULL,
    Connection,
    connect,
    damaged,
    full_reason,
    prepare,
    primary,
    sqlite3,
    told,
    translate,
    weight,
)
from wce.store.transaction import Handle, Hooks, Transaction
from wce.store.walindex import WalIndex
from wce.store.writing import Work, Writing

WAIT_SECONDS: Final = 30.0  # for other writers, in this process and in others
WRITERS: Final = ".wce.writers"  # beside the cenvs: whose turn it is to write, over all processes
SYSTEM: Final = "system"  # the key of the connection that runs our own SQL


@dataclass(frozen=True, slots=True)
class Draft:
    """A cenv under construction."""

    cenv: str
    path: Path


class Store:
    """Everything that has a connection to a cenv gets it here. `now` is the clock, in Unix seconds."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
        migrations: tuple[migrate.Migration, ...] | None = None,
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self.now = now
        self.hooks = Hooks(metrics)
        self.folder = Folder(settings.storage_dir)
        self._floor_bytes = settings.min_free_mb * 1024 * 1024
        self.spill = Spill(settings.temp_dir, self.folder.path, self._floor_bytes)
        self.connections = Connections(settings.max_open_cenvs, metrics, self.folder.identity)
        self._folder_lock = FolderLock(self.folder.path, settings.instance, self.folder.sweep)
        self._migrations = migrate.load() if migrations is None else migrations
        self.writers = WriterLocks()
        self.processes = ProcessLocks(self.folder.path / WRITERS if settings.processes > 1 else None)
        self.transactions: dict[int, Transaction] = {}  # the open ones, by id of the handle
        self._damaged = Quarantine(self.folder.signature)

    def open(self) -> None:
        """Make the folder and take its lock; SettingError when another server uses it, or the folder for large queries is none."""
        spill_to(self.spill.folder)
        self.folder.make()
        self._folder_lock.acquire()
        self.processes.open()

    def visit(self) -> None:
        """Open the folder beside a server that may be using it, for a command that reads and writes as any other process does."""
        self.folder.make()
        self._folder_lock.join()

    def close(self) -> None:
        """Close every connection and let go of the folder."""
        self.connections.close()
        self.processes.close()
        self._folder_lock.release()

    def path(self, cenv: str) -> Path:
        """The file of a cenv; WceError `no_such_cenv` unless the name is a lower-case UUID and the file is there."""
        return self.folder.file(cenv)

    def cenvs(self) -> list[str]:
        """The names of all cenvs, sorted."""
        return self.folder.cenvs()

    def session(self, cenv: str) -> Use[Session]:
        """`with` this thread's system connection. WceError `no_such_cenv`, `cenv_damaged`, `newer_schema`."""
        self._damaged.check(cenv)
        return self.connections.use(cenv, SYSTEM, partial(self._open_session, cenv))

    @contextmanager
    def reading(self, cenv: str) -> Iterator[Session]:
        """`with` a connection that writes nothing and leaves the schema as old as it is; the errors of `session`."""
        with closing(self._connect(cenv)) as connection:
            session = Session(cenv, connection, self.transaction, self.explain)
            try:
                prepare(connection)
                connection.execute("PRAGMA query_only=ON")
                self._require_cenv(session)
                migrate.require_known(connection, self._migrations)
            except (sqlite3.Error, MemoryError) as error:
                self.fail(session, error)
                raise
            yield session

    def transaction(self, handle: Handle, actor: Actor, wait_seconds: float = WAIT_SECONDS) -> Writing:
        """`with` a write transaction on a connection, or a savepoint in the one that the connection has open.

        Waits at most so long for its turn; any exception rolls back. WceError `busy`, `disk_full`, `quota_exceeded`, `cenv_damaged`.
        """
        return Writing(self, handle, actor, wait_seconds)

    def create(self, fill: Callable[[Session], None], actor: Actor) -> str:
        """Build the file of a new cenv: a blank one and whatever `fill` adds, in one transaction. Nothing stays when anything fails."""
        self.require_space()
        cenv = str(uuid.uuid4())
        try:
            done = self._build(self.folder.draft(cenv), cenv, fill, actor)
            self.folder.publish(cenv, durable=self.settings.durability == "full")
        except BaseException:
            self.folder.scrap(cenv)
            raise
        self.announce(done)
        return cenv

    @contextmanager
    def draft(self, actor: Actor) -> Iterator[Draft]:
        """`with` the file of an empty cenv that nobody knows yet; what was not published is gone afterwards."""
        self.require_space()
        cenv = str(uuid.uuid4())
        try:
            path = self.folder.draft(cenv)
            self._build(path, cenv, lambda _: None, actor)
            yield Draft(cenv, path)
        finally:
            self.folder.scrap(cenv)

    @contextmanager
    def drafting(self, handle: Handle, actor: Actor) -> Iterator[Transaction]:
        """A write transaction on a draft: nobody is waited for, and nobody is told."""
        with Work(self, handle, actor) as work:
            yield work.begin(0.0)
            work.commit()

    def publish(self, draft: Draft) -> str:
        """Make a draft, to which no connection is open, a cenv; returns its id."""
        self.folder.publish(draft.cenv, durable=self.settings.durability == "full")
        return draft.cenv

    @contextmanager
    def exclusive(self, cenv: str) -> Iterator[Session]:
        """Keep other writers out, of every process, while a cenv's whole content is replaced; not from a thread that writes to it.

        The session holds SQLite's own lock: commands beside a server know no other one.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        with (
            self.writers.hold(cenv, WAIT_SECONDS),
            self.processes.hold(cenv, deadline - time.monotonic()),
            closing(Session(cenv, self._connect(cenv), self.transaction, self.explain)) as holder,
        ):
            shut_out_writers(holder, deadline - time.monotonic())
            yield holder

    def remove(self, cenv: str, before: Callable[[], None] = lambda: None) -> None:
        """Delete a cenv once its writers are done. Readers of the moment finish; other processes notice at their next read.

        `before` is called when nobody writes any more, in any process: what it lays aside has every write that was acknowledged.
        """
        with self.exclusive(cenv) as holder:
            before()
            self.connections.close_cenv(cenv)
            self.folder.delete(cenv)
            leave_word(holder)
        self._damaged.forget(cenv)

    def explain(self, handle: Handle, error: Exception) -> WceError | None:
        """What an error of SQLite means to a client, None: the SQL is wrong. A damaged file is shut from here on.

        Only our own SQL is a witness: a guarded connection sees the file under another name, where a view that says
        `main.x` is "malformed" too, and nobody may shut a cenv by that.
        """
        if damaged(error) and isinstance(handle, Session):
            self.quarantine(handle.cenv, str(error))
        if primary(error) == FULL:
            return translate(error, full=full_reason(handle.execute, self.folder.path))
        return translate(error)

    def fail(self, handle: Handle, error: Exception) -> None:
        """Raise what the error means, where it does not say that the SQL is wrong."""
        meaning = self.explain(handle, error)
        if meaning is not None:
            raise meaning from error

    def quarantine(self, cenv: str, evidence: str) -> None:
        """Answer `cenv_damaged` without opening the file again until somebody has changed it."""
        LOGGER.error("cenv damaged", extra={"cenv": cenv, "evidence": evidence})
        self.connections.close_cenv(cenv)
        self._damaged.add(cenv)

    def require_space(self, more_bytes: int = 0) -> None:
        """On a full disk not even DELETE works, so writing stops while there is still room to put things right."""
        if self.folder.free_bytes() - more_bytes < self._floor_bytes:
            raise WceError("disk_full")

    def require_same_file(self, cenv: str) -> None:
        """A cenv that was removed or replaced while its writer waited must not take the write to a file without a name."""
        if self.connections.moved(cenv):
            self.path(cenv)
            raise WceError("busy", "The file of this cenv was replaced.", retry_after=1)

    def undo(self, transaction: Transaction) -> None:
        """Roll back what was not committed; a connection that cannot even do that is of no use to the next one."""
        try:
            transaction.rollback()
        except BaseException:
            self.connections.close_cenv(transaction.cenv)
            raise

    def announce(self, commit: Commit) -> None:
        """Count a commit and tell the hooks."""
        self.metrics.tally.count(self.metrics.commits)
        self.hooks.run(commit)

    def _build(self, draft: Path, cenv: str, fill: Callable[[Session], None], actor: Actor) -> Commit:
        draft.write_bytes(migrate.blank(self._migrations))
        with told(), closing(connect(draft)) as connection:
            prepare(connection)
            # Nobody else knows the file and it is synced when finished, so nothing needs to wait for the disk before.
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA journal_mode=WAL")
            session = Session(cenv, connection, self.transaction, self.explain)
            with Work(self, session, actor) as work:
                work.begin(0.0)
                fill(session)
                done = work.commit()
        return done

    def _open_session(self, cenv: str) -> Session:
        connection = self._connect(cenv)
        try:
            session = Session(cenv, connection, self.transaction, self.explain, WalIndex(self.path(cenv)))
            session.run = self.settings.instance
            self._make_ready(session)
        except BaseException:
            connection.close()
            raise
        return session

    def _make_ready(self, session: Session) -> None:
        connection = session.connection
        try:
            prepare(connection, durability=self.settings.durability)
            self._require_cenv(session)
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":  # one that was copied by hand may have lost it
                connection.execute("PRAGMA journal_mode=WAL")
            if migrate.version(connection) != len(self._migrations):
                with self.writers.hold(session.cenv, WAIT_SECONDS):
                    migrate.upgrade(connection, self._migrations)
            session.weight = weight(connection)
        except (sqlite3.Error, MemoryError) as error:
            self.fail(session, error)
            raise

    def _connect(self, cenv: str) -> Connection:
        with told():
            return connect(self.path(cenv))

    def _require_cenv(self, session: Session) -> None:
        """Not every database is a cenv, an empty file is none."""
        if session.connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            self.quarantine(session.cenv, "not a cenv")
            raise WceError("cenv_damaged", evidence="not a cenv")
