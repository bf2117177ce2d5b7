"""Server settings, read once from an environment mapping; the environment is read nowhere else."""

from __future__ import annotations

import difflib
import functools
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from wce.peers import Peer, peers

_TRUE: Final = {"1", "true", "yes", "on"}
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RATE: Final = re.compile(rf"([1-9][0-9]{{0,6}}) per ({'|'.join(_SECONDS)})")
_FALSE: Final = {"0", "false", "no", "off"}
_NAME: Final = r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?|\[[0-9A-Fa-f:.]{2,45}\]"
_LABEL: Final = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_PORT: Final = r"(?::[0-9]{1,5})?"
_NEAR: Final = 0.8  # how alike two names have to be for one to be meant


class SettingError(ValueError):
    """A setting whose value breaks its rule; the message names the variable and the rule."""


@contextmanager
def usable(variable: str) -> Iterator[None]:
    """`with` what the machine says against a path raised as SettingError that names it and its setting."""
    try:
        yield
    except OSError as error:
        raise SettingError(f"{variable} {error.filename}: {error.strerror}") from error


def boolean(text: str) -> bool:
    """true or false"""
    folded = text.strip().lower()
    if folded not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return folded in _TRUE


def integer(low: int, high: int) -> Callable[[str], int]:
    """A caster for a whole number from `low` to `high`."""

    def cast(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text.strip()):
            raise ValueError("must be a whole number")
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"must be from {low} to {high}")
        return value

    return cast


def choice(*allowed: str) -> Callable[[str], str]:
    """A caster for one of a few words."""

    def cast(text: str) -> str:
        if text not in allowed:
            raise ValueError("must be one of " + ", ".join(allowed))
        return text

    return cast


def redis_address(text: str) -> str:
    """the address of a Redis"""
    if not re.match(r"(redis|rediss|unix)://\S+$", text):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    if not text.startswith("unix:") and not (_port_is_one(text) and re.fullmatch(r"/?|/[0-9]{1,4}", urlsplit(text).path)):
        raise ValueError("must look like redis://redis.example.org:6379/0")
    return text


def web_address(text: str) -> str:
    """where people find the server; our pages name each other from the root, so that it has no path"""
    if not re.fullmatch(rf"(?:http|https)://(?:{_NAME}){_PORT}/?", text) or not _port_is_one(text):
        raise ValueError("must look like https://wce.example.org, without a path")
    return text


def bucket_address(text: str) -> str:
    """a bucket of an S3-compatible store"""
    if not re.fullmatch(rf"(?:http|https)://(?:{_NAME}){_PORT}/+[^/?#\s][^?#\s]*", text) or not _port_is_one(text):
        raise ValueError("must look like https://s3.example.org/bucket/prefix")
    host = name_of(text)
    if ":" not in host and (len(host) > 255 or not all(re.fullmatch(_LABEL, label) for label in host.split("."))):
        raise ValueError("must have a host of letters, digits and hyphens, without an underscore")
    return text


def region(text: str) -> str:
    """as S3 has them, such as eu-central-1"""
    if not re.fullmatch(_LABEL, text):
        raise ValueError("must be letters, digits and hyphens, such as eu-central-1")
    return text


def _port_is_one(text: str) -> bool:
    try:
        return urlsplit(text).port != 0
    except ValueError:
        return False


def host_name(text: str) -> str:
    """one host, with its port where that is needed"""
    if not re.fullmatch(rf"(?:{_NAME}){_PORT}", text) or not _port_is_one(f"//{text}"):
        raise ValueError("must be a host name such as pages.example.org")
    return text


def host_names(text: str) -> tuple[str, ...]:
    """hosts separated by commas; they are compared without their port"""
    names = [re.fullmatch(rf"({_NAME}){_PORT}", word.strip()) for word in text.split(",") if word.strip()]
    if None in names:
        raise ValueError("must be host names such as wce.example.org, separated by commas")
    return tuple(found[1] for found in names if found is not None)


def token(text: str) -> str:
    """what fits into a header"""
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("must be printable ASCII without blanks")
    return text


def rate(text: str) -> str:
    """so many per second, minute, hour or day"""
    if not _RATE.fullmatch(text):
        raise ValueError('must look like "100 per minute" (second, minute, hour or day)')
    return text


