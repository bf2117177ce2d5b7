"""A bounded map that forgets what was used longest ago; safe to share between threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Least recently used out first. Values must be immutable: several threads get the same one.

    `size` is the most that all values may cost together; each costs one where nothing else is said.
    """

    def __init__(self, size: int, cost: Callable[[V], int] = lambda _: 1) -> None:
        self._size = size
        self._cost = cost
        self._spent = 0
        self._items: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            try:
                self._items.move_to_end(key)
                return self._items[key]
            except KeyError:
                return None

    def put(self, key: K, value: V) -> V:
        with self._lock:
            before = self._items.get(key)
            if before is not None:
                self._spent -= self._cost(before)
            self._items[key] = value
            self._items.move_to_end(key)
            self._spent += self._cost(value)
            while self._spent > self._size:
                self._spent -= self._cost(self._items.popitem(last=False)[1])
        return value

    def get_or(self, key: K, make: Callable[[], V]) -> V:
        """The cached value, else `make()`; two threads that miss at once both make it, the last one stays."""
        found = self.get(key)
        return self.put(key, make()) if found is None else found

    def clear(self) -> None:
        with self._lock:
            self._items.clear()
            self._spent = 0

    def __len__(self) -> int:
        return len(self._items)
