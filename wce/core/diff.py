"""What changed from one text to another, in the form of `diff -u`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Final

_MOST_COMPARED: Final = 2_000  # lines between the first and the last difference; comparing takes the square of it and more
_CONTEXT: Final = 3


def unified(old: str, new: str, old_name: str, new_name: str) -> str:
    """The difference; empty for equal texts. Where too many lines differ, all between the first and the last are told as one block."""
    before, after = old.splitlines(), new.splitlines()
    same_start = _same(before, after)
    same_end = _same(before[same_start:][::-1], after[same_start:][::-1])
    changed = (len(before) - same_start - same_end, len(after) - same_start - same_end)
    if not any(changed):
        return ""
    if max(changed) <= _MOST_COMPARED:
        # What is equal at both ends needs no comparing; its lines are only the context.
        cut = max(0, same_start - _CONTEXT)
        left = before[cut : len(before) - max(0, same_end - _CONTEXT)]
        right = after[cut : len(after) - max(0, same_end - _CONTEXT)]
        hunks = list(difflib.SequenceMatcher(None, left, right).get_grouped_opcodes(_CONTEXT))
        lines = [line for hunk in hunks for line in _hunk(hunk, left, right, cut)]
    else:
        lead = min(_CONTEXT, same_start)
        at = same_start - lead
        tail = min(_CONTEXT, same_end)
        lines = [_head(at, lead + changed[0] + tail, at, lead + changed[1] + tail)]
        lines += [f" {line}" for line in before[at:same_start]]
        lines += [f"-{line}" for line in before[same_start : same_start + changed[0]]]
        lines += [f"+{line}" for line in after[same_start : same_start + changed[1]]]
        lines += [f" {line}" for line in before[same_start + changed[0] :][:tail]]
    return "\n".join([f"--- {old_name}", f"+++ {new_name}", *lines]) + "\n"


def _same(left: Sequence[str], right: Sequence[str]) -> int:
    """How many lines at the beginning are equal."""
    return next((index for index, (one, other) in enumerate(zip(left, right, strict=False)) if one != other), min(len(left), len(right)))


def _hunk(hunk: Sequence[tuple[str, int, int, int, int]], left: list[str], right: list[str], cut: int) -> list[str]:
    first, last = hunk[0], hunk[-1]
    lines = [_head(cut + first[1], last[2] - first[1], cut + first[3], last[4] - first[3])]
    for tag, start, end, start_after, end_after in hunk:
        if tag == "equal":
            lines += [f" {line}" for line in left[start:end]]
            continue
        lines += [f"-{line}" for line in left[start:end]]
        lines += [f"+{line}" for line in right[start_after:end_after]]
    return lines


def _head(at: int, count: int, at_after: int, count_after: int) -> str:
    return f"@@ -{_range(at, count)} +{_range(at_after, count_after)} @@"


def _range(at: int, count: int) -> str:
    """Lines count from 1; an empty range names the line before it."""
    return f"{at + 1 if count else at},{count}"