@functools.cache
def window(text: str) -> tuple[int, int]:
    """A rate as (most hits, length of the window in seconds)."""
    hits, unit = text.split(" per ")
    return int(hits), _SECONDS[unit]


def secret(text: str) -> str:
    """A signing key; HS256 wants at least as many bytes as its hash (RFC 7518, 3.2)."""
    if len(text.encode()) < 32:
        raise ValueError("must have at least 32 bytes")
    return text


def _setting(name: str, cast: Callable[[str], Any], default: Any, description: str) -> Any:
    meta = {"name": name, "cast": cast, "description": description}
    if callable(default):
        return field(default_factory=default, metadata=meta)
    return field(default=default, metadata=meta)


def _random_key() -> str:
    return secrets.token_hex(32)


def _random_instance() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Settings:
    """How this server runs. Every field is one environment variable; `describe` lists them for people."""

    host: str = _setting("WCE_HOST", str, "127.0.0.1", "Address to listen on.")
    port: int = _setting("WCE_PORT", integer(0, 65535), 5309, "Port to listen on; 0 takes a free one.")
    storage_dir: Path = _setting("WCE_STORAGE_DIR", Path, Path("cenvs"), "Folder that holds one file per cenv.")
    env: str = _setting("WCE_ENV", choice("development", "production"), "development", "production refuses unsafe defaults.")
    jwt_secret: str = _setting("WCE_JWT_SECRET", secret, "", "Key that signs tokens, 32 bytes or more; required in production.")
    allow_new_cenvs: bool = _setting("ALLOW_NEW_CENVS", boolean, True, "Whether anyone may create a cenv.")
    base_url: str = _setting("WCE_BASE_URL", web_address, "", "Public address for absolute links, such as https://wce.example.org.")
    hosts: tuple[str, ...] = _setting("WCE_HOSTS", host_names, (), "Host names that the server answers for; others get 421. Empty: all.")
    content_host: str = _setting("WCE_CONTENT_HOST", host_name, "", "Second host name that serves what tenants wrote.")
    server: str = _setting("WCE_SERVER", choice("waitress", "granian"), "waitress", "The web server.")
    processes: int = _setting("WCE_PROCESSES", integer(1, 64), 1, "Worker processes (granian only).")
    threads: int = _setting("WCE_THREADS", integer(1, 256), 8, "Threads that serve requests, per process.")
    sandbox_workers: int = _setting("WCE_SANDBOX_WORKERS", integer(1, 64), 2, "Processes that run scripts and templates.")
    max_open_cenvs: int = _setting("WCE_MAX_OPEN_CENVS", integer(16, 100_000), 512, "Connections kept open per process, over all cenvs.")
    durability: str = _setting("WCE_DURABILITY", choice("normal", "full"), "normal", "full answers only after the disk has the commit.")
    redis_url: str = _setting("WCE_REDIS_URL", redis_address, "", "Redis for rate limits shared by several machines.")
    trusted_proxies: tuple[Peer, ...] = _setting("WCE_TRUSTED_PROXY", peers, (), "Proxies whose X-Forwarded-* headers count.")
    log_level: str = _setting("WCE_LOG_LEVEL", choice("debug", "info", "warning", "error"), "info", "Lowest level that is logged.")
    log_file: str = _setting("WCE_LOG_FILE", str, "", "File for the log; empty: standard error.")
    metrics_token: str = _setting("WCE_METRICS_TOKEN", token, "", "Bearer token that /metrics requires; empty: loopback only.")
    rate_limit_new: str = _setting("WCE_RATE_LIMIT_NEW", rate, "20 per hour", "New cenvs per address.")
    rate_limit_login: str = _setting(
        "WCE_RATE_LIMIT_LOGIN", rate, "10 per minute", "Logins per address, and as many of each other action that asks for a password."
    )
    min_free_mb: int = _setting("WCE_MIN_FREE_MB", integer(0, 1_000_000), 64, "Free disk space below which writes are refused, in MiB.")
    temp_dir: Path | None = _setting("WCE_TEMP_DIR", Path, None, "Folder for the parts of large queries that do not fit into memory.")
    max_import_mb: int = _setting("WCE_MAX_IMPORT_MB", integer(1, 100_000), 100, "Largest file that may be imported, in MiB.")
    backup_dir: str = _setting("WCE_BACKUP_DIR", str, "", "Folder for backups; empty: backups inside WCE_STORAGE_DIR.")
    backup_s3_url: str = _setting("WCE_BACKUP_S3_URL", bucket_address, "", "Bucket for backups, instead of the folder.")
    backup_s3_key: str = _setting("WCE_BACKUP_S3_KEY", str, "", "Its access key.")
    backup_s3_secret: str = _setting("WCE_BACKUP_S3_SECRET", str, "", "Its secret.")
    backup_s3_region: str = _setting("WCE_BACKUP_S3_REGION", region, "us-east-1", "Its region.")
    delete_grace_days: int = _setting("WCE_DELETE_GRACE_DAYS", integer(0, 3650), 30, "Days in which a deleted cenv can be brought back.")
    instance: str = _setting("WCE_INSTANCE", str, _random_instance, "Set by the server for its own worker processes.")
    metrics_dir: str = field(default="", metadata={})  # where several processes count together; made by the server
    cenv_overrides: Mapping[str, str] = field(default_factory=dict, metadata={})

    @property
    def production(self) -> bool:
        return self.env == "production"


