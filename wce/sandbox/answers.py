"""What scripts have answered, kept while the same question must get the same answer, so that they need not run for it.

A script is a function of those fields of its request that it names, of the rows that it reads and of the rights that it reads them
with. What asks for the time, for chance or for a template is told by the worker; what SQL rests on, by the authorizer. An answer is
right as long as the counters that each request reads stand where they stood.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from wce.cache import Cache
from wce.model import State
from wce.sandbox.messages import Reply
from wce.sandbox.principal import Parties
from wce.sandbox.trail import Trail

# Where an answer came from: it was kept, was made and is kept now, or was made for this one question.
HIT: Final = "hit"
MISS: Final = "miss"
PRIVATE: Final = "private"
_BYTES: Final = 32 * 1024 * 1024  # over all cenvs of this process
_MOST: Final = 256 * 1024  # a larger answer is not kept
_ENTRY_BYTES: Final = 1_000
_TEXT_BYTES: Final = 200  # of a text and what holds it
_LETTER_BYTES: Final = 4  # of the widest
_RESTLESS: Final = 4_096  # scripts that are known to answer anew each time
_ALWAYS_NEW: Final = "id"  # no two requests have the same


class Question(NamedTuple):
    """Questions that are equal get the same answer, if it is one that can be kept. `asked` is the request as text."""

    cenv: str
    endpoint_id: int
    key: str
    parties: Parties
    caller: tuple[str, str]
    asked: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer and the counters that it holds for; `commits` is None where it rests on no row."""

    reply: Reply
    grants: int
    settings: int
    commits: int | None
    size: int


class Answers:
    """Those of all cenvs that one process holds; whatever was not asked for longest goes first."""

    def __init__(self, size_bytes: int = _BYTES) -> None:
        self._kept: Cache[Question, _Kept] = Cache(size_bytes, cost=lambda kept: kept.size)
        self._restless: Cache[tuple[str, str], bool] = Cache(_RESTLESS)

    def may_keep(self, cenv: str, key: str, fields: frozenset[str] | None) -> bool:
        """Whether a script that looks at these fields may answer twice the same."""
        return fields is not None and _ALWAYS_NEW not in fields and not self._restless.get((cenv, key))

    def find(self, question: Question, state: State) -> Reply | None:
        """The answer that still holds at these counters."""
        kept = self._kept.get(question)
        if kept is None or kept.grants != state.grants or kept.settings != state.settings or kept.commits not in (None, state.commits):
            return None
        return kept.reply

    def keep(self, question: Question, state: State, reply: Reply, trail: Trail) -> Reply | None:
        """Keep an answer that was just given to a question of this state, where that is right; returns it as it is kept."""
        if trail.fleeting or reply.fleeting:
            self._restless.put((question.cenv, question.key), True)
            return None
        size = _size(question, reply)
        if size > _MOST:
            return None
        commits = None if trail.commit < 0 else trail.commit
        reply = replace(reply, tag=hashlib.sha256(repr((reply.status, reply.headers)).encode() + reply.body).hexdigest()[:32])
        self._kept.put(question, _Kept(reply, state.grants, state.settings, commits, size))
        return reply


def _size(question: Question, reply: Reply) -> int:
    """What an entry takes in memory, or more: a script chooses how many headers and prints it has, and of which letters."""
    texts = [question.asked, *(item.text for item in reply.prints), *(text for header in reply.headers for text in header)]
    return len(reply.body) + len(question.body) + sum(_TEXT_BYTES + _LETTER_BYTES * len(text) for text in texts) + _ENTRY_BYTES
