"""How often SQLite copies something to prepare a statement: each CTE and view, with all that is in it, for each mention of it.

It does so before it calls anything of ours: 22 CTEs that each name the one before twice kept one prepare busy for more than 200
seconds. Which definition a name means depends on its place, so it counts as all of its name. Where they then seem to lead to each
other in a circle, each of them could at most be entered once on each way through.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from wce.errors import WceError
from wce.guard.expansion import Definition, definitions
from wce.guard.tokens import NAMES, Token, scan

MAX_CTES: Final = 40
MAX_WEIGHT: Final = 3_000
_BEFORE_TABLES: Final = frozenset({"FROM", "JOIN", ",", "(", "IN", "INTO", "UPDATE"})
_MAX_DEPTH: Final = 60  # of views in views
T = TypeVar("T")


class Text(Protocol):
    @property
    def text(self) -> str: ...


class Seen(Protocol):
    """A view; `text` is None where it is not surely understood, `names` are all in it, `mentioned` those that may stand for a table."""

    @property
    def text(self) -> Text | None: ...

    @property
    def names(self) -> frozenset[str]: ...

    @property
    def mentioned(self) -> frozenset[str]: ...


def too_complex() -> WceError:
    return WceError("too_large", "the statement is too complex")


def weigh(tokens: Sequence[Token], found: Sequence[Definition], weights: Mapping[str, int]) -> int:
    """How much is copied to prepare these tokens, at most; `found` are their CTEs, `weights` says what each outside name costs.

    Raises WceError `too_large` above the bound.
    """
    if len(found) > MAX_CTES:
        raise too_complex()
    by_name: dict[str, list[int]] = {}
    for number, part in enumerate(found):
        by_name.setdefault(part.name, []).append(number)
    # Nothing outside is meant by a name that the statement's own WITH defines.
    everywhere = {part.name for part in found if not tokens[part.start].depth}
    places = _places(tokens, by_name, weights)
    if sum(map(len, places.values())) > MAX_WEIGHT:
        raise too_complex()
    outside = {name: 0 if name in everywhere else weights.get(name, 0) for name in places}
    sizes = _sizes(found, by_name, places, outside)
    total = sum(len(at) * (outside[name] + sum(sizes[number] for number in by_name.get(name, ()))) for name, at in places.items())
    if total > MAX_WEIGHT:
        raise too_complex()
    return total


def weigh_views(views: Mapping[str, Seen], triggers: Iterable[str]) -> tuple[dict[str, int], int]:
    """What it costs to mention each view, through those that it is made of, and all triggers; above the bound for what is too much."""
    edges = {name: [other for other in view.mentioned if other in views and other != name] for name, view in views.items()}
    weights: dict[str, int] = {}
    depths: dict[str, int] = {}
    for group in groups(edges):
        depth = len(group) + max((depths.get(other, 0) for name in group for other in edges[name]), default=0)
        weight = 1 if depth <= _MAX_DEPTH else MAX_WEIGHT + 1
        for name in group if depth <= _MAX_DEPTH else ():
            inner = {other: weights.get(other, 1) for other in edges[name]}
            text = views[name].text
            plain = not inner and "as" not in views[name].names  # no CTE either
            weight *= MAX_WEIGHT + 1 if text is None else 1 + (0 if plain else _bounded(text.text, inner))
        for name in group:
            weights[name], depths[name] = min(weight, MAX_WEIGHT + 1), depth
    return weights, sum(_bounded(sql, weights) for sql in triggers)


def _bounded(text: str, weights: Mapping[str, int]) -> int:
    try:
        tokens = scan(text)
        return weigh(tokens, definitions(tokens), weights)
    except WceError:
        return MAX_WEIGHT + 1


def _places(tokens: Sequence[Token], *known: Collection[str]) -> dict[str, list[int]]:
    """Where each of the known names may stand for a table."""
    places: dict[str, list[int]] = {}
    for index, token in enumerate(tokens):
        if token.kind in NAMES and token.name is not None and any(token.name in names for names in known) and is_table(tokens, index):
            places.setdefault(token.name, []).append(index)
    return places


def tables_among(tokens: Sequence[Token]) -> frozenset[str]:
    """The names that may stand for a table or view."""
    return frozenset(
        token.name for index, token in enumerate(tokens) if token.kind in NAMES and token.name is not None and is_table(tokens, index)
    )


def is_table(tokens: Sequence[Token], index: int) -> bool:
    """Whether a name may stand for a table."""
    if index + 1 < len(tokens) and tokens[index + 1].keyword in (".", "("):
        return False  # a qualifier or a function
    before = tokens[index - 1].keyword if index else None
    if before == ".":
        return index > 1 and tokens[index - 2].name in ("main", "temp")
    return before in _BEFORE_TABLES or (index > 1 and tokens[index - 2].keyword == "OR")  # UPDATE OR IGNORE view


def _sizes(
    found: Sequence[Definition], by_name: Mapping[str, Sequence[int]], places: Mapping[str, Sequence[int]], outside: Mapping[str, int]
) -> list[int]:
    """What a mention of each CTE costs; one that mentions itself is not copied for that."""
    own = [1] * len(found)
    edges: dict[int, dict[int, int]] = {number: {} for number in range(len(found))}
    for number, part in enumerate(found):
        for name, at in places.items():
            times = bisect(at, part.end) - bisect(at, part.start)
            if times:
                own[number] += times * outside[name]
                edges[number] |= {other: times for other in by_name.get(name, ()) if other != number}
    sizes = [1] * len(found)
    for group in groups(edges):
        size = 1
        for number in group:
            size *= own[number] + sum(times * (1 if other in group else sizes[other]) for other, times in edges[number].items())
        for number in group:
            sizes[number] = min(size, MAX_WEIGHT + 1)
    return sizes


def groups(edges: Mapping[T, Iterable[T]]) -> Iterator[list[T]]:
    """What leads to each other in a circle stands together, everything else alone; each after what it leads to (Tarjan)."""
    order: dict[T, int] = {}
    lowest: dict[T, int] = {}
    open_: list[T] = []
    done: set[T] = set()
    for start in edges:
        waiting = [] if start in order else [(start, iter(edges[start]))]
        while waiting:
            node, inner = waiting[-1]
            if node not in order:
                order[node] = lowest[node] = len(order)
                open_.append(node)
            following = next((other for other in inner if other not in done), None)
            if following is None:
                waiting.pop()
                if waiting:
                    above = waiting[-1][0]
                    lowest[above] = min(lowest[above], lowest[node])
                if lowest[node] == order[node]:
                    group = open_[open_.index(node) :]
                    del open_[-len(group) :]
                    done.update(group)
                    yield group
            elif following in order:
                lowest[node] = min(lowest[node], order[following])
            else:
                waiting.append((following, iter(edges[following])))
