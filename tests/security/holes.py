"""Ways to break the guard on purpose, to see whether catalogue and fuzz notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from wce.guard import shadows
from wce.guard.actions import OK
from wce.guard.authorizer import Authorizer
from wce.guard.net import Net
from wce.guard.principal import Principal
from wce.guard.rewrite import Rewriter

Plant = Callable[[pytest.MonkeyPatch], None]


def no_barrier(patch: pytest.MonkeyPatch) -> None:
    """SQLite may move what the client wrote below the policy."""
    original = shadows._rows
    patch.setattr(shadows, "_rows", lambda principal, table, wanted: original(principal, table, replace(wanted, strict=False)))


def all_leakproof(patch: pytest.MonkeyPatch) -> None:
    """Every statement is taken for one that cannot fail."""
    patch.setattr(Rewriter, "_leakproof", lambda *_: True)


def no_row_guard(patch: pytest.MonkeyPatch) -> None:
    """The row that a statement writes is not looked up among those that may be written."""
    patch.setattr(shadows, "guarded", lambda *_: "1")


def no_net(patch: pytest.MonkeyPatch) -> None:
    """Nothing looks at rows as they are written."""
    patch.setattr(Net, "ensure", lambda *_: False)


def no_authorizer(patch: pytest.MonkeyPatch) -> None:
    """SQLite may do whatever the text says."""
    patch.setattr(Authorizer, "__call__", lambda *_: OK)


def no_closed_names(patch: pytest.MonkeyPatch) -> None:
    """Hidden tables are left to the authorizer."""
    patch.setattr(Principal, "is_unreadable", lambda *_: False)


def no_stand_ins(patch: pytest.MonkeyPatch) -> None:
    """Tables with policies mean themselves, and the authorizer lets them be read."""
    original = Principal.__init__

    def forgetful(self: Principal, *rest: Any) -> None:
        original(self, *rest)
        self.restricted = frozenset()

    patch.setattr(Principal, "__init__", forgetful)


def open_triggers(patch: pytest.MonkeyPatch) -> None:
    """Every trigger runs with the rights of who made it."""
    original = Principal.__init__

    def generous(self: Principal, *rest: Any) -> None:
        original(self, *rest)
        self.definers = set(self.catalogue.triggers)

    patch.setattr(Principal, "__init__", generous)


# With each: the classes of the catalogue that must notice, and the world of the fuzz at which to begin looking.
ALL: Final[tuple[tuple[Plant, tuple[str, ...], int], ...]] = (
    (no_barrier, ("leaky",), 5),
    (all_leakproof, ("leaky",), 0),
    (no_row_guard, ("update", "delete", "upsert"), 0),
    (no_net, ("update", "insert"), 13),
    (no_authorizer, ("functions", "triggers"), 4),
    (no_closed_names, ("hidden",), 8),
    (no_stand_ins, ("reads",), 0),
    (open_triggers, ("triggers",), 126),
)
