"""What scripts may compute with us: JSON, time, numbers, hashes, randomness. Nothing here reaches outside of the process."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
import random
import re
import secrets
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from wce.sandbox.answer import encode
from wce.sandbox.messages import Fault

PI: Final = math.pi
E: Final = math.e
MATH: Final[dict[str, Callable[..., Any]]] = {
    "sqrt": math.sqrt,
    "pow": math.pow,
    "exp": math.exp,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "floor": math.floor,
    "ceil": math.ceil,
}
_RANDOM: Final = random.SystemRandom()
_ABORTS: Final = range(400, 600)
_MAX_TOKEN: Final = 1_024
_HALF: Final = re.compile(r"[\ud800-\udfff]")
_NONE_GIVEN: Final = object()


def abort(status: int, message: str | None = "") -> NoReturn:
    """End the call with an error of the script's choice."""
    if not isinstance(status, int) or status not in _ABORTS:
        raise ValueError("the status must be a whole number from 400 to 599")
    raise Fault("abort", "" if message is None else str(message), status=status)


def tolerant(read: Callable[[Any], Any]) -> Callable[..., Any]:
    """What reads a text, with an argument `default` that is found where it cannot be read: a script can catch nothing."""

    def run(text: Any, default: Any = _NONE_GIVEN) -> Any:
        try:
            return read(text)
        except (ValueError, TypeError, ArithmeticError, RecursionError):
            if default is _NONE_GIVEN:
                raise
            return default

    return run


def said(error: BaseException) -> str:
    """What went wrong, for who writes no Python: two of its messages are of no use to him."""
    if isinstance(error, ValueError) and str(error).startswith("Exceeds the limit"):  # and goes on with advice
        return "a number has more than 4,300 digits"
    if isinstance(error, OverflowError) and len(error.args) > 1:  # a number of the system's, with its words
        return "the number becomes too large"
    return str(error)


def json_encode(value: Any, *, text_size: int = 0) -> str:
    return encode(value, text_size).decode()


def json_decode(text: str | bytes) -> Any:
    return without_nul(json_of(text))


def json_of(text: str | bytes) -> Any:
    """What a JSON text says, with integers of any size; raises ValueError, or RecursionError."""
    return json.loads(text, parse_constant=_no_json)


def _no_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def without_nul(value: Any) -> Any:
    """The value, if every string in it can cross the border, where strings end at a NUL and are UTF-8."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if "\0" in item:
                raise ValueError("a string holds a NUL character, which no script can be given")
            if not item.isascii() and _HALF.search(item):
                raise ValueError("a string holds half of a surrogate pair, which no script can be given")
        elif isinstance(item, dict):
            stack += [*item, *item.values()]
        elif isinstance(item, list):
            stack += item
    return value


def now() -> float:
    return time.time()


def at(seconds: float) -> datetime:
    """Unix seconds as a moment in UTC; raises ValueError where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError):  # by the size of the number, and an OSError would end the worker
        raise ValueError("the date is out of range: give Unix seconds") from None


def iso(seconds: float) -> str:
    return at(seconds).isoformat(timespec="seconds").replace("+00:00", "Z")


def parse_time(text: str) -> float:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def log(x: float) -> float:  # math's own does not say what it takes
    return math.log(x)


def rounded(x: float, digits: int = 0) -> float:
    return round(float(x), digits)


def sha256(data: str | bytes) -> str:
    return hashlib.sha256(_bytes(data)).hexdigest()


def md5(data: str | bytes) -> str:
    return hashlib.md5(_bytes(data), usedforsecurity=False).hexdigest()


def hmac_sha256(key: str | bytes, data: str | bytes) -> str:
    return hmac.new(_bytes(key), _bytes(data), hashlib.sha256).hexdigest()


def base64_encode(data: str | bytes) -> str:
    return base64.b64encode(_bytes(data)).decode("ascii")


def base64_decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def base64_decode_text(text: str) -> str:
    return str(without_nul(base64_decode(text).decode("utf-8")))


def new_uuid() -> str:
    return str(uuid.uuid4())


def integer(low: int, high: int) -> int:
    return _RANDOM.randint(low, high)


def number() -> float:
    return _RANDOM.random()


def choice(count: int) -> int:
    """The place of one of so many; the values themselves stay with the script."""
    if not count:
        raise ValueError("there is nothing to choose from")
    return _RANDOM.randrange(count)


def shuffle(count: int) -> list[int]:
    """All places of so many, in another order."""
    return _RANDOM.sample(range(count), count)


def token(size: int = 32) -> str:
    if not 1 <= size <= _MAX_TOKEN:
        raise ValueError(f"the size must be from 1 to {_MAX_TOKEN}")
    return secrets.token_hex(size)


def _bytes(data: str | bytes) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes):
        return data
    raise ValueError("must be a string or bytes")
