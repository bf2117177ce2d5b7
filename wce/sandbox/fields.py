"""Which fields of its request a script can look at, so that no others are put together, sent and unpacked for it.

Read from the text as it stands, for the server reads it, and no text may hold that up. Where it is not plain to see, all are needed.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from wce.cache import Cache
from wce.sandbox.api import REQUEST

_COMMENT: Final = re.compile(r"^[ \t]*#[^\n\r\"']*$", re.MULTILINE)  # with a quote in it, it could be the end of a text
_HANDLER: Final = re.compile(r"^def handler\(([A-Za-z_][A-Za-z0-9_]*)\):", re.MULTILINE)
_GLOBAL: Final = "request"  # of a script without a handler
EVENT: Final = frozenset[str]()  # of an event, which has fields of its own, and no body
_RAW: Final = frozenset({"body", "body_base64", "json"})
_BYTES: Final = 16 * 1024 * 1024  # of the texts that one process knows
_ENTRY_BYTES: Final = 1_000
_LETTER_BYTES: Final = 4  # of the widest
Known = tuple[str, frozenset[str] | None]


class Texts:
    """What was read of the scripts that were used last; each text is held whole, so that it is found again at once."""

    def __init__(self, size_bytes: int = _BYTES) -> None:
        self._known: Cache[str, tuple[Known, int]] = Cache(size_bytes, cost=lambda entry: entry[1])

    def read(self, script: str) -> Known:
        """The key of a script, and the fields that it can look at."""
        return self._known.get_or(script, lambda: ((key_of(script), needed(script)), _ENTRY_BYTES + _LETTER_BYTES * len(script)))[0]

    def __len__(self) -> int:
        return len(self._known)


def key_of(script: str) -> str:
    """What tells its text from every other one."""
    return hashlib.sha256(script.encode()).hexdigest()


def needed(script: str) -> frozenset[str] | None:
    """The names of the fields; None where it may be any.

    Every place at which the name of the request stands must be `name.field`; whatever else is done with it, all may be looked at.
    """
    text = _COMMENT.sub("", script)
    heads = _HANDLER.findall(text)
    if len(heads) != 1 or len(re.findall(r"\bhandler\b", text)) != 1:
        return None
    found: set[str] = set()
    for name in {heads[0], _GLOBAL}:
        places = re.findall(rf"(?<!\w){name}(?!\w)(?:\.([a-z0-9_]+)(?!\w))?", text)
        named = [field for field in places if field in REQUEST]
        if len(named) != len(places) - (name == heads[0]):  # the head of the handler names it, too
            return None
        found.update(named)
    return frozenset(found)


def has_body(fields: frozenset[str] | None) -> bool:
    """Whether one of them is made of the body where the script runs."""
    return fields is None or not fields.isdisjoint(_RAW)
