"""The data and the statements that every contender gets, so that the work is equal."""

from __future__ import annotations

import random
from typing import Final

OWNERS: Final = 20
ROWS: Final = 100_000
OWN_ROWS: Final = ROWS // OWNERS
MINE: Final = 7  # the owner whose rows the measured user has; every contender's user is told apart by this number

CREATE: Final = (
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL, n INTEGER NOT NULL)",
    "CREATE INDEX notes_owner ON notes (owner_id)",
)
READ: Final = "SELECT id, owner_id, title, body, n FROM notes WHERE id = ?"
LIST: Final = "SELECT id, owner_id, title, body, n FROM notes WHERE owner_id = ? ORDER BY id LIMIT 100"
INSERT: Final = "INSERT INTO notes (owner_id, title, body, n) VALUES (?, ?, ?, ?)"
UPDATE: Final = "UPDATE notes SET n = n + 1 WHERE id = ?"
AGGREGATE: Final = "SELECT count(*) AS rows, sum(n) AS total FROM notes WHERE n >= ?"


def rows(owner_ids: list[int | str]) -> list[tuple[int, int | str, str, str, int]]:
    """(id, owner, title, body, n) of every note; owner k has the ids k, k + OWNERS, k + 2·OWNERS …"""
    rng = random.Random(5309)
    body = "The quick brown fox jumps over the lazy dog. " * 3
    return [(i, owner_ids[i % OWNERS], f"Note {i}", body, rng.randrange(1000)) for i in range(1, ROWS + 1)]


def own_ids(count: int = 2000) -> list[int]:
    """Ids of rows that the measured user may see, in random order."""
    rng = random.Random(42)
    return [MINE + OWNERS * rng.randrange(1, OWN_ROWS - 1) for _ in range(count)]


def popular_ids(count: int = 2000) -> list[int]:
    """The same where the k-th row is asked for 1/k times as often as the first (Zipf), as what people look at is."""
    ids = list(dict.fromkeys(own_ids(count)))
    return random.Random(43).choices(ids, weights=[1 / (k + 1) for k in range(len(ids))], k=count)
