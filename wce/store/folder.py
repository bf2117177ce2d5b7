"""The storage folder: one file per cenv, named by a UUID, and nothing else that lasts."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from wce.config import usable
from wce.errors import WceError

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SUFFIX: Final = ".db"
_DRAFT: Final = ".db.new"  # under construction; a crash may leave one behind
_LOG: Final = "-wal"
_COMPANIONS: Final = (_LOG, "-shm", "-journal")
_PARKED: Final = ".deleted"  # whole copies of cenvs that were deleted and may come back
_ASIDE: Final = ".damaged"  # behind the name of a file that a backup has taken the place of
_SPOOL: Final = ".wce.spool."  # files that live for one request; a crash may leave one behind
_SPACE_SECONDS: Final = 1.0
_DESCRIPTORS: Final = "/proc/self/fd"
_UNNAMED: Final = " (deleted)"  # as Linux says it there


class Folder:
    """Paths and facts of files. It never opens a live one: closing a descriptor would drop the locks of SQLite's connections to it."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.abspath(path))
        self._prefix = f"{self.path}/"
        self._space = (-_SPACE_SECONDS, 0)

    def make(self) -> None:
        """Create it, or see to it that nobody but its owner may look inside; SettingError where that cannot be."""
        with usable("WCE_STORAGE_DIR"):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o700)

    def file(self, cenv: str) -> Path:
        """The file of a cenv; WceError `no_such_cenv` where nothing is there by that UUID, `cenv_damaged` for a pipe."""
        facts = self._facts(cenv)
        if facts is None:
            raise WceError("no_such_cenv")
        if not stat.S_ISREG(facts.st_mode):
            raise WceError("cenv_damaged", evidence="neither a file nor a link to one")
        return self.path / (cenv + _SUFFIX)

    def draft(self, cenv: str) -> Path:
        """Where the file of a new cenv is built: created here, empty, readable by the owner only."""
        path = self.path / (cenv + _DRAFT)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return path

    def publish(self, cenv: str, *, durable: bool) -> None:
        """Give a finished draft, to which no connection is open, its final name.

        Its content is on the disk first, or a power cut could leave a cenv without content; `durable` makes the name as safe.
        """
        sync(self.path / (cenv + _DRAFT))
        os.rename(self.path / (cenv + _DRAFT), self.path / (cenv + _SUFFIX))
        if durable:
            sync(self.path)

    def scrap(self, cenv: str) -> None:
        """Delete a draft, whatever there is of it."""
        _delete(self.path / (cenv + _DRAFT))

    def delete(self, cenv: str) -> None:
        """Delete the file of a cenv; connections that are still open read on in what has no name any more."""
        with self._alone():
            _delete(self.path / (cenv + _SUFFIX))

    @contextmanager
    def spool(self, cenv: str = "") -> Iterator[Path]:
        """`with` the path of an empty file beside the cenvs that only its owner may read; it is gone afterwards."""
        path = self.path / f"{_SPOOL}{cenv}.{secrets.token_hex(16)}"
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            yield path
        finally:
            _delete(path)

    def lent(self, cenv: str) -> list[int]:
        """The sizes of spooled files of a cenv that this process still has open though they have no name any more: they are being sent."""
        found = {}
        for number in os.listdir(_DESCRIPTORS):
            with suppress(OSError):  # closed since
                name = os.path.basename(os.readlink(f"{_DESCRIPTORS}/{number}"))
                if name.startswith(f"{_SPOOL}{cenv}.") and name.endswith(_UNNAMED):
                    found[name] = os.stat(f"{_DESCRIPTORS}/{number}").st_size
        return list(found.values())

    def park(self, cenv: str, copy: Path, at: float) -> None:
        """Lay a finished file of the folder aside as what is left of a cenv."""
        parked = self.path / (cenv + _PARKED)
        os.utime(copy, (at, at))
        sync(copy)
        _delete(parked, _COMPANIONS)  # of a damaged one from before: no part of this one
        os.rename(copy, parked)
        sync(self.path)

    def park_damaged(self, cenv: str, at: float) -> None:
        """Lay the file of a cenv itself aside, with what belongs to it; FileNotFoundError where somebody else has just done it."""
        with self._alone():
            parked, path = self.path / (cenv + _PARKED), self.path / (cenv + _SUFFIX)
            os.utime(path, (at, at))
            _delete(parked)
            _move(path, parked)
        sync(self.path)

    def unpark(self, cenv: str) -> None:
        """Make what was laid aside a cenv again; FileNotFoundError where somebody else has just done it.

        The log of the file before may have outlived it, where its deletion was killed. SQLite would take it for that of this one.
        """
        with self._alone():
            parked, path = self.path / (cenv + _PARKED), self.path / (cenv + _SUFFIX)
            parked.stat()
            _delete(path, _COMPANIONS)
            _move(parked, path)
        sync(self.path)

    def exchange(self, cenv: str, copy: Path) -> None:
        """Put a finished file of the folder in the place of a damaged one, which stays beside it with what belongs to it."""
        with self._alone():
            path = self.path / (cenv + _SUFFIX)
            aside = f"{path}{_ASIDE}"
            sync(copy)
            _delete(Path(aside))
            os.link(path, aside)  # so that at no moment there is none
            _move(path, aside, _COMPANIONS)
            os.rename(copy, path)
        sync(self.path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """`with` what no two processes do at once: names go and come with those of their companions."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def parked(self) -> list[str]:
        """The names of all cenvs that something is laid aside of."""
        names = (name.removesuffix(_PARKED) for name in self._names() if name.endswith(_PARKED))
        return sorted(name for name in names if _UUID.fullmatch(name))

    def parked_path(self, cenv: str) -> Path | None:
        """Where it lies."""
        path = self.path / (cenv + _PARKED)
        return path if _UUID.fullmatch(cenv) and path.exists() else None

    def parked_at(self, cenv: str) -> float | None:
        """Since when, in Unix seconds."""
        path = self.parked_path(cenv)
        try:
            return None if path is None else path.stat().st_mtime
        except FileNotFoundError:  # somebody else has just brought it back, or let it go
            return None

    def drop_parked(self, cenv: str) -> None:
        """Remove it for good."""
        _delete(self.path / (cenv + _PARKED))

    def identity(self, cenv: str) -> tuple[int, int] | None:
        """What tells a file from another one of the same name; None where there is none."""
        facts = self._facts(cenv)
        return None if facts is None else (facts.st_dev, facts.st_ino)

    def signature(self, cenv: str) -> tuple[int, ...]:
        """What changes when somebody repairs or replaces a file."""
        facts = self._facts(cenv)
        return () if facts is None else (facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_size)

    def _facts(self, cenv: str) -> os.stat_result | None:
        if not _UUID.fullmatch(cenv):
            return None
        try:
            return os.stat(self._prefix + cenv + _SUFFIX)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):  # ELOOP: a link to itself
                return None
            raise

    def log_bytes(self, cenv: str) -> int:
        """The length of a cenv's WAL, 0 where there is none."""
        try:
            return os.stat(f"{self._prefix}{cenv}{_SUFFIX}{_LOG}").st_size
        except FileNotFoundError:
            return 0

    def cenvs(self) -> list[str]:
        """The names of all cenvs, sorted."""
        names = (name.removesuffix(_SUFFIX) for name in self._names() if name.endswith(_SUFFIX))
        return sorted(name for name in names if _UUID.fullmatch(name))

    def sweep(self) -> None:
        """Delete what a crash left: drafts, spooled files, companions of files that are gone. Only while nobody else uses the folder."""
        names = set(self._names())
        for name in names:
            owner = name
            for ending in _COMPANIONS:
                owner = owner.removesuffix(ending)
            is_orphan = name != owner and owner not in names and _UUID.fullmatch(owner.removesuffix(_SUFFIX).removesuffix(_PARKED))
            if is_orphan or _for_now(owner):
                (self.path / name).unlink()

    def sweep_old(self, before: float) -> None:
        """Delete what lives for one request and was last written before this time: a command that was killed beside a server left it."""
        for name in filter(_for_now, self._names()):
            with suppress(FileNotFoundError):
                if (self.path / name).stat().st_mtime < before:
                    _delete(self.path / name)

    def _names(self) -> Iterator[str]:
        with os.scandir(self.path) as entries:
            for entry in entries:
                yield entry.name

    def free_bytes(self) -> int:
        """Room on the disk, asked at most once a second."""
        checked, free = self._space
        if time.monotonic() - checked > _SPACE_SECONDS:
            disk = os.statvfs(self.path)
            free = disk.f_bavail * disk.f_frsize
            self._space = (time.monotonic(), free)
        return free


def _for_now(name: str) -> bool:
    """Whether it is the name of a draft or a spooled file."""
    return name.startswith(_SPOOL) or (name.endswith(_DRAFT) and _UUID.fullmatch(name.removesuffix(_DRAFT)) is not None)


def _delete(path: Path, endings: tuple[str, ...] = ("", *_COMPANIONS)) -> None:
    for ending in endings:
        with suppress(FileNotFoundError):
            os.unlink(f"{path}{ending}")


def _move(path: Path, target: Path | str, endings: tuple[str, ...] = (*_COMPANIONS, "")) -> None:
    """The file itself is the last to go, so that it is not missed before all of it is there."""
    for ending in endings:
        try:
            os.rename(f"{path}{ending}", f"{target}{ending}")
        except FileNotFoundError:
            if not ending:
                raise


def sync(path: Path) -> None:
    """Have the content of a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
