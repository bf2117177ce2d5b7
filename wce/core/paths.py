"""The paths of endpoints: what a pattern may be, and which endpoint answers a request."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from wce.errors import WceError, invalid

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
ANY: Final = "*"
MAX_PATH: Final = 512
MAX_SEGMENTS: Final = 32
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,63})(\.\.\.)?\}")
# What a URL gives a meaning of its own, or a client or a proxy on the way may change.
_RESERVED: Final = frozenset('%?#\\{}"<>|^`')
_ONE: Final = "{}"  # no literal holds braces, so these stand for placeholders whatever their names
_REST: Final = "{...}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A path that may be saved. Patterns of one shape match the same requests and none goes before the other."""

    shape: tuple[str, ...]
    names: tuple[str, ...]


class Routed(Protocol):
    """What a path and a method lead to."""

    @property
    def path(self) -> str: ...

    @property
    def method(self) -> str: ...


Target = TypeVar("Target", bound=Routed)


@dataclass(frozen=True, slots=True)
class Match(Generic[Target]):
    """`endpoint` is None where nothing answers the method; `allowed` are then the methods that would be answered, if any."""

    endpoint: Target | None
    params: Mapping[str, str]
    allowed: tuple[str, ...]


@dataclass(slots=True)
class _Node(Generic[Target]):
    """One segment of the patterns that share their beginning."""

    below: dict[str, _Node[Target]] = field(default_factory=dict)
    targets: dict[str, tuple[Target, tuple[str, ...]]] = field(default_factory=dict)  # by method, with the names of the placeholders


def parse(path: str) -> Pattern:
    """The pattern in `/notes`, `/notes/{id}` (one segment) or `/files/{rest...}` (one or more); raises `validation` for `path`."""
    if not path.startswith("/") or path == "/":
        raise invalid("path", "must look like /notes, /notes/{id} or /files/{rest...}")
    if len(path) > MAX_PATH:
        raise invalid("path", f"must have at most {MAX_PATH} characters")
    segments = path[1:].split("/")
    if len(segments) > MAX_SEGMENTS:
        raise invalid("path", f"must have at most {MAX_SEGMENTS} segments")
    shape: list[str] = []
    names: list[str] = []
    for index, segment in enumerate(segments):
        found = _PLACEHOLDER.fullmatch(segment)
        if found is None:
            shape.append(_literal(segment))
            continue
        if found[1] in names:
            raise invalid("path", f"names {{{found[1]}}} twice")
        if found[2] and index < len(segments) - 1:
            raise invalid("path", f"must end with {segment}, which takes all that follows")
        shape.append(_REST if found[2] else _ONE)
        names.append(found[1])
    return Pattern(tuple(shape), tuple(names))


def ambiguous(pattern: Pattern, others: Iterable[str]) -> str | None:
    """The first of the other paths that matches the same requests as the pattern and is as specific."""
    return next((other for other in others if (known := _read(other)) is not None and known.shape == pattern.shape), None)


class Routes(Generic[Target]):
    """Finds the endpoint of a request.

    The most specific path wins: compared segment by segment from the left, a literal goes before `{x}` and that before `{x...}`;
    then an exact method before `*`. A path that does not answer the method leaves the request to the next one that does.
    """

    def __init__(self, targets: Iterable[Target]) -> None:
        """A target whose path this version cannot read is left out, so that it does not take the others with it."""
        self._root: _Node[Target] = _Node()
        self._literal: dict[str, _Node[Target]] = {}
        for target in targets:
            pattern = _read(target.path)
            if pattern is None:
                continue
            node = self._root
            for segment in pattern.shape:
                node = node.below.setdefault(segment, _Node())
            node.targets[target.method] = (target, pattern.names)
            if not pattern.names:
                self._literal[target.path] = node

    def match(self, method: str, path: str) -> Match[Target]:
        """Who answers `path`, which begins with a slash and is decoded. HEAD goes where GET goes, OPTIONS to no endpoint."""
        literal = self._literal.get(path)  # as specific as can be
        if literal is not None and (known := literal.targets.get(method)) is not None:
            return Match(known[0], {}, ())
        allowed: set[str] = set()
        for node, values in self._nodes(self._root, path[1:].split("/"), 0, ()) if path.startswith("/") else ():
            found = node.targets.get("GET" if method == "HEAD" else method)
            if found is None and method in (*METHODS, "HEAD"):
                found = node.targets.get(ANY)
            if found is not None:
                target, names = found
                return Match(target, dict(zip(names, values, strict=True)), ())
            allowed.update(node.targets)
        return Match(None, {}, _spelled_out(allowed))

    def _nodes(
        self, node: _Node[Target], segments: list[str], index: int, values: tuple[str, ...]
    ) -> Iterable[tuple[_Node[Target], tuple[str, ...]]]:
        """Every node whose pattern matches, the most specific first. Each node is looked at once at most."""
        if index == len(segments):
            if node.targets:
                yield node, values
            return
        segment = segments[index]
        if (literal := node.below.get(segment)) is not None and segment not in (_ONE, _REST):
            yield from self._nodes(literal, segments, index + 1, values)
        if segment and (one := node.below.get(_ONE)) is not None:
            yield from self._nodes(one, segments, index + 1, (*values, segment))
        if (last := node.below.get(_REST)) is not None and (rest := "/".join(segments[index:])):
            yield last, (*values, rest)


def _read(path: str) -> Pattern | None:
    try:
        return parse(path)
    except WceError:
        return None


def _literal(segment: str) -> str:
    """The segment, if it reaches the server as it is written, whatever the client."""
    if not segment:
        raise invalid("path", "must not have an empty segment, nor a slash at its end")
    if segment in (".", ".."):
        raise invalid("path", f"must not have the segment {segment}")
    wrong = next((char for char in segment if char in _RESERVED or unicodedata.category(char)[0] in "CZ"), None)
    if wrong is not None and wrong in "{}":
        raise invalid("path", "has a placeholder that is not a whole segment such as {id} or {rest...}")
    if wrong is not None:
        raise invalid("path", f"must not contain {wrong!r}")
    if not unicodedata.is_normalized("NFC", segment):
        raise invalid("path", "must be in Unicode's normal form C")
    return segment


def _spelled_out(methods: set[str]) -> tuple[str, ...]:
    """What to answer to OPTIONS and in Allow."""
    if not methods:
        return ()
    every = set(METHODS) if ANY in methods else methods
    return tuple(sorted(every | {"OPTIONS"} | ({"HEAD"} if "GET" in every else set())))
