"""The pages that one process holds beside the files, so that a hit reads no more than a mark; and which of them are asked for often."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from wce.core.pages import Mark, Page
from wce.store.sqlite import fold

_BYTES: Final = 64 * 1024 * 1024  # over all cenvs
_ENTRY_BYTES: Final = 1_000
_HOT_HITS: Final = 2  # from which a page is made anew before somebody asks
_MOST_HOT: Final = 32  # of one cenv
_NOTHING: Final = frozenset[str]()


class _Held:
    """One page; `hits` are those since it was made."""

    __slots__ = ("hits", "mark", "page", "tables")

    def __init__(self, page: Page, tables: frozenset[str]) -> None:
        self.page = page
        self.mark = page.mark
        self.tables = tables
        self.hits = 0


class Memory:
    """One page for each path of a cenv; the first that was put here goes first."""

    def __init__(self, size_bytes: int = _BYTES) -> None:
        self._most = size_bytes
        self._size = 0
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, str], _Held] = OrderedDict()
        self._hot: dict[str, dict[str, frozenset[str]]] = {}  # cenv → path → tables

    def get(self, cenv: str, path: str, mark: Mark) -> Page | None:
        """The page that has this mark, which somebody is about to be sent."""
        held = self._held.get((cenv, path))
        if held is None or held.mark != mark:
            return None
        held.hits += 1
        if held.hits == _HOT_HITS and held.tables:
            with self._lock:
                hot = self._hot.setdefault(cenv, {})
                if len(hot) < _MOST_HOT:
                    hot[path] = held.tables
        return held.page

    def settled(self, cenv: str, path: str) -> bool:
        """Whether it changes nothing more here when the page at a path is sent once more."""
        held = self._held.get((cenv, path))
        return held is not None and held.hits >= _HOT_HITS

    def put(self, cenv: str, path: str, page: Page, tables: frozenset[str] = _NOTHING) -> Page:
        """Hold a page in the place of the one before; `tables` it was made from, where that is known."""
        with self._lock:
            before = self._held.pop((cenv, path), None)
            self._size += _cost(page) - (0 if before is None else _cost(before.page))
            self._held[cenv, path] = _Held(page, tables)
            while self._size > self._most:
                self._size -= _cost(self._held.popitem(last=False)[1].page)
        return page

    def cooled(self, cenv: str, written: Mapping[str, object]) -> list[str]:
        """The paths of pages that were asked for often and are made from one of the tables; they count as cold from now on."""
        if cenv not in self._hot:  # so for nearly every commit
            return []
        names = {fold(name) for name in written}
        with self._lock:
            hot = self._hot.get(cenv, {})
            found = [path for path, tables in hot.items() if not names.isdisjoint(tables)]
            for path in found:
                del hot[path]
            if not hot:
                self._hot.pop(cenv, None)
        return found

    def __len__(self) -> int:
        return len(self._held)


def _cost(page: Page) -> int:
    return page.size + _ENTRY_BYTES
