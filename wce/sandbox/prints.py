"""What a script prints and logs, kept for whoever administers the cenv, and never more than the budget."""

from __future__ import annotations

from typing import Any, Final

from wce.sandbox.messages import Print

_CUT: Final = "… more was printed than is kept"
_MOST_LINES: Final = 1_000


class Prints:
    """The lines of one call."""

    def __init__(self) -> None:
        self.lines: list[Print] = []
        self._left = 0
        self._full = False

    def begin(self, characters: int) -> None:
        """Forget the call before."""
        self.lines = []
        self._left = characters
        self._full = False

    def print(self, *values: Any, sep: str = " ") -> None:
        if not isinstance(sep, str):
            raise ValueError("sep must be a string")
        self._add("print", values, sep)

    def info(self, *values: Any) -> None:
        self._add("info", values)

    def warning(self, *values: Any) -> None:
        self._add("warning", values)

    def error(self, *values: Any) -> None:
        self._add("error", values)

    def _add(self, level: str, values: tuple[Any, ...], sep: str = " ") -> None:
        if self._full:
            return
        text = sep.join(value if isinstance(value, str) else repr(value) for value in values)
        self._full = len(text) > self._left or len(self.lines) >= _MOST_LINES
        self.lines.append(Print(level, text[: self._left] + (_CUT if self._full else ""), 0))
        self._left -= len(text)
