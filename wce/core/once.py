"""Writes that a client may send again and that happen once: the first answer is kept with the write, in its transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from wce.core import upkeep
from wce.errors import WceError
from wce.model import Result
from wce.store.transaction import Transaction

MAX_ANSWER: Final = 1024 * 1024  # characters of a first answer that is kept for a repeat


@dataclass(frozen=True, slots=True)
class Once:
    """A write that the client may send again and that must happen once.

    `encode` makes status and body of the answer, which is kept with the write and given again for the same `request_hash`.
    """

    key: str
    request_hash: str
    encode: Callable[[Sequence[Result]], tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Kept:
    """The first answer, as it was sent; `truncated` says whether a result was cut, `repeated` tells a repeat from the first."""

    status: int
    body: str
    truncated: bool
    repeated: bool


class Repeated(Exception):  # noqa: N818 - ends a transaction that has nothing to do, and nothing failed
    def __init__(self, kept: Kept) -> None:
        super().__init__()
        self.kept = kept


def look_up(transaction: Transaction, once: Once) -> None:
    """Raise Repeated with the first answer where there is one; `idempotency_mismatch` where it answered something else."""
    upkeep.prune_answers(transaction)
    sql = "SELECT request_hash, status, body, truncated FROM _wce_idempotency WHERE user_id = ? AND key = ?"
    row = transaction.execute(sql, (transaction.actor.user_id, once.key)).fetchone()
    if row is None:
        return
    if row[0] != once.request_hash:
        raise WceError("idempotency_mismatch")
    raise Repeated(Kept(row[1], row[2], bool(row[3]), repeated=True))


def keep(transaction: Transaction, once: Once, results: Sequence[Result]) -> Kept:
    """Keep the first answer; `too_large` where it is longer than may be kept."""
    status, body = once.encode(results)
    if len(body) > MAX_ANSWER:
        raise WceError("too_large", f"An answer with an idempotency key may have at most {MAX_ANSWER} characters.")
    truncated = any(result.truncated for result in results)
    transaction.execute(
        "INSERT INTO _wce_idempotency (user_id, key, request_hash, status, body, truncated, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (transaction.actor.user_id, once.key, once.request_hash, status, body, truncated, transaction.at),
    )
    return Kept(status, body, truncated, repeated=False)
