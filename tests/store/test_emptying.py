"""Who reads for long does not let the WAL grow without end."""

from __future__ import annotations

import pytest

from tests.store.conftest import OWNER
from wce.errors import WceError
from wce.store import emptying, sqlite
from wce.store.sqlite import connect


def test_a_long_reader_makes_writers_wait_and_not_the_log_grow(store, cenv, monkeypatch):
    monkeypatch.setattr(emptying, "LONGEST_BYTES", 500_000)
    monkeypatch.setattr(sqlite, "LOG_KEPT_BYTES", 200_000)
    store.connections.close_cenv(cenv)

    def write(times: int = 1) -> None:
        for _ in range(times):
            with store.session(cenv) as session, session.transaction(OWNER) as transaction:
                transaction.execute("INSERT OR REPLACE INTO notes VALUES (1, hex(zeroblob(50000)))")

    write()
    reader = connect(store.path(cenv))
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM notes").fetchall()
    with pytest.raises(WceError, match="Long-running reads") as refused:
        write(20)
    longest = store.folder.log_bytes(cenv)
    reader.close()
    write()

    assert refused.value.code == "busy"
    assert longest < 800_000
    assert store.folder.log_bytes(cenv) < 500_000


def test_without_a_log_nothing_is_long(store):
    assert store.folder.log_bytes("00000000-0000-4000-8000-000000000000") == 0