CENV_PREFIX: Final = "WCE_CENV_"


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read and check all settings; raises SettingError with every broken one."""
    values: dict[str, Any] = {}
    broken: list[str] = []
    for item in fields(Settings):
        text = environ.get(item.metadata.get("name", ""), "")
        if not text:
            continue
        try:
            values[item.name] = item.metadata["cast"](text)
        except ValueError as error:
            broken.append(f"{item.metadata['name']} {error}")
    broken += _contradictions(values)
    if broken:
        raise SettingError("; ".join(broken))
    values.setdefault("jwt_secret", _random_key())
    values["cenv_overrides"] = {
        name.removeprefix(CENV_PREFIX).lower(): text for name, text in environ.items() if name.startswith(CENV_PREFIX) and text
    }
    return Settings(**values)


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    """What does not go together; `values` holds those that were given and are right by themselves."""
    found = []
    if values.get("env") == "production" and "jwt_secret" not in values:
        found.append("WCE_JWT_SECRET must be set when WCE_ENV is production")
    if values.get("processes", 1) > 1 and values.get("server", "waitress") != "granian":
        found.append("WCE_PROCESSES above 1 needs WCE_SERVER=granian: waitress serves with threads of one process")
    given = [name for name in ("backup_s3_url", "backup_s3_key", "backup_s3_secret") if name in values]
    if 0 < len(given) < 3:
        found.append("WCE_BACKUP_S3_URL, WCE_BACKUP_S3_KEY and WCE_BACKUP_S3_SECRET must be set together")
    if given and "backup_dir" in values:
        found.append("WCE_BACKUP_DIR and WCE_BACKUP_S3_URL exclude each other: backups go to one of them")
    main, content = (name_of(values.get(name, "")) for name in ("base_url", "content_host"))
    if main and main == content:
        found.append("WCE_CONTENT_HOST must be a different host from that of WCE_BASE_URL")
    return found


def name_of(address: str) -> str:
    """The host of an address or of a host with its port, to be compared."""
    return (urlsplit(address if "//" in address else f"//{address}").hostname or "").rstrip(".")


def unknown(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Variables that look like settings and are none, each with the one that is meant, if there is one like it."""
    known = [item.metadata["name"] for item in fields(Settings) if item.metadata]
    found = []
    for name in sorted(environ):
        if name.startswith(("WCE_", "ALLOW_NEW")) and not name.startswith(CENV_PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1, _NEAR)
            found.append((name, near[0] if near else ""))
    return found


def describe() -> list[tuple[str, str, str]]:
    """Variable, default and description of every setting, for the docs and `wce config`."""
    rows = []
    for item in fields(Settings):
        if not item.metadata:
            continue
        default = ",".join(item.default) if isinstance(item.default, tuple) else item.default
        text = "random" if callable(item.default_factory) else "" if default is None else str(default)
        rows.append((item.metadata["name"], text, item.metadata["description"]))
    return rows
