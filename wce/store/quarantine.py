"""Damaged files, which are not opened again until somebody has changed them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wce.errors import WceError

_MOST: Final = 10_000
Signature = tuple[int, ...]


class Quarantine:
    """Remembers damaged files by what tells one state of a file from another one."""

    def __init__(self, signature: Callable[[str], Signature]) -> None:
        self._signature = signature
        self._damaged: dict[str, Signature] = {}

    def add(self, cenv: str) -> None:
        """Refuse the file as it is now."""
        if len(self._damaged) >= _MOST:
            self._damaged.clear()
        self._damaged[cenv] = self._signature(cenv)

    def forget(self, cenv: str) -> None:
        """Refuse it no more."""
        self._damaged.pop(cenv, None)

    def check(self, cenv: str) -> None:
        """Raise `cenv_damaged` for a file that is still as it was when it was found damaged."""
        known = self._damaged.get(cenv)
        if known is None:
            return
        if known == self._signature(cenv):
            raise WceError("cenv_damaged", evidence="quarantined")
        self.forget(cenv)
