"""The statements that run at this moment in this process, so that whoever sent one can stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Stop = Callable[[], None]


class Running:
    """By cenv, user and the name that the client gave; a name that is taken already is not registered again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: dict[tuple[str, int, str], Stop] = {}

    @contextmanager
    def enter(self, cenv: str, user_id: int, name: str | None, stop: Stop) -> Iterator[None]:
        """While the block runs, `cancel` with the same three calls `stop`; without a name nothing can."""
        key = (cenv, user_id, name or "")
        with self._lock:
            ours = name is not None and key not in self._stops
            if ours:
                self._stops[key] = stop
        try:
            yield
        finally:
            if ours:
                with self._lock:
                    del self._stops[key]

    def cancel(self, cenv: str, user_id: int, name: str) -> bool:
        """Stop a statement; whether there was one."""
        with self._lock:
            stop = self._stops.get((cenv, user_id, name))
            if stop is not None:
                stop()  # under the lock: the block has not ended, so that nothing else of its connection is hit
        return stop is not None
