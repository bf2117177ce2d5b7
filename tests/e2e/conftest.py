"""Owners on real servers of both kinds, and bare connections to them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.owner import Owner

ENGINES = {"waitress": {"WCE_SERVER": "waitress"}, "granian": {"WCE_SERVER": "granian", "WCE_PROCESSES": "2"}}


@pytest.fixture(scope="session", params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> str:
    """Each test with a server runs on both kinds; `@pytest.mark.parametrize("engine", […], indirect=True)` chooses one."""
    return str(request.param)


@pytest.fixture(scope="session")
def start_server(start_server: Callable[..., Any], engine: str) -> Callable[..., Any]:
    """As everywhere, of the kind that the test runs on."""
    return lambda **environ: start_server(**ENGINES[engine] | environ)


@pytest.fixture(scope="session")
def server(start_server: Callable[..., Any]) -> Any:
    """As everywhere, of the kind that the test runs on."""
    return start_server(WCE_RATE_LIMIT_NEW="1000 per minute", WCE_RATE_LIMIT_LOGIN="1000 per minute")


@pytest.fixture
def make_owner() -> Iterator[Callable[[str], Owner]]:
    """Call it with the address of a server for the owner of a new cenv there."""
    with ExitStack() as stack:

        def make(url: str) -> Owner:
            made = Owner(url)
            stack.enter_context(made)
            return made

        yield make


@pytest.fixture(scope="session")
def roomy(start_server: Callable[..., Any]) -> Any:
    """A server that lets one address ask as often as a test wants, and takes whoever says so for its proxy."""
    rate = "1000000 per minute"
    return start_server(
        WCE_RATE_LIMIT_NEW=rate,
        WCE_RATE_LIMIT_LOGIN=rate,
        WCE_CENV_RATE_LIMIT_IP=rate,
        WCE_CENV_RATE_LIMIT_USER=rate,
        WCE_CENV_RATE_LIMIT_CENV=rate,
        WCE_TRUSTED_PROXY="127.0.0.1",
    )


@dataclass(frozen=True)
class Ticking:
    """A cenv with a schedule of each minute, which writes down when it was to run; `due` is its first time."""

    owner: Owner
    due: int


@pytest.fixture(scope="session")
def ticking(roomy: Any) -> Iterator[Ticking]:
    """Made with the first test here, looked at in the last: nobody waits for the minute in between."""
    with Owner(roomy.url) as owner:
        owner.sql("CREATE TABLE tick (at INTEGER)")
        script = "def handler(event):\n    db.execute('INSERT INTO tick VALUES (?)', [event.due_at])"
        made = owner.post(f"{owner.address}/admin/schedules", json={"name": "tick", "cron": "* * * * *", "script": script}, timeout=60)
        assert made.status_code == 201, made.text
        yield Ticking(owner, made.json()["next_at"])


@pytest.fixture
def owner(server: Any, make_owner: Callable[[str], Owner]) -> Owner:
    """The owner of a new cenv on the shared server."""
    return make_owner(server.url)


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        yield connection


@pytest.fixture
def dial() -> Callable[[str], Any]:
    """Call it with the address of a server for a bare connection."""
    return connected
