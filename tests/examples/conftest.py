"""Cenvs on a real server, and the loader as a command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wce.client import Client

PASSWORD = "correct horse battery"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def owner(server: Any) -> Iterator[Client]:
    """The signed-in owner of a new cenv."""
    with Client(server.url) as client:
        client.cenv = client.call("POST", "/new", {"username": "owner", "password": PASSWORD})["cenv_id"]
        client.log_in("owner", PASSWORD)
        yield client


@pytest.fixture
def run_load(server: Any, owner: Client, root: Path) -> Run:
    """Runs examples/load.py on the owner's cenv with more arguments."""

    def run(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "examples/load.py", "--url", server.url, "--cenv", owner.cenv, "--username", "owner"]
        environment = os.environ | {"WCE_TEST_PASSWORD": PASSWORD} | environ
        secret = [] if any(str(item).startswith("--password") for item in arguments) else ["--password-env", "WCE_TEST_PASSWORD"]
        return subprocess.run(
            [*command, *secret, *map(str, arguments)], cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return run
