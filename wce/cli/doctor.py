"""What may be wrong with a server, found without starting it."""

from __future__ import annotations

import os
import platform
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wce.config import SettingError, Settings, name_of, unknown
from wce.core.settings import Config
from wce.core.vault import vault_path
from wce.guard import selftest
from wce.sandbox import seccomp
from wce.store.sqlite import VERSION, known_holes

_MIB: Final = 1024 * 1024
_SECCOMP: Final = Path("/proc/sys/kernel/seccomp/actions_avail")
_FEW_DESCRIPTORS: Final = 4096


@dataclass(frozen=True, slots=True)
class Finding:
    """`level` is ok, warning or error."""

    level: str
    what: str
    found: str


def examine(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Everything that can be told from outside."""
    failures = selftest.run()
    return [
        Finding("ok", "SQLite", VERSION),
        *(Finding("warning", "SQLite", hole) for hole in known_holes()),
        Finding("error" if failures else "ok", "guard", "; ".join(failures) or "the self-test passed"),
        *_settings(settings, environ),
        *_folder(settings.storage_dir),
        _backups(settings),
        _disk(settings),
        _descriptors(),
        _seccomp(),
    ]


def _settings(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    found = []
    if not environ.get("WCE_JWT_SECRET"):
        found.append(Finding("warning", "settings", "WCE_JWT_SECRET is not set: every restart ends all sessions"))
    if not settings.production:
        found.append(Finding("warning", "settings", "WCE_ENV is development; set it to production if others can reach the server"))
    if settings.production and not settings.base_url.startswith("https:"):
        found.append(Finding("warning", "settings", "WCE_BASE_URL is not https: cookies are not Secure"))
    if settings.hosts and settings.base_url and name_of(settings.base_url) not in map(name_of, settings.hosts):
        found.append(Finding("warning", "settings", "WCE_HOSTS lacks the host of WCE_BASE_URL: only right if a proxy changes Host"))
    for name, near in unknown(environ):
        found.append(Finding("warning", "settings", f"{name} is not a setting{f'; did you mean {near}?' if near else ''}"))
    try:
        Config(settings.cenv_overrides)
    except SettingError as error:
        found.append(Finding("error", "settings", str(error)))
    return found or [Finding("ok", "settings", "no problems")]


def _folder(path: Path) -> list[Finding]:
    if not path.is_dir():
        return [Finding("warning", "folder", f"{path} does not exist yet; the server makes it")]
    found = []
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        found.append(Finding("error", "folder", f"{path} has mode {mode:04o}: other users of this machine can look inside; chmod 700"))
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return [*found, Finding("error", "folder", f"{path} cannot be written by this user")]
    foreign = [entry.name for entry in os.scandir(path) if entry.stat(follow_symlinks=False).st_uid != os.geteuid()]
    if foreign:
        found.append(Finding("warning", "folder", f"{len(foreign)} files belong to another user, such as {foreign[0]}"))
    return found or [Finding("ok", "folder", f"{path}, mode {mode:04o}")]


def _backups(settings: Settings) -> Finding:
    if settings.backup_s3_url:
        return Finding("ok", "backups", settings.backup_s3_url)
    path = vault_path(settings)
    try:
        is_bad = path.exists() and not (path.is_dir() and os.access(path, os.R_OK | os.W_OK | os.X_OK))
    except PermissionError:  # of a folder above it
        is_bad = True
    if is_bad:
        return Finding("error", "backups", f"{path} is not a folder that this user can write to")
    return Finding("ok", "backups", str(path))


def _disk(settings: Settings) -> Finding:
    path = settings.storage_dir if settings.storage_dir.is_dir() else Path()
    free = shutil.disk_usage(path).free // _MIB
    level = "error" if free < settings.min_free_mb else "warning" if free < 4 * settings.min_free_mb else "ok"
    return Finding(level, "disk", f"{free} MiB free; below {settings.min_free_mb}, nothing is written")


def _descriptors() -> Finding:
    most = os.sysconf("SC_OPEN_MAX")
    return Finding("warning" if most < _FEW_DESCRIPTORS else "ok", "descriptors", f"{most} for each process")


def _seccomp() -> Finding:
    if platform.machine() not in seccomp.MACHINES or not _SECCOMP.exists():
        return Finding("warning", "sandbox", "this machine has no seccomp to confine scripts; see docs/operating.md#health")
    return Finding("ok", "sandbox", "seccomp")
