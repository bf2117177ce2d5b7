"""What crosses between the interpreter and us otherwise than the binding would have it: it ends strings and bytes at a NUL, and dies
of a cycle.

The prelude tells us of a value that must not cross, and puts together bytes that would be cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from wce.sandbox.messages import Fault

ODD: Final = "_wce_odd"  # the argument by which the prelude says so; of a large value that crosses, the length of its text
_ZERO: Final = "\u0100"
_ODD: Final = {
    "cycle": "contains itself (a cyclic value).",
    "nul": "contains a NUL character; send bytes, or base64.",
}
_UNKNOWN: Final = "While converting value "  # how the binding begins


def refusal(kind: str, odd: str, what: str) -> Fault:
    """Says why the value does not cross."""
    return Fault(kind, f"{what} {_ODD.get(odd, 'cannot be sent.')}")


def readable(message: str) -> str:
    """What the binding says of a value that it does not know, as an author may read it."""
    if message.startswith(_UNKNOWN):
        return "A value that is given to a function of WCE is itself a function, or contains one, or contains text that is not UTF-8."
    return message


def apart(found: Any) -> Any:
    """What a function has found; with bytes that would be cut: a pair of it and of their places, each with a letter for every byte.

    A list of numbers would need 130 MiB for 1 MB. The letter for 0 is the first one that stands for no byte.
    """
    if type(found) not in (bytes, dict, list):
        return found
    spots = [[row, name, value.decode("latin-1").replace("\0", _ZERO)] for row, name, value in _bytes_in(found) if b"\0" in value]
    return (None if type(found) is bytes else found, spots) if spots else found


def _bytes_in(found: Any) -> Iterator[tuple[int | None, str | None, bytes]]:
    """Those in rows, in one row or alone, each with its row and its name."""
    if type(found) is bytes:
        yield None, None, found
    elif type(found) is dict:
        yield from ((None, name, value) for name, value in found.items() if type(value) is bytes)
    else:
        for row, fields in enumerate(found):
            if type(fields) is dict and bytes in map(type, fields.values()):  # which most rows have none of
                yield from ((row, name, value) for name, value in fields.items() if type(value) is bytes)
