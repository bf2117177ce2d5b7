"""The records of a file, one after the other, with the lines that they begin on."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from wce.core.loading import kinds

MAX_RECORD: Final = 1024 * 1024  # characters
MAX_DEPTH: Final = 64
_CHUNK: Final = 256 * 1024
_SEPARATOR: Final = re.compile(r'"?sep=([,;\t])"?\s*')  # what Excel, and programs that write for it, put before the names
_SPACE: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong on a line; lines count from 1."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Record:
    """One row: `cells` is a list of fields, or an object of JSON."""

    line: int
    cells: Any


Records = Iterator[Record | Fault]


def records(path: Path, form: str) -> Records:
    """All records of the file, in CSV the header first; a fault that hides what follows is the last one."""
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for item in _READERS[form](file):
                line = item.line
                yield item
    except UnicodeDecodeError:
        yield Fault(line, "the file is not UTF-8, here or soon after: in Excel, save it as CSV UTF-8")


def _delimited(file: IO[str]) -> Records:
    csv.field_size_limit(MAX_RECORD)
    named = _SEPARATOR.fullmatch(file.readline(MAX_RECORD))
    if not named:
        file.seek(0)
        first = _header(file)
        file.seek(0)
    measure = _Measure(file)
    reader = csv.reader(measure, delimiter=named[1] if named else kinds.delimiter(first), strict=True)
    before = 1 if named else 0
    line = 1 + before
    try:
        for fields in reader:
            measure.taken = 0
            if fields:
                yield Record(line, fields)
            line = reader.line_num + 1 + before
    except csv.Error as error:
        yield Fault(line, str(error))


def _header(file: IO[str]) -> str:
    """The first line, and those after it as long as a quoted name goes on."""
    lines: list[str] = []
    size = quotes = 0
    while size < MAX_RECORD and (quotes % 2 or not lines) and (line := file.readline(MAX_RECORD)):
        lines.append(line)
        size += len(line)
        quotes += line.count('"')
    return "".join(lines)


class _Measure:
    """The lines of a file, as long as they are not too long for one record; `taken` is what the present one has so far."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        while text := self._file.readline(MAX_RECORD + 1):
            self.taken += len(text)
            if self.taken > MAX_RECORD:
                raise csv.Error(f"a row may have at most {MAX_RECORD} characters")
            yield text


def _lines(file: IO[str]) -> Records:
    line = 0
    while text := file.readline(MAX_RECORD + 1):
        line += 1
        if len(text) > MAX_RECORD:
            yield Fault(line, f"a row may have at most {MAX_RECORD} characters")
            return
        if text.strip():
            try:
                yield _object(line, _DECODER.decode(text))
            except (ValueError, RecursionError):
                yield Fault(line, "this is not JSON")


def _array(file: IO[str]) -> Records:
    """The elements of one array, without ever holding more than one of them and a piece of the file."""
    window = _Window(file)
    if window.peek() != "[":
        yield Fault(window.line, "JSON must be an array of objects; a file with one object per line is ndjson")
        return
    window.skip()
    between = ""
    while (following := window.peek()) != "]":
        if between and following == between:
            window.skip()
            following = window.peek()
        elif between and following:
            yield Fault(window.line, "there must be a comma between two rows")
            return
        if not following:
            yield Fault(window.line, "the array does not end")
            return
        line, between = window.line, ","
        try:
            value = window.value()
        except (ValueError, RecursionError):
            yield Fault(line, f"this is not JSON, or is a row with more than {MAX_RECORD} characters")
            return
        yield _object(line, value)
    window.skip()
    if window.peek():
        yield Fault(window.line, "something comes after the end of the array: a file is one array")


class _Window:
    """A file of JSON of which a piece is held at a time; `line` is that of the next character."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self.line = 1

    def peek(self) -> str:
        """The next character that is no white space, empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self.line += self._text[self._at] == "\n"
                self._at += 1
            if not self._read_on():
                return ""

    def skip(self) -> None:
        """Pass over the character that was peeked at."""
        self._at += 1

    def value(self) -> Any:
        """The value that begins there; raises ValueError or RecursionError for what is none, or longer than a record may be."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError):
                if len(self._text) - self._at > MAX_RECORD or not self._read_on():
                    raise
            else:
                self.line += self._text.count("\n", self._at, end)
                self._at = end
                return value

    def _read_on(self) -> bool:
        piece = self._file.read(_CHUNK)
        self._text, self._at = self._text[self._at :] + piece, 0
        return bool(piece)


def _object(line: int, value: Any) -> Record | Fault:
    if not isinstance(value, dict):
        return Fault(line, "each row must be an object")
    if _deeper(value, MAX_DEPTH):
        return Fault(line, f"a row may be nested at most {MAX_DEPTH} deep")
    if (name := _repeated(value)) is not None:
        return Fault(line, f"the row has {name!r} twice")
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return Fault(line, "half of a surrogate pair is not text")
    return Record(line, value)


def _deeper(value: Any, levels: int) -> bool:
    """Whether there are more levels of lists and objects."""
    if not isinstance(value, dict | list):
        return False
    return not levels or any(_deeper(item, levels - 1) for item in (value.values() if isinstance(value, dict) else value))


class _Repeating(dict[str, Any]):
    """An object with a name twice, of which Python would keep the last value without a word."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.name = next(name for place, name in enumerate(names) if name in names[:place])


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Repeating(pairs)


def _repeated(value: Any) -> str | None:
    """A name that an object in a value has twice."""
    if isinstance(value, _Repeating):
        return value.name
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((name for name in map(_repeated, inside) if name is not None), None)


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise ValueError(text)
    return value


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_members, parse_float=_finite, parse_constant=_finite)
_READERS: Final[dict[str, Callable[[IO[str]], Records]]] = {"csv": _delimited, "json": _array, "ndjson": _lines}
