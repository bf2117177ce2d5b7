"""`Counters` as a storage of the `limits` library (scheme `wce`), by which they serve flask-limiter."""

from __future__ import annotations

from typing import Any

from limits.storage import Storage

from wce.counters import Counters


class CounterStorage(Storage):
    """`Counters` behind the storage interface of the `limits` library; hand the table over as the option `counters`."""

    STORAGE_SCHEME = ["wce"]  # noqa: RUF012 — the library reads it as a plain list

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions)
        self._counters: Counters = options["counters"]

    @property
    def base_exceptions(self) -> type[Exception]:
        return OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self._counters.hit([(key, expiry)], amount)[0][0]

    def get(self, key: str) -> int:
        return self._counters.read(key)[0]

    def get_expiry(self, key: str) -> float:
        return self._counters.read(key)[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        self._counters.reset()
        return None

    def clear(self, key: str) -> None:
        self._counters.forget(key)
