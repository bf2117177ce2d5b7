"""Which cursors of a connection somebody still holds: each may keep the connection at the moment that it reads from."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from wce.store.sqlite import Cursor


class Cursors:
    """True while there are any. One that was read to its end and is still held counts, too: nothing tells it from the others."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: WeakSet[Cursor] = WeakSet()

    def note(self, cursor: Cursor) -> Cursor:
        """Remember one that has rows."""
        self._held.add(cursor)
        return cursor

    def __bool__(self) -> bool:
        return bool(self._held)
