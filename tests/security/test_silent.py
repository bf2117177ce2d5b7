"""What this SQLite reads without asking is what the guard knows of, and nothing else."""

from __future__ import annotations

import re

import pytest

from tests.fuzz.silent import FORMS, silent
from wce.store.sqlite import sqlite3

# Joins by the names of columns, and tables copied as a whole. (An index also gives its rows in its order; here there is none.)
KNOWN = re.compile(r"\b(?:USING|NATURAL)\b|^(?:WITH .*)?(?:INSERT|REPLACE)\b.*SELECT (?:ALL )?(?:u\.)?\* FROM u\b(?! WHERE)", re.S)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_sqlite_asks_before_it_reads_but_for_what_is_known(part: int) -> None:
    found = silent(f"silent-{part}", 1500)

    assert [statement.sql for statement in found if not KNOWN.search(statement.sql)] == []


def test_the_comparison_finds_what_is_known() -> None:
    found = {statement.sql for statement in silent("forms", 0)}

    copied = set() if sqlite3.sqlite_version_info > (3, 51) else {"INSERT INTO t SELECT * FROM u"}
    assert {"SELECT count(*) FROM u JOIN t USING (s)"} | copied <= found
    assert found < set(FORMS)
