"""The owner of a cenv on a real server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

CREDENTIALS = {"username": "owner", "password": "correct horse"}


class Owner(requests.Session):
    """Makes a cenv and is signed in to it by bearer token."""

    def __init__(self, url: str) -> None:
        super().__init__()
        made = self.post(f"{url}/new", json=CREDENTIALS, timeout=60)
        assert made.status_code == 201, made.text
        self.cenv = made.json()["cenv_id"]
        self.address = f"{url}/{self.cenv}"
        login = self.post(f"{self.address}/login", json=CREDENTIALS, timeout=60)
        assert login.status_code == 200, login.text
        self.cookies.clear()
        self.headers["Authorization"] = f"Bearer {login.json()['token']}"

    def sql(self, sql: str, params: Any = None) -> Any:
        """The answer's body; fails the test unless the statement worked."""
        body = {"sql": sql} if params is None else {"sql": sql, "params": params}
        answer = self.post(f"{self.address}/query", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def running() -> dict[int, int]:
    """Each process that runs, and its parent; a zombie waits for its parent only."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it has just ended
        if state != "Z":
            parents[int(stat.parent.name)] = int(parent)
    return parents


def family(pid: int) -> set[int]:
    """The processes that a process has started, and those that they have."""
    parents = running()
    found, more = set[int](), {pid}
    while more:
        more = {child for child, parent in parents.items() if parent in more}
        found |= more
    return found


def links(pids: Iterable[int]) -> list[str]:
    """Where the descriptors of processes lead; one that is closed while we look leads nowhere."""
    found = []
    for pid in pids:
        with suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    found.append(str(link.readlink()))
    return found
