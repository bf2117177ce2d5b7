"""The error family."""

from __future__ import annotations

import re

import pytest

from wce.errors import TITLES, FieldError, Position, WceError, invalid


@pytest.mark.parametrize("code", sorted(TITLES))
def test_a_code_is_one_lower_case_word_with_a_title(code: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
    assert TITLES[code].strip()


def test_an_error_without_a_detail_shows_its_title() -> None:
    error = WceError("busy")

    assert (error.title, error.detail, str(error)) == ("Busy, try again",) * 3


def test_a_detail_stands_beside_the_title() -> None:
    error = WceError("name_taken", "The name anna is taken.")

    assert (error.title, error.detail) == ("The name is taken", "The name anna is taken.")


def test_an_unknown_code_is_a_bug_at_the_place_that_raises_it() -> None:
    with pytest.raises(KeyError):
        WceError("no_such_code")


def test_evidence_is_not_part_of_the_text() -> None:
    error = WceError("internal", evidence="secret path")

    assert "secret path" not in str(error) + error.detail


def test_an_error_carries_its_place_and_its_wait() -> None:
    error = WceError("syntax_error", position=Position(2, 7), statement=3, retry_after=1)

    assert (error.position, error.statement, error.retry_after) == (Position(2, 7), 3, 1)


def test_invalid_names_the_field_twice_for_people_and_for_programs() -> None:
    error = invalid("username", "must have 3 to 32 characters")

    assert error.code == "validation"
    assert error.detail.startswith("username")
    assert error.errors == (FieldError("username", "must have 3 to 32 characters"),)
