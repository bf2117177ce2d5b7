"""What has to be done by the clock for all cenvs: backups that are due, deletions whose time of grace is over, files of killed commands.

One thread, and of several processes one at a time: whoever holds the lock file.
"""

from __future__ import annotations

import fcntl
import os
import threading
from typing import Final

from wce.core import deletion
from wce.core.backups import Backups
from wce.core.settings import Config
from wce.errors import WceError
from wce.log import LOGGER
from wce.model import PUBLIC_ID, Actor, Role
from wce.store.sqlite import sqlite3
from wce.store.store import SYSTEM, Store

SERVER: Final = Actor(PUBLIC_ID, "(server)", Role.OWNER)
LOCK: Final = ".wce.keeper"
_ROUND_SECONDS: Final = 300.0
_GRACE_SECONDS: Final = 5.0  # for what runs when the end comes: a store for backups that does not answer would take minutes
_PAUSE_SECONDS: Final = 0.02  # between two cenvs: a round is in no hurry
_DAY: Final = 86_400


class Keeper:
    """`start` begins the rounds, `close` ends them and gives what runs a moment; a backup that is broken off counts for nothing."""

    def __init__(
        self,
        store: Store,
        backups: Backups,
        config: Config,
        *,
        round_seconds: float = _ROUND_SECONDS,
        grace_seconds: float = _GRACE_SECONDS,
    ) -> None:
        self._store = store
        self._backups = backups
        self._config = config
        self._round_seconds = round_seconds
        self._grace_seconds = grace_seconds
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin with a round."""
        self._thread = threading.Thread(target=self._run, name="wce-keeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End; harmless where nothing was begun, and a second time."""
        self._closed.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(self._grace_seconds)

    def round(self) -> bool:
        """One look at all cenvs; False where another process is at it."""
        descriptor = os.open(self._store.folder.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            self._look_at_all()
            return True
        finally:
            os.close(descriptor)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self.round()
            except Exception:  # noqa: BLE001 # the next round may do better
                LOGGER.exception("round of the keeper failed")
            self._closed.wait(self._round_seconds)

    def _look_at_all(self) -> None:
        self._store.folder.sweep_old(self._store.now() - _DAY)
        for cenv in deletion.forget_old(self._store):
            LOGGER.info("cenv removed for good", extra={"cenv": cenv})
        for cenv in self._store.cenvs():
            if self._closed.wait(_PAUSE_SECONDS):
                return
            try:
                self._back_up(cenv)
            except (WceError, OSError, sqlite3.Error) as error:
                LOGGER.warning("backup failed", extra={"cenv": cenv, "reason": str(error), "evidence": getattr(error, "evidence", "")})
            except Exception:  # noqa: BLE001 # one cenv must not end the round for all behind it
                LOGGER.exception("backup failed", extra={"cenv": cenv})
            finally:
                self._store.connections.discard(cenv, SYSTEM)

    def _back_up(self, cenv: str) -> None:
        with self._store.session(cenv) as session:
            (version,) = session.one("SELECT settings FROM _wce_state") or (0,)
            config = self._config.read(session, version)
            if not config.backup_interval_hours:
                return
            if self._backups.is_due(cenv, config.backup_interval_hours):
                self._backups.create(session, SERVER, "schedule")
            self._backups.prune(cenv, config.backup_keep)
