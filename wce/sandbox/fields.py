"""Which fields of its request a script can look at, so that no others are put together, sent and unpacked for it.

Read from the text as it stands, for the server reads it, and no text may hold that up. Where it is not plain to see, all are needed.
"""

from __future__ import annotations

import re
from typing import Final

from wce.sandbox.api import REQUEST

_COMMENT: Final = re.compile(r"^[ \t]*#[^\n\r\"']*$", re.MULTILINE)  # with a quote in it, it could be the end of a text
_HANDLER: Final = re.compile(r"^def handler\(([A-Za-z_][A-Za-z0-9_]*)\):", re.MULTILINE)
_GLOBAL: Final = "request"  # of a script without a handler
_RAW: Final = frozenset({"body", "body_base64", "json"})


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
