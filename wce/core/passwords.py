"""Passwords: what a good one looks like, and bcrypt at a pace that leaves a core to everything else."""

from __future__ import annotations

import os
import re
import unicodedata
from contextlib import AbstractContextManager
from typing import Final

from passlib.hash import bcrypt

from wce import lane
from wce.core.gate import Gate
from wce.errors import WceError, invalid
from wce.metrics import Metrics

MIN_BYTES: Final = 8
MAX_BYTES: Final = 72  # bcrypt reads no further
# Of what becomes shorter in NFC, four characters at the most become one. To normalize takes the square of the length, in one step.
_MAX_CHARACTERS: Final = 4 * MAX_BYTES
# A file from elsewhere may hold a cost of 31, which takes days to check.
MAX_ROUNDS: Final = 14
_SHAPE: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_WAIT_SECONDS: Final = 10.0


def check(password: str, field: str = "password") -> str:
    """The password in NFC, fit to be hashed; raises `validation`."""
    if "\0" in password:
        raise invalid(field, "must not contain NUL")
    normal = unicodedata.normalize("NFC", password[: _MAX_CHARACTERS + 1])
    try:
        size = len(normal.encode())
    except UnicodeEncodeError as error:
        raise invalid(field, "must be valid Unicode") from error
    if len(password) > _MAX_CHARACTERS or not MIN_BYTES <= size <= MAX_BYTES:
        raise invalid(field, f"must have {MIN_BYTES} to {MAX_BYTES} bytes")
    return normal


class Passwords:
    """bcrypt behind a gate: at most `workers` at once, at most `queue` in line, then `busy`."""

    def __init__(self, metrics: Metrics, *, workers: int | None = None, rounds: int = 12, queue: int = 16) -> None:
        self._workers = workers or max(1, (os.cpu_count() or 2) - 1)
        self._gate = Gate(queue, metrics.bcrypt_waiting.inc)
        self._bcrypt = bcrypt.using(rounds=rounds)
        self._bcrypt.get_backend()  # loads the library now: two threads that load it at once get in each other's way
        self._rounds = rounds

    def hash(self, password: str, field: str = "password") -> str:
        """The hash to store; `field` is the one that `validation` names."""
        normal = check(password, field)
        with self._place():
            return str(self._bcrypt.hash(normal))

    def verify(self, password: str, stored: str | None) -> bool:
        """Whether the password is the stored one; takes the same time when nothing is stored or the password cannot be one.

        A hash of fewer rounds, as a file from elsewhere may hold, would tell that there is one: the rest is made up for.
        """
        cost = rounds_of(stored)
        known = cost is not None and cost <= MAX_ROUNDS
        try:
            normal = check(password)
        except WceError:
            normal, known = "not a password", False
        with self._place():
            matches = self._bcrypt.verify(normal, stored if known else _dummy(self._rounds))
            # Each round doubles the work: those of `cost`, … `rounds` - 1 together are what one of `rounds` has more than one of `cost`.
            for rounds in range(cost if cost is not None and known else self._rounds, self._rounds):
                self._bcrypt.verify(normal, _dummy(rounds))
        return bool(matches) and known

    def _place(self) -> AbstractContextManager[None]:
        lane.waiting()
        return self._gate.enter("bcrypt", self._workers, _WAIT_SECONDS)


def rounds_of(stored: str | None) -> int | None:
    """What checking a password against a stored hash costs, each round twice the one before; None for what is no hash."""
    shape = _SHAPE.fullmatch(stored or "")
    return None if shape is None else int(shape[1])


def _dummy(rounds: int) -> str:
    """No password has this hash, and checking one costs as much as any of so many rounds."""
    return f"$2b${rounds:02d}${'.' * 53}"
