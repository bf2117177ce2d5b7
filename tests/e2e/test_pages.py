"""Pages are never older than a commit that their reader could have seen, with writers and readers on two processes.

By hand, longer: WCE_PAGES_SECONDS=30 .venv/bin/python -m pytest -s tests/e2e/test_pages.py
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.e2e.owner import Owner

pytestmark = pytest.mark.parametrize("engine", ["granian"], indirect=True)
SECONDS = float(os.environ.get("WCE_PAGES_SECONDS", "2"))
WRITERS = READERS = 8
ON_ONE_CONNECTION = 25  # requests; then a new connection may lead to the other process
ALL = "{% for i in range(8) %}{{ query_one('SELECT n FROM c' ~ i).n }} {% endfor %}"
ONE = "{{ query_one('SELECT n FROM c' ~ request.params.i|int).n }}"


class Run:
    """What the writers have got acknowledged, and what the readers found."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.acknowledged = [0] * WRITERS
        self.stale: list[str] = []
        self.failed: list[str] = []
        self.reads: Counter[str] = Counter()
        self.over = threading.Event()

    def write(self, number: int) -> None:
        """Count up, by a statement or by the cenv's own trigger."""
        with requests.Session() as session:
            session.headers["Authorization"] = self.owner.headers["Authorization"]
            while not self.over.is_set():
                wanted = self.acknowledged[number] + 1
                sql = "UPDATE c0 SET n = ?" if number == 0 else f"INSERT INTO ask{number} VALUES (?)"
                answer = session.post(f"{self.owner.address}/query", json={"sql": sql, "params": [wanted]}, timeout=60)
                if answer.status_code != 200:
                    self.failed.append(answer.text)
                    return
                self.acknowledged[number] = wanted
                time.sleep(random.random() * 0.05)

    def read(self) -> None:
        """Ask for a page, having seen how far the writers are."""
        while not self.over.is_set():
            with requests.Session() as session:
                for _ in range(ON_ONE_CONNECTION):
                    number = random.randrange(WRITERS + 1)
                    seen = list(self.acknowledged) if number == WRITERS else [self.acknowledged[number]]
                    path = "all" if number == WRITERS else f"one/{number}"
                    answer = session.get(f"{self.owner.address}/pages/{path}", timeout=60)
                    if answer.status_code != 200:
                        self.failed.append(answer.text)
                        return
                    shown = [int(word) for word in answer.text.split()]
                    self.reads[answer.headers["X-Cache"]] += 1
                    if any(new < old for new, old in zip(shown, seen, strict=True)):
                        self.stale.append(f"{path}: {shown} after {seen}, {answer.headers['X-Cache']}")


def prepare(owner: Owner) -> None:
    for number in range(WRITERS):
        owner.sql(f"CREATE TABLE c{number} (n INTEGER)")
        owner.sql(f"INSERT INTO c{number} VALUES (0)")
        owner.sql(f"CREATE TABLE ask{number} (n INTEGER)")
        owner.sql(f"CREATE TRIGGER count{number} AFTER INSERT ON ask{number} BEGIN UPDATE c{number} SET n = new.n; END")
        permission = {"user_id": "public", "table_name": f"c{number}", "can_read": True}
        assert owner.post(f"{owner.address}/admin/permissions", json=permission, timeout=60).status_code == 201
    for name, content in (("all", ALL), ("one/{i}", ONE)):
        template = {"name": name, "syntax": "jinja", "content": content, "published": True, "access": "public"}
        assert owner.post(f"{owner.address}/admin/templates", json=template, timeout=60).status_code == 201


def test_no_reader_gets_a_page_that_is_older_than_what_was_acknowledged(roomy: Any, make_owner: Callable[[str], Owner]) -> None:
    owner = make_owner(roomy.url)
    prepare(owner)
    run = Run(owner)
    threads = [threading.Thread(target=run.write, args=(number,)) for number in range(WRITERS)]
    threads += [threading.Thread(target=run.read) for _ in range(READERS)]

    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    run.over.set()
    for thread in threads:
        thread.join()

    print(f"{sum(run.acknowledged)} commits, {sum(run.reads.values())} reads: {dict(run.reads)}")
    assert run.failed == []
    assert run.stale == []
    assert run.reads["hit"] > 0
    assert run.reads["miss"] > 0
    assert requests.get(f"{owner.address}/pages/all", timeout=60).text.split() == [str(number) for number in run.acknowledged]
