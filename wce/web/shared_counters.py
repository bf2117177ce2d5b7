"""Counters of fixed windows in Redis, for several machines that count together; without Redis each counts for itself.

Every window is a key that Redis removes when it ends. When Redis is lost nobody is refused or let through for it: the local table
counts on, and Redis is asked again a few seconds later.
"""

from __future__ import annotations

import hashlib
import importlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from wce.counters import Counters
from wce.log import LOGGER

PREFIX: Final = "wce:limits:"
AGAIN_SECONDS: Final = 5.0
_TIMEOUT_SECONDS: Final = 0.25  # a request waits no longer for a Redis that does not answer
# One step for all windows of a request, up to the first that is over its limit. One that somebody made longer than it may be is cut.
_COUNT: Final = """
local told = {}
for i, key in ipairs(KEYS) do
    local hits = redis.call('INCRBY', key, ARGV[1])
    local left, window = redis.call('PTTL', key), tonumber(ARGV[i + 1])
    if left < 0 or left > window then
        redis.call('PEXPIRE', key, window)
        left = window
    end
    told[2 * i - 1], told[2 * i] = hits, left
    local limit = ARGV[#KEYS + 1 + i]
    if limit and hits > tonumber(limit) then break end
end
return told
"""


class SharedCounters(Counters):
    """As `Counters`, in the Redis at `url`. `secret` keeps outsiders from computing keys; machines that count together share it."""

    waits = True

    def __init__(self, url: str, secret: str, path: Path | None = None, now: Callable[[], float] = time.time) -> None:
        super().__init__(path, now=now)
        self.machine = Counters(path, now=now)
        self._salt = hashlib.blake2b(secret.encode(), digest_size=16, person=b"wce limits").digest()
        # Loaded only where it is asked for: it takes a quarter of a second and 20 MiB.
        redis = importlib.import_module("redis")
        self._failure: type[Exception] = redis.RedisError
        once = importlib.import_module("redis.retry").Retry(importlib.import_module("redis.backoff").NoBackoff(), 0)
        self._redis: Any = redis.Redis.from_url(url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS, retry=once)
        self._script = self._redis.register_script(_COUNT)
        self._ask_again_at = 0.0  # of time.monotonic
        self._lost = False

    def count(
        self, hashed: Sequence[tuple[int, int]], places: list[int], amount: int = 1, limits: Sequence[int] = ()
    ) -> list[tuple[int, float]]:
        numbers = [amount, *(seconds * 1000 for _, seconds in hashed), *limits]
        told = self._ask(lambda: self._script(keys=[_name(key) for key, _ in hashed], args=numbers))
        if told is None:
            return super().count(hashed, places, amount, limits)
        now = self.now()
        return [(int(hits), now + left / 1000) for hits, left in zip(told[::2], told[1::2], strict=True)]

    def read(self, key: str) -> tuple[int, float]:
        told = self._ask(partial(self._look_up, _name(self._hash(key))))
        if told is None:
            return super().read(key)
        hits, left = told
        return (int(hits), self.now() + left / 1000) if hits is not None and left > 0 else (0, self.now())

    def forget(self, key: str) -> None:
        self._ask(lambda: self._redis.delete(_name(self._hash(key))))
        super().forget(key)

    def close(self) -> None:
        self._redis.close()
        self.machine.close()
        super().close()

    def _look_up(self, name: str) -> Any:
        pipeline = self._redis.pipeline()
        pipeline.get(name)
        pipeline.pttl(name)
        return pipeline.execute()

    def _ask(self, question: Callable[[], Any]) -> Any:
        """Redis's answer, None while it cannot be asked."""
        if time.monotonic() < self._ask_again_at:
            return None
        try:
            answer = question()
        except self._failure as error:
            self._ask_again_at = time.monotonic() + AGAIN_SECONDS
            if not self._lost:
                self._lost = True
                LOGGER.warning("redis lost", extra={"reason": type(error).__name__})
            return None
        if self._lost:
            self._lost = False
            LOGGER.warning("redis found again")
        return answer


def _name(key: int) -> str:
    return f"{PREFIX}{key:016x}"
