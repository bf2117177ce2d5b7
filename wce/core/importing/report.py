"""What became of a file: what was taken over, what was left out, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

_MOST: Final = 200  # of each list; a file may be wrong in a million places


@dataclass(slots=True)
class Report:
    """`tables` and `system` count rows. Grows while a file is read, and is handed on when that is done."""

    kind: str = "data"  # or cenv
    owner: str = ""
    bytes: int = 0
    sha256: str = ""
    tables: dict[str, int] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    system: dict[str, int] = field(default_factory=dict)
    dropped: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    more_dropped: int = 0

    def drop(self, kind: str, name: object, reason: str) -> None:
        """Something stays behind."""
        if len(self.dropped) < _MOST:
            self.dropped.append({"type": kind, "name": printable(name), "reason": reason})
        else:
            self.more_dropped += 1

    def note(self, text: str) -> None:
        """Something was changed on the way."""
        if len(self.notes) < _MOST:
            self.notes.append(text)

    def count(self, kind: str) -> None:
        """One more view, index, trigger or virtual table."""
        self.objects[kind] = self.objects.get(kind, 0) + 1

    def value(self) -> dict[str, Any]:
        """As the API tells it."""
        return {name: getattr(self, name) for name in self.__slots__}

    def brief(self) -> dict[str, Any]:
        """As the audit log keeps it."""
        return {
            "kind": self.kind,
            "sha256": self.sha256,
            "bytes": self.bytes,
            "tables": len(self.tables),
            "rows": sum(self.tables.values()),
            "dropped": len(self.dropped) + self.more_dropped,
        }


def printable(name: object) -> str:
    """A name that may stand in an answer, whatever a file put into it."""
    return "".join(char if char.isprintable() else "\ufffd" for char in str(name)[:200])
