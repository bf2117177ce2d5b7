"""Whether this server can do its work right now, check by check."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from wce.errors import WceError
from wce.guard.guard import Guard
from wce.log import LOGGER
from wce.sandbox.pool import Pool
from wce.store.sqlite import VERSION, connect, known_holes, sqlite3
from wce.store.store import Store

_FRESH_SECONDS: Final = 1.0  # anyone may ask, so the disk is asked at most this often


@dataclass(frozen=True, slots=True)
class Report:
    """Each check's name with "ok" or what is wrong, in words that anyone may read."""

    checks: dict[str, str]
    warnings: tuple[str, ...]
    sandbox: Mapping[str, Any]  # what the pool of workers says of itself
    sqlite_version: str = VERSION

    @property
    def failing(self) -> list[str]:
        return [name for name, said in self.checks.items() if said != "ok"]


class Readiness:
    """Makes reports, and keeps the last one for a second."""

    def __init__(self, store: Store, guard: Guard, pool: Pool) -> None:
        self._pool = pool
        self._checks: dict[str, Callable[[], str]] = {
            "storage_writable": lambda: _storage_writable(store.settings.storage_dir),
            "free_space": lambda: _free_space(store.settings.storage_dir, store.settings.min_free_mb),
            "database": lambda: _database(store.settings.storage_dir),
            "guard": lambda: "; ".join(guard.failures) or "ok",
        }
        self._lock = threading.Lock()
        self._last: tuple[float, Report] | None = None

    def report(self) -> Report:
        """The state of at most a second ago."""
        with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > _FRESH_SECONDS:
                checks = {name: _run(name, check) for name, check in self._checks.items()}
                self._last = (time.monotonic(), Report(checks, known_holes(), asdict(self._pool.state())))
            return self._last[1]


def _run(name: str, check: Callable[[], str]) -> str:
    try:
        return check()
    except (OSError, sqlite3.Error, WceError) as error:
        LOGGER.error("not_ready", exc_info=error, extra={"check": name})
        return "failed; the log says why"


def _storage_writable(folder: Path) -> str:
    probe = folder / f".ready-{secrets.token_hex(8)}"
    descriptor = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(descriptor, b"ready")
    finally:
        os.close(descriptor)
        probe.unlink()
    return "ok"


def _free_space(folder: Path, floor_mb: int) -> str:
    return "ok" if shutil.disk_usage(folder).free >= floor_mb * 1024 * 1024 else f"less than {floor_mb} MiB free"


def _database(folder: Path) -> str:
    """A file of its own is made, written, read and removed."""
    path = folder / f".ready-{secrets.token_hex(8)}.sqlite"
    try:
        with closing(connect(path, mode="rwc")) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("CREATE TABLE probe (value TEXT)")
            connection.execute("INSERT INTO probe VALUES ('ready')")
            found = connection.execute("SELECT value FROM probe").fetchone()
    finally:
        path.unlink(missing_ok=True)
    return "ok" if found == ("ready",) else "a value that was written did not come back"
