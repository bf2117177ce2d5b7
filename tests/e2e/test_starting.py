"""How a real server starts, and why it does not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.owner import CREDENTIALS, wait_for


def run(root: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command in the project's folder, in an environment with nothing of the developer's own."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("WCE_", "ALLOW_NEW"))}
    return subprocess.run(command, cwd=root, env=clean | environ, capture_output=True, text=True, timeout=60, check=False)


def app(root: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return run(root, sys.executable, "app.py", **environ)


def answers(port: str) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(f"http://127.0.0.1:{port}/health/live", timeout=60).ok
    return False


@pytest.mark.parametrize(
    ("environ", "lines"),
    [
        (
            {"WCE_PORT": "70000", "WCE_ENV": "staging"},
            ["wce: WCE_PORT must be from 0 to 65535", "wce: WCE_ENV must be one of development, production"],
        ),
        ({"WCE_ENV": "production"}, ["wce: WCE_JWT_SECRET must be set when WCE_ENV is production"]),
        (
            {"WCE_PROCESSES": "2"},
            ["wce: WCE_PROCESSES above 1 needs WCE_SERVER=granian: waitress serves with threads of one process"],
        ),
        ({"WCE_CENV_MAX_USERS": "none"}, ["wce: WCE_CENV_MAX_USERS must be a whole number"]),
    ],
)
def test_each_broken_setting_is_one_line(root: Path, tmp_path: Path, environ: dict[str, str], lines: list[str]) -> None:
    done = app(root, WCE_STORAGE_DIR=str(tmp_path / "cenvs"), **environ)

    assert done.returncode == 2
    assert done.stderr.splitlines() == lines
    assert done.stdout == ""


@pytest.mark.parametrize("variable", ["WCE_STORAGE_DIR", "WCE_LOG_FILE", "WCE_TEMP_DIR"])
def test_a_path_that_cannot_be_used_is_one_line_with_its_setting(root: Path, tmp_path: Path, variable: str) -> None:
    (tmp_path / "file").write_text("")
    path = str(tmp_path / "file" / "inside")

    done = app(root, **{"WCE_STORAGE_DIR": str(tmp_path / "cenvs"), "WCE_PORT": "0", "WCE_JWT_SECRET": "k" * 32, variable: path})

    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"wce: {variable} {path}: Not a directory"]


def test_a_port_that_is_taken_is_one_line(root: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        done = app(root, WCE_STORAGE_DIR=str(tmp_path / "cenvs"), WCE_PORT=port, WCE_JWT_SECRET="k" * 32)

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"wce: cannot listen on 127.0.0.1 port {port}: ")


@pytest.mark.parametrize("engine", ["waitress", "granian"])
def test_a_host_that_is_none_and_what_is_only_warned_of(root: Path, tmp_path: Path, engine: str) -> None:
    more = {"WCE_SERVER": engine, "WCE_PORTS": "1", "WCE_JWT_SECRET": ""}

    done = app(root, WCE_STORAGE_DIR=str(tmp_path / "cenvs"), WCE_HOST="300.0.0.1", WCE_PORT="0", **more)

    assert done.returncode == 2
    typo, secret, host = done.stderr.splitlines()
    assert '"variable":"WCE_PORTS","near":"WCE_PORT"' in typo
    assert "random_jwt_secret" in secret
    assert host.startswith("wce: WCE_HOST 300.0.0.1: ")


def test_a_second_server_is_kept_off_the_folder(root: Path, server: Any) -> None:
    done = app(root, WCE_STORAGE_DIR=str(server.storage), WCE_PORT="0", WCE_JWT_SECRET="k" * 32)

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("wce: ")
    assert str(server.storage) in line


@pytest.mark.parametrize("engine", ["waitress", "granian"])
@pytest.mark.parametrize("streams", ["<&- >&- 2>&-", "> /dev/full 2> /dev/full"])
def test_it_serves_though_nobody_can_hear_what_it_says(root: Path, tmp_path: Path, engine: str, streams: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    settings = {"WCE_STORAGE_DIR": str(tmp_path / "cenvs"), "WCE_JWT_SECRET": "k" * 32, "WCE_PORT": port, "WCE_SERVER": engine}

    with subprocess.Popen(["bash", "-c", f"exec {sys.executable} app.py {streams}"], cwd=root, env=os.environ | settings) as process:
        try:
            wait_for(lambda: process.poll() is not None or answers(port))
            told = requests.post(f"http://127.0.0.1:{port}/new", json=CREDENTIALS, timeout=60)
        finally:
            process.terminate()

    assert (told.status_code, process.returncode) == (201, 0)


def test_a_folder_has_any_name_whatever_the_locale(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Käfige # 50%?"
    settings = {"WCE_STORAGE_DIR": str(folder), "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}

    made = run(root, sys.executable, "-m", "wce", "new", "ada", "--password", "correct horse", **settings)
    kept = run(root, sys.executable, "-m", "wce", "backup", made.stdout.strip(), **settings)

    assert (made.returncode, kept.returncode) == (0, 0), made.stderr + kept.stderr
    assert (folder / f"{made.stdout.strip()}.db").exists()


def test_flask_finds_the_application(root: Path, tmp_path: Path) -> None:
    done = run(root, sys.executable, "-m", "flask", "routes", WCE_STORAGE_DIR=str(tmp_path / "cenvs"), WCE_JWT_SECRET="k" * 32)

    assert done.returncode == 0
    assert "/<cenv:cenv_id>/query" in done.stdout


def test_flask_tells_a_broken_setting_in_one_line(root: Path, tmp_path: Path) -> None:
    done = run(root, sys.executable, "-m", "flask", "routes", WCE_STORAGE_DIR=str(tmp_path / "cenvs"), WCE_PORT="many")

    assert done.returncode == 2
    assert done.stderr.splitlines() == ["wce: WCE_PORT must be a whole number"]


def test_importing_the_web_does_nothing(root: Path, tmp_path: Path) -> None:
    script = "import wce.web.factory, wce.web.server, app, os, threading; print(threading.active_count(), os.listdir())"

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == ("1 []\n", "")
